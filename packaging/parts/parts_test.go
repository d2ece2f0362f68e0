package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lock = `{"packages": {"": {"version": "1"},
 "node_modules/b": {"version": "2.0.0", "license": "MIT", "integrity": "sha512-AAEC"},
 "node_modules/a/node_modules/@s/c": {"version": "3.0.0", "license": "0BSD"},
 "node_modules/tool": {"version": "4.0.0", "license": "MIT", "dev": true}}}`

func TestNpmParts(t *testing.T) {
	got, err := npmParts([]byte(lock), "ui")
	want := []part{
		{Name: "@s/c", Version: "3.0.0", Purl: "pkg:npm/%40s/c@3.0.0", License: "0BSD", Dir: "ui/node_modules/a/node_modules/@s/c"},
		{Name: "b", Version: "2.0.0", Purl: "pkg:npm/b@2.0.0", License: "MIT", Alg: "SHA-512", Hash: "000102", Dir: "ui/node_modules/b"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range []string{"{", `{"packages": {}}`} {
		if _, err := npmParts([]byte(bad), ""); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// The other command here has modules, and their licences are at hand.
func TestGoParts(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "configpage")
	if said, err := exec.Command("go", "build", "-o", binary, "../configpage").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := moduleCache()
	if err != nil {
		t.Fatal(err)
	}
	parts := goParts(info, cache)
	var found *part
	for i, p := range parts {
		if p.Name == "github.com/alecthomas/kong" {
			found = &parts[i]
		}
	}
	if found == nil || found.Version == "" || len(found.Hash) != 64 || !strings.HasPrefix(found.Purl, "pkg:golang/github.com/alecthomas/kong@v") {
		t.Fatalf("%+v in %+v", found, parts)
	}
	all, err := texts("x", parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kong v", "Permission is hereby granted", "Redistribution and use in source and binary forms", "std 1."} {
		if !strings.Contains(all, want) {
			t.Errorf("missing %q", want)
		}
	}
}

func TestTexts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"one/LICENSE": "Free.", "two/Licence.md": "Free.\r\n", "three/NOTICE": "Mine.", "three/license.go": "no", "four/x": ""} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(name, license string) part {
		return part{Name: name, Version: "v1", License: license, Dir: filepath.Join(dir, name)}
	}
	got, err := texts("x", []part{of("one", ""), of("three", ""), of("two", ""), of("four", "ISC")})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one v1\ntwo v1\n\nFree.\n", "three v1\n\nMine.\n", "four v1\n\nLicense: ISC\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in %s", want, got)
		}
	}
	for _, bad := range []part{of("four", ""), of("none", "")} {
		if _, err := texts("x", []part{bad}); err == nil {
			t.Errorf("%s: no error", bad.Name)
		}
	}
}

func TestBill(t *testing.T) {
	a := about{"sipward-x", "v1", "2026-01-02T03:04:05Z"}
	parts := []part{{Name: "m", Version: "v2", Purl: "pkg:golang/m@v2", Alg: "SHA-256", Hash: "ab"}, {Name: "n", Version: "3", Purl: "pkg:npm/n@3", License: "MIT"}}
	b := bill(a, parts)
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || len(d.Serial) != len("urn:uuid:00000000-0000-0000-0000-000000000000") || d.Serial[23] != '8' {
		t.Errorf("%s", b)
	}
	want := []component{
		{Type: "library", Ref: "pkg:golang/m@v2", Name: "m", Version: "v2", Purl: "pkg:golang/m@v2", Hashes: []hash{{"SHA-256", "ab"}}},
		{Type: "library", Ref: "pkg:npm/n@3", Name: "n", Version: "3", Purl: "pkg:npm/n@3", Licenses: []choice{{"MIT"}}},
	}
	if diff := cmp.Diff(want, d.Components); diff != "" {
		t.Error(diff)
	}
	if string(bill(a, parts)) != string(b) {
		t.Error("the same parts have another bill")
	}
	if a.version = "v2"; string(bill(a, parts)) == string(b) {
		t.Error("another version has the same bill")
	}
}
