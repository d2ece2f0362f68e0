package configs

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills structs from a YAML file. It is stricter than YAML: every key
// must be known and given once, and anchors, tags and further documents are
// refused. It goes on after an error, so that one run names them all, and
// keeps what it read, so that checks that come later can name lines.
type decoder struct {
	name   string // of the file, for messages
	root   node
	fields map[reflect.Type]map[string]int
	errs   []error
}

// decode fills out, a pointer to a struct.
func decode(name string, text []byte, out any) *decoder {
	d := &decoder{name: name, fields: map[reflect.Type]map[string]int{}}
	if d.read(text) {
		d.value(&d.root, reflect.ValueOf(out).Elem(), nil)
	}
	return d
}

// read makes d.root of a file; false when it is none.
func (d *decoder) read(text []byte) (ok bool) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write it
	if d.root, ok = quick(string(text)); ok {
		return true
	}
	return d.readYAML(text)
}

func (d *decoder) readYAML(text []byte) bool {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return false
	}
	docs := file.Docs
	for len(docs) > 0 && docs[len(docs)-1].Body == nil {
		docs = docs[:len(docs)-1] // a file of comments alone is a file of defaults
	}
	switch len(docs) {
	case 0:
		d.root = node{kind: null}
	case 1:
		d.root = fromAST(docs[0].Body)
	default:
		d.fail(line(docs[1].Body), "only one document a file; remove the --- above this line")
		return false
	}
	return true
}

// syntax reports what the YAML parser said, in one line.
func (d *decoder) syntax(err error) {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		d.fail(e.GetToken().Position.Line, "%s", plainly(e.GetMessage()))
		return
	}
	d.fail(1, "%s", strings.SplitN(err.Error(), "\n", 2)[0])
}

var givenTwice = regexp.MustCompile(`^mapping key ("[^"]*") already defined at \[(\d+):\d+\]$`)

// plainly says what the YAML parser means.
func plainly(message string) string {
	switch {
	case strings.Contains(message, "character '\t'"):
		return "a tab where spaces should be: YAML is indented by spaces alone"
	case strings.HasPrefix(message, "mapping value is not allowed"):
		return message + ": is this line, or the next, indented too far, or does a text with a colon lack its quotes?"
	}
	return givenTwice.ReplaceAllString(message, "key $1 is given twice, first in line $2")
}

func (d *decoder) fail(line int, format string, args ...any) {
	d.errs = append(d.errs, &Error{File: d.name, Line: line, Problem: fmt.Sprintf(format, args...)})
}

// value stores one node in v.
func (d *decoder) value(n *node, v reflect.Value, at *trail) {
	switch n.kind {
	case null:
		return // an empty key keeps its default
	case refused:
		d.fail(n.line, "%s: anchors, aliases, tags and merge keys are not supported; write the value out", at)
		return
	case scalar, sequence, mapping, strange:
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && v.Type() != timeType {
		want := "a word"
		if v.Type() == addrType {
			want = wantAddress
		}
		d.text(n, at, want, u.UnmarshalText)
		return
	}
	switch {
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		d.mapping(n, v, at)
	case v.Kind() == reflect.Slice:
		d.sequence(n, v, at)
	case v.Kind() == reflect.String && n.kind == scalar:
		v.SetString(n.text)
	default:
		d.text(n, at, kindName(v.Kind()), func(b []byte) error { return setScalar(string(b), v) })
	}
}

// mapping stores a block of keys in a struct.
func (d *decoder) mapping(n *node, v reflect.Value, at *trail) {
	fields := d.fieldsOf(v.Type())
	if n.kind != mapping {
		d.fail(n.line, "%s: expected keys and values, found %s; known are %s", cmp.Or(at.String(), "the file"), n.name(), keysOf(fields))
		return
	}
	for i := range n.pairs {
		p := &n.pairs[i]
		field, known := fields[p.key]
		if !known {
			d.fail(p.line, "unknown key %q%s%s", p.key, in(at.String()), suggestion(p.key, fields))
			continue
		}
		if before, _ := (&node{pairs: n.pairs[:i]}).step(p.key); before != nil {
			_, first := n.step(p.key)
			d.fail(p.line, "key %q is given twice, first in line %d", p.key, first)
			continue
		}
		d.value(&p.value, v.Field(field), &trail{up: at, key: p.key})
	}
}

func (d *decoder) sequence(n *node, v reflect.Value, at *trail) {
	if n.kind != sequence {
		d.fail(n.line, "%s: expected a list, as in [one, two], found %s", at, n.name())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i := range n.items {
		d.value(&n.items[i], v.Index(i), &trail{up: at, index: i})
	}
}

// fieldsOf maps the keys of a struct to its fields.
func (d *decoder) fieldsOf(t reflect.Type) map[string]int {
	if fields, known := d.fields[t]; known {
		return fields
	}
	fields := map[string]int{}
	d.fields[t] = fields
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}
