package configs

import "strings"

// A table of 10,000 customers takes the YAML library more than a second. What
// follows reads the part of YAML that such tables are written in, and gives up on
// everything else: quotes with escapes, text over several lines, anchors, and all
// that is wrong. The library then reads the file, and says what is wrong. Where
// this reader does not give up, it returns what the library would.

const (
	quickDepth = 8  // blocks and brackets within one another
	quickKeys  = 40 // of one mapping; twice the same is looked for one by one
)

// quickLine is a line that is neither empty nor a comment.
type quickLine struct {
	body   string // without indent, and without spaces at its end
	indent int
	number int // from 1
}

// quickReader reads the lines of a file.
type quickReader struct {
	lines []quickLine
	at    int // the line to be read next
	depth int
}

// quick reads text; false when it gives up.
func quick(text string) (root node, ok bool) {
	r := quickReader{lines: make([]quickLine, 0, strings.Count(text, "\n")+1)}
	for n := 1; text != ""; n++ {
		var raw string
		raw, text, _ = strings.Cut(text, "\n")
		if !plainText(raw) {
			return root, false
		}
		body := strings.TrimLeft(raw, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		r.lines = append(r.lines, quickLine{strings.TrimRight(body, " "), len(raw) - len(body), n})
	}
	if len(r.lines) == 0 {
		return node{kind: null}, true
	}
	root, ok = r.block(r.lines[0].indent)
	return root, ok && r.at == len(r.lines)
}

// plainText reports whether s has nothing but printable ASCII.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// block reads the mapping or the sequence that begins at the next line.
func (r *quickReader) block(indent int) (n node, ok bool) {
	r.depth++
	defer func() { r.depth-- }()
	switch {
	case r.depth > quickDepth:
		return n, false
	case r.lines[r.at].body[0] == '-':
		return r.sequence(indent)
	}
	return r.mapping(indent)
}

// next returns the next line if it is indented as wanted.
func (r *quickReader) next(indent int) *quickLine {
	if r.at < len(r.lines) && r.lines[r.at].indent == indent {
		return &r.lines[r.at]
	}
	return nil
}

func (r *quickReader) sequence(indent int) (n node, ok bool) {
	n = node{kind: sequence, line: r.lines[r.at].number}
	for l := r.next(indent); l != nil && l.body[0] == '-'; l = r.next(indent) {
		rest, ok := strings.CutPrefix(l.body, "- ")
		if !ok || rest[0] == ' ' {
			return n, false
		}
		var item node
		if _, _, isPair := quickKey(rest); isPair {
			l.body, l.indent = rest, indent+2 // the mapping begins behind the dash
			item, ok = r.block(l.indent)
		} else {
			item, ok = quickValue(rest, l.number)
			r.at++
		}
		if !ok {
			return n, false
		}
		n.items = append(n.items, item)
	}
	return n, true
}

func (r *quickReader) mapping(indent int) (n node, ok bool) {
	n = node{kind: mapping, line: r.lines[r.at].number}
	for l := r.next(indent); l != nil && l.body[0] != '-'; l = r.next(indent) {
		key, rest, ok := quickKey(l.body)
		if !ok || !n.takes(key) {
			return n, false
		}
		r.at++
		p := pair{key: key, line: l.number}
		if rest != "" {
			p.value, ok = quickValue(rest, l.number)
		} else {
			p.value, ok = r.below(indent)
		}
		if !ok {
			return n, false
		}
		n.pairs = append(n.pairs, p)
	}
	return n, len(n.pairs) > 0
}

// below reads what stands under a key that has nothing beside it.
func (r *quickReader) below(indent int) (n node, ok bool) {
	if r.at < len(r.lines) {
		l := &r.lines[r.at]
		if l.indent > indent || l.indent == indent && l.body[0] == '-' {
			return r.block(l.indent)
		}
	}
	return node{kind: null}, true
}

// takes reports whether the mapping can have a further key.
func (n *node) takes(key string) bool {
	for i := range n.pairs {
		if n.pairs[i].key == key {
			return false
		}
	}
	return len(n.pairs) < quickKeys
}

// quickKey cuts a key and its colon off.
func quickKey(s string) (key, rest string, ok bool) {
	i := 0
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] == '_') {
		i++
	}
	if i == 0 || i == len(s) || s[i] != ':' {
		return "", "", false
	}
	key, rest = s[:i], s[i+1:]
	if rest == "" {
		return key, "", true
	}
	trimmed := strings.TrimLeft(rest, " ")
	return key, trimmed, trimmed != rest
}

// quickValue reads the value that fills the rest of a line.
func quickValue(s string, line int) (n node, ok bool) {
	if timeOfDay(s) {
		return node{kind: scalar, line: line, text: s}, true
	}
	f := flow{rest: s, line: line}
	n, ok = f.value(1)
	return n, ok && f.rest == ""
}

// flow reads values in brackets.
type flow struct {
	rest string
	line int
}

func (f *flow) value(depth int) (n node, ok bool) {
	n.line = f.line
	if f.rest == "" || depth > quickDepth {
		return n, false
	}
	switch c := f.rest[0]; c {
	case '[':
		n.kind = sequence
		return n, f.list(']', func() bool {
			item, ok := f.value(depth + 1)
			n.items = append(n.items, item)
			return ok
		})
	case '{':
		n.kind = mapping
		return n, f.list('}', func() bool {
			key, rest, ok := quickKey(f.rest)
			if !ok || !n.takes(key) {
				return false
			}
			f.rest = rest
			item, ok := f.value(depth + 1)
			n.pairs = append(n.pairs, pair{key, f.line, item})
			return ok
		})
	case '"', '\'':
		n.kind = scalar
		n.text, f.rest, ok = strings.Cut(f.rest[1:], string(c))
		return n, ok && !strings.Contains(n.text, `\`) && !strings.HasPrefix(f.rest, string(c))
	}
	i := 0
	for i < len(f.rest) && plainByte(f.rest[i]) {
		i++
	}
	n.kind, n.text, f.rest = scalar, f.rest[:i], f.rest[i:]
	return n, plainWord(n.text)
}

// list reads what one reads, between commas, up to the closing bracket.
func (f *flow) list(end byte, one func() bool) bool {
	f.rest = strings.TrimLeft(f.rest[1:], " ")
	for first := true; ; first = false {
		switch {
		case f.rest == "":
			return false
		case f.rest[0] == end:
			f.rest = f.rest[1:]
			return true
		case !first:
			rest, ok := strings.CutPrefix(f.rest, ", ")
			if !ok {
				return false
			}
			f.rest = strings.TrimLeft(rest, " ")
		}
		if !one() {
			return false
		}
		f.rest = strings.TrimLeft(f.rest, " ")
	}
}

// timeOfDay reports whether s is a plain word with colons between digits, as a
// time has them: there they part no key from a value.
func timeOfDay(s string) bool {
	colon := false
	for i := range len(s) {
		if s[i] == ':' {
			if i == 0 || i+1 == len(s) || !isDigit(s[i-1]) || !isDigit(s[i+1]) {
				return false
			}
			colon = true
		} else if !plainByte(s[i]) {
			return false
		}
	}
	return colon && isDigit(s[0])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func plainByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '/' || c == '_'
}

// plainWord reports whether s is a text or a number to every reader. What may be
// nothing at all is left to the library.
func plainWord(s string) bool {
	return s != "" && s[0] != '.' && s[0] != '-' && s[0] != '/' && s[0] != '_' && !strings.EqualFold(s, "null")
}
