package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryRuleIsUsed: permission for an import that nobody makes describes a module
// that is not there.
func TestEveryRuleIsUsed(t *testing.T) {
	tree := loadModule(t)
	for _, l := range layers {
		if len(dirsOf(tree, l)) == 0 {
			t.Errorf("layers: no package matches %s", l.From)
		}
		for _, may := range l.May {
			if !importsLocal(tree, l, may) {
				t.Errorf("layers: %s may import %s and does not", l.From, may)
			}
		}
	}
	for _, l := range libraries {
		for _, in := range l.In {
			if !usesLibrary(tree, l, in) {
				t.Errorf("libraries: %s may use %s and does not", in, l.Path)
			}
		}
	}
}

// TestEveryPackageIsDescribed: a reader finds each part of the programs in the table of
// docs/architecture.md. What is below testkit, test and packaging has one row for all.
func TestEveryPackageIsDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, _, _ := strings.Cut(string(text), "## Who may import whom")
	for dir := range loadModule(t) {
		if matchAny([]string{"internal/testkit/...", "test/...", "packaging/..."}, dir) {
			continue
		}
		if !strings.Contains(rows, "`"+dir+"/`") {
			t.Errorf("docs/architecture.md has no row for `%s/`", dir)
		}
	}
}

func loadModule(t *testing.T) Tree {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Load(root, module)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// dirsOf returns the packages whose first matching row is l.
func dirsOf(t Tree, l Layer) []string {
	var out []string
	for dir := range t {
		for _, row := range layers {
			if match(row.From, dir) {
				if row.From == l.From {
					out = append(out, dir)
				}
				break
			}
		}
	}
	return out
}

func importsLocal(t Tree, l Layer, may string) bool {
	for _, dir := range dirsOf(t, l) {
		for _, imports := range []map[string]string{t[dir].Imports, t[dir].TestImports} {
			for target := range imports {
				if local, ok := strings.CutPrefix(target, "./"); ok && match(may, local) {
					return true
				}
			}
		}
	}
	return false
}

func usesLibrary(t Tree, l Library, in string) bool {
	for dir, p := range t {
		imports := p.Imports
		if in == tests {
			imports = p.TestImports
		} else if !match(in, dir) {
			continue
		}
		for target := range imports {
			if row, _ := library(target); row != nil && row.Path == l.Path {
				return true
			}
		}
	}
	return false
}
