package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licence is how the files are called that say under what a part may be used.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright|patents)([.-].*)?$`)

// texts returns the licences of all parts. Parts under the very same text share it.
// A part without a text of its own is an error, unless it names its licence.
func texts(program string, parts []part) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is under the Apache License, version 2.0. It contains these parts, under\nthe licences that follow.\n\n", program)
	var order []string
	names := map[string][]string{}
	for _, p := range parts {
		text, err := text(p)
		if err != nil {
			return "", err
		}
		if names[text] == nil {
			order = append(order, text)
		}
		names[text] = append(names[text], p.Name+" "+p.Version)
	}
	for _, t := range order {
		fmt.Fprintf(&b, "%s\n%s\n\n%s\n\n", strings.Repeat("=", 80), strings.Join(names[t], "\n"), t)
	}
	return b.String(), nil
}

// text returns what the files of a part say.
func text(p part) (string, error) {
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		return "", fmt.Errorf("the licence of %s: %w", p.Name, err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(p.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		all = append(all, strings.TrimSpace(string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")))))
	}
	switch {
	case len(all) > 0:
		return strings.Join(all, "\n\n"), nil
	case p.License != "":
		return "License: " + p.License, nil
	}
	return "", fmt.Errorf("%s %s has no licence in %s", p.Name, p.Version, p.Dir)
}

func moduleCache() (string, error) { return goEnv("GOMODCACHE") }

func goEnv(name string) (string, error) {
	out, err := exec.CommandContext(context.Background(), "go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
