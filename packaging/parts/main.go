// Command parts says what a program is made of: the modules that are linked into a
// binary, and the npm packages of the dashboard, as a CycloneDX bill of materials
// and as the texts of their licences.
//
//	parts -sbom FILE -licences FILE [-ui DIR] BINARY
package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// part is a module or package that is in a program.
type part struct {
	Name, Version, Purl string
	License             string // SPDX expression, if whoever made it says so
	Alg, Hash           string // hex
	Dir                 string // its source on this machine
}

func main() {
	var (
		sbom     = flag.String("sbom", "", "write the bill of materials to this `file`")
		licences = flag.String("licences", "", "write the texts of the licences to this `file`")
		ui       = flag.String("ui", "", "`folder` of the dashboard's sources, when its pages are in the binary")
		name     = flag.String("name", "", "the program")
		version  = flag.String("version", "", "its version")
		date     = flag.String("date", "", "of the version, RFC 3339")
	)
	flag.Parse()
	if err := run(*sbom, *licences, *ui, about{*name, *version, *date}, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "parts:", err)
		os.Exit(1)
	}
}

func run(sbom, licences, ui string, a about, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	cache, err := moduleCache()
	if err != nil {
		return err
	}
	parts := goParts(info, cache)
	if ui != "" {
		lock, err := os.ReadFile(filepath.Join(ui, "package-lock.json"))
		if err != nil {
			return err
		}
		pages, err := npmParts(lock, ui)
		if err != nil {
			return err
		}
		parts = append(parts, pages...)
	}
	if sbom != "" {
		if err := os.WriteFile(sbom, bill(a, parts), 0o644); err != nil {
			return err
		}
	}
	if licences == "" {
		return nil
	}
	text, err := texts(a.name, parts)
	if err != nil {
		return err
	}
	return os.WriteFile(licences, []byte(text), 0o644)
}

// goParts are the modules in a binary, and the standard library.
func goParts(info *buildinfo.BuildInfo, cache string) []part {
	std := strings.TrimPrefix(info.GoVersion, "go")
	std, _, _ = strings.Cut(std, " ")
	root, _ := goEnv("GOROOT")
	out := []part{{Name: "std", Version: std, Purl: "pkg:golang/std@" + std, License: "BSD-3-Clause", Dir: root}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		p := part{Name: m.Path, Version: m.Version, Purl: "pkg:golang/" + m.Path + "@" + m.Version,
			Dir: filepath.Join(cache, escaped(m.Path)+"@"+escaped(m.Version))}
		// The sum is a SHA-256, of the list of the module's files and their own.
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == 32 {
			p.Alg, p.Hash = "SHA-256", hex.EncodeToString(sum)
		}
		out = append(out, p)
	}
	return out
}

// escaped is how the module cache writes a path: file systems may not know
// upper case from lower case.
func escaped(path string) string {
	var b strings.Builder
	for _, r := range path {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// npmParts are the packages that a lock file names for more than development.
func npmParts(lock []byte, dir string) ([]part, error) {
	var file struct {
		Packages map[string]struct {
			Version, License, Integrity string
			Dev                         bool
		}
	}
	if err := json.Unmarshal(lock, &file); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	var out []part
	for at, p := range file.Packages {
		i := strings.LastIndex(at, "node_modules/")
		if i < 0 || p.Dev {
			continue
		}
		name := at[i+len("node_modules/"):]
		n := part{Name: name, Version: p.Version, License: p.License, Dir: filepath.Join(dir, at),
			Purl: "pkg:npm/" + strings.Replace(name, "@", "%40", 1) + "@" + p.Version}
		if sum, ok := strings.CutPrefix(p.Integrity, "sha512-"); ok {
			if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
				n.Alg, n.Hash = "SHA-512", hex.EncodeToString(raw)
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b part) int { return cmp.Compare(a.Purl, b.Purl) })
	if len(out) == 0 {
		return nil, errors.New("package-lock.json names no packages")
	}
	return out, nil
}
