package manual

import (
	"strings"
)

// ConfigPage returns the manual page (section 5) of a configuration file, from the
// reference file in which every key stands with its default, below a comment. A
// line that begins with # and no blank is an example of a key without default.
func ConfigPage(program, file, reference string, about About) string {
	r := &roff{}
	name := program + ".yaml"
	r.macro("TH", strings.ToUpper(name), "5", about.Date, program+" "+about.Version, "File Formats")
	r.macro("SH", "NAME")
	r.text(escape(name) + " \\- configuration of " + escape(program))
	r.macro("SH", "SYNOPSIS")
	r.text("\\fI" + escape(file) + "\\fR")
	r.macro("SH", "DESCRIPTION")
	r.text("The file is YAML. Every key may be left out; it then has the default that stands behind it here.")
	r.text("Names with [] stand in a list. A key that is not known is an error.")
	r.text(escape("`" + program + " check' names what is wrong in a file with its line, and what is odd."))
	r.macro("SH", "KEYS")
	for _, k := range Keys(reference) {
		r.macro("TP")
		head := "\\fB" + escape(k.Path) + "\\fR"
		switch {
		case k.Value != "" && k.Example:
			head += ", as in \\fI" + escape(k.Value) + "\\fR"
		case k.Value != "":
			head += ": \\fI" + escape(k.Value) + "\\fR"
		}
		r.text(head)
		if k.Text == "" { // a pair has one comment, as a certificate and its key
			k.Text = "As above."
		}
		r.prose(k.Text)
	}
	r.seeAlso(about.SeeAlso)
	return r.String()
}

// Key is a key of a reference file.
type Key struct {
	Path    string // as in customers[].id
	Value   string // its default, or an example
	Text    string // the comment above it
	Example bool
}

// Keys reads a reference file. Of keys that stand several times, as in several
// entries of a list, it returns the first.
func Keys(reference string) (out []Key) {
	type level struct {
		indent int
		name   string
	}
	var (
		above   []level
		comment []string
		seen    = map[string]bool{}
	)
	for l := range strings.SplitSeq(reference, "\n") {
		body := strings.TrimLeft(l, " ")
		indent := len(l) - len(body)
		if body == "" {
			comment = nil
			continue
		}
		if text, is := strings.CutPrefix(body, "# "); is || body == "#" {
			comment = append(comment, text)
			continue
		}
		body, example := strings.CutPrefix(body, "#")
		item, entry := strings.CutPrefix(body, "- ")
		name, value, isKey := strings.Cut(item, ":")
		if !isKey {
			continue
		}
		for len(above) > 0 && above[len(above)-1].indent >= indent {
			above = above[:len(above)-1]
		}
		if entry { // its keys stand two further in
			above = append(above, level{indent, "[]"})
			indent += 2
		}
		above = append(above, level{indent, name})
		var path strings.Builder
		for i, a := range above {
			if i > 0 && a.name != "[]" {
				path.WriteByte('.')
			}
			path.WriteString(a.name)
		}
		if p := path.String(); !seen[p] {
			seen[p] = true
			out = append(out, Key{Path: p, Value: strings.TrimSpace(value), Text: strings.Join(comment, "\n"), Example: example})
		}
		comment = nil
	}
	return out
}
