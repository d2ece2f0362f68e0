package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills structs from a YAML file. It is stricter than YAML: every key
// must be known and given once, and anchors, tags and further documents are
// refused. It goes on after an error, so that one run names them all, and
// remembers the line of every value for checks that come later.
type decoder struct {
	name  string         // of the file, for messages
	lines map[string]int // by path, as in customers[1].addresses[0]
	errs  []error
}

// decode fills out, a pointer to a struct.
func decode(name string, text []byte, out any) *decoder {
	d := &decoder{name: name, lines: map[string]int{}}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return d
	}
	docs := file.Docs
	for len(docs) > 0 && docs[len(docs)-1].Body == nil {
		docs = docs[:len(docs)-1] // a file of comments alone is a file of defaults
	}
	switch len(docs) {
	case 0:
	case 1:
		d.value(docs[0].Body, reflect.ValueOf(out).Elem(), "")
	default:
		d.fail(line(docs[1].Body), "only one document a file; remove the --- above this line")
	}
	return d
}

// syntax reports what the YAML parser said, in one line.
func (d *decoder) syntax(err error) {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		d.fail(e.GetToken().Position.Line, "%s", e.GetMessage())
		return
	}
	d.fail(1, "%s", strings.SplitN(err.Error(), "\n", 2)[0])
}

func (d *decoder) fail(line int, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.name, Line: line, Problem: fmt.Sprintf(format, args...)})
}

// at reports a problem with the value at path, or the nearest above it that the
// file has.
func (d *decoder) at(path, format string, args ...any) {
	d.fail(d.lineOf(path), format, args...)
}

func (d *decoder) lineOf(path string) int {
	for path != "" {
		if n, ok := d.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// value stores one node in v.
func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if _, known := d.lines[path]; !known {
		d.lines[path] = line(n)
	}
	switch n.(type) {
	case *ast.NullNode:
		return // an empty key keeps its default
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.fail(line(n), "%s: anchors, aliases, tags and merge keys are not supported; write the value out", path)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, path, "a word", u.UnmarshalText)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.text(n, path, kindName(v.Kind()), func(b []byte) error { return scalar(string(b), v) })
	}
}

// mapping stores a block of keys in a struct.
func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		d.fail(line(n), "%s: expected keys and values, found %s", or(path, "the file"), n.Type().YAMLName())
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]int{}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		at := line(pair.Key)
		i, known := fields[key]
		if !known {
			d.fail(at, "unknown key %q%s%s", key, in(path), suggestion(key, fields))
			continue
		}
		if before, twice := seen[key]; twice {
			d.fail(at, "key %q is given twice, first in line %d", key, before)
			continue
		}
		seen[key] = at
		d.lines[join(path, key)] = at
		d.value(pair.Value, v.Field(i), join(path, key))
	}
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(line(n), "%s: expected a list, as in [one, two], found %s", path, n.Type().YAMLName())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

// text hands a scalar as it is written to set: 0100 stays 0100.
func (d *decoder) text(n ast.Node, path, want string, set func([]byte) error) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case ast.ScalarNode:
		s = n.GetToken().Value
	default:
		d.fail(line(n), "%s: expected %s, found %s", path, want, n.Type().YAMLName())
		return
	}
	if err := set([]byte(s)); err != nil {
		d.fail(line(n), "%s: %v", path, err)
	}
}

var durationType = reflect.TypeFor[time.Duration]()

func scalar(s string, v reflect.Value) error {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is no duration; write it as 90s, 5m or 12h", s)
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		if s != "true" && s != "false" {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(s == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number in range", s)
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no number from 0 to %d", s, uint64(1)<<v.Type().Bits()-1)
		}
		v.SetUint(n)
	default:
		panic("configs: no rule for " + v.Type().String())
	}
	return nil
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	default:
		return "a number"
	}
}

// fieldsOf maps the keys of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
