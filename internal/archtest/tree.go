// Package archtest checks who may import whom. The tables in rules.go are the
// module's architecture; docs/architecture.md says the same in prose.
//
// It reads source files, not a build, so that every build tag is covered and
// no file can hide behind one.
package archtest

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Tree is a module's packages by their folder, relative to the module's root;
// the root itself is ".".
type Tree map[string]*Package

// Package is one folder of Go files.
type Package struct {
	Imports     map[string]string // import path -> file:line of the first one
	TestImports map[string]string // the same of _test.go files
	Uses        []Use             // outside _test.go files
}

// Use is something in a file that a pure package must not do.
type Use struct {
	What string // "time.Now", "go statement"
	At   string // file:line
}

// Load reads all Go files below root. Imports of the module itself are held as
// folders relative to root.
func Load(root, module string) (Tree, error) {
	t := Tree{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && skippedDir(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return fmt.Errorf("place %s below %s: %w", name, root, err)
		}
		return t.addFile(name, filepath.ToSlash(rel), module)
	})
	return t, err
}

func skippedDir(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
		name == "testdata" || name == "vendor" || name == "node_modules"
}

func (t Tree) addFile(name, rel, module string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse %s: %w", rel, err)
	}
	if runByHand(f) {
		return nil
	}
	generated := strings.HasSuffix(name, ".pb.go")
	dir := path.Dir(rel)
	p := t[dir]
	if p == nil {
		p = &Package{Imports: map[string]string{}, TestImports: map[string]string{}}
		t[dir] = p
	}
	at := func(pos token.Pos) string { return fmt.Sprintf("%s:%d", rel, fset.Position(pos).Line) }
	test := strings.HasSuffix(rel, "_test.go")
	imports := p.Imports
	if test {
		imports = p.TestImports
	}
	for _, spec := range f.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", at(spec.Pos()), spec.Path.Value, err)
		}
		if generated && target == "sync" {
			continue // a once that guards the description of the types; nothing waits for it
		}
		target = inModule(target, module)
		if _, seen := imports[target]; !seen {
			imports[target] = at(spec.Pos())
		}
	}
	if !test {
		p.Uses = append(p.Uses, uses(f, at)...)
	}
	return nil
}

// runByHand reports whether f is a generator behind "//go:build ignore", which
// is part of no package.
func runByHand(f *ast.File) bool {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if c.Pos() > f.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			if x, err := constraint.Parse(c.Text); err == nil && x.String() == "ignore" {
				return true
			}
		}
	}
	return false
}

// inModule turns an import of the module into "./folder"; others stay as they are.
func inModule(target, module string) string {
	if target == module {
		return "./."
	}
	if rest, ok := strings.CutPrefix(target, module+"/"); ok {
		return "./" + rest
	}
	return target
}

// clock is what reads the clock or waits for it.
var clock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTimer": true, "NewTicker": true, "Local": true, "LoadLocation": true,
}

// uses finds go statements and any mention of the clock, called or not: a
// function value of time.Now is the clock as well.
func uses(f *ast.File, at func(token.Pos) string) []Use {
	timeName := ""
	var found []Use
	for _, spec := range f.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		timeName = "time"
		if spec.Name != nil {
			timeName = spec.Name.Name
		}
		if timeName == "." {
			found = append(found, Use{"dot import of time", at(spec.Pos())})
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, Use{"go statement", at(n.Pos())})
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && timeName != "" && x.Name == timeName && clock[n.Sel.Name] {
				found = append(found, Use{"time." + n.Sel.Name, at(n.Pos())})
			}
		}
		return true
	})
	return found
}
