package configs

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

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

// at reports a problem with the value at path, or the nearest above it that the
// file has.
func (d *decoder) at(path, format string, args ...any) {
	d.fail(d.lineOf(path), format, args...)
}

// lineOf returns the line of the value at path, as customers[1].addresses[0], or
// of the nearest above it that the file has.
func (d *decoder) lineOf(path string) int {
	n, at := &d.root, 1
	for path != "" {
		var step string
		i := strings.IndexAny(path[1:], ".[") + 1
		if i == 0 {
			i = len(path)
		}
		step, path = path[:i], path[i:]
		below, line := n.step(strings.TrimPrefix(step, "."))
		if below == nil {
			break
		}
		n, at = below, line
	}
	return at
}

// step returns what is at a key, or at an index as [1], and its line; nil when
// there is nothing.
func (n *node) step(to string) (below *node, line int) {
	if digits, ok := strings.CutPrefix(to, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
		if err != nil || i >= len(n.items) {
			return nil, 0
		}
		return &n.items[i], n.items[i].line
	}
	for i := range n.pairs {
		if n.pairs[i].key == to {
			return &n.pairs[i].value, n.pairs[i].line
		}
	}
	return nil, 0
}

// trail is the way to a value. It becomes a text when somebody has to be told.
type trail struct {
	up    *trail
	key   string // "": an index
	index int
}

// String returns the way as in customers[1].addresses[0]; nil is the file itself.
func (t *trail) String() string {
	switch {
	case t == nil:
		return ""
	case t.key == "":
		return fmt.Sprintf("%s[%d]", t.up, t.index)
	}
	return join(t.up.String(), t.key)
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
		d.fail(n.line, "%s: expected keys and values, found %s; known are %s", or(at.String(), "the file"), n.name(), keysOf(fields))
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

// text hands a scalar as it is written to set: 0100 stays 0100.
func (d *decoder) text(n *node, at *trail, want string, set func([]byte) error) {
	if n.kind != scalar {
		d.fail(n.line, "%s: expected %s, found %s", at, want, n.name())
		return
	}
	if err := set([]byte(n.text)); err != nil {
		if want == wantAddress {
			err = fmt.Errorf("%q is no IP address; write it alone, as in 192.0.2.1", n.text)
		}
		d.fail(n.line, "%s: %v", at, err)
	}
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	addrType     = reflect.TypeFor[netip.Addr]()
)

const wantAddress = "an IP address"

func setScalar(s string, v reflect.Value) error {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is no duration; write it as 90s, 5m or 12h", s)
		}
		v.SetInt(int64(d))
	case v.Type() == timeType:
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return fmt.Errorf("%q is no time; write it as 2026-01-31T12:00:00Z", s)
		}
		v.Set(reflect.ValueOf(t.UTC()))
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
	case reflect.Struct:
		return "a time"
	default:
		return "a number"
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
