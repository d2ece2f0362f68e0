package manual

import "strings"

// roff is a page in the language of man(7).
type roff struct{ strings.Builder }

func (r *roff) line(s string) { r.WriteString(s + "\n") }

// macro writes a request with its arguments.
func (r *roff) macro(name string, args ...string) {
	line := "." + name
	for _, a := range args {
		line += ` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`
	}
	r.line(line)
}

// text writes a line that is roff already.
func (r *roff) text(s string) {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	r.line(s)
}

// prose writes text as people write it: empty lines end paragraphs, and lines
// that begin with blanks stay as they are.
func (r *roff) prose(s string) {
	verbatim := false
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i, l := range lines {
		kept := strings.HasPrefix(l, "  ")
		if verbatim && !kept && l != "" {
			r.macro("fi")
			r.macro("RE")
			verbatim = false
		}
		switch {
		case kept && !verbatim:
			verbatim = true
			r.macro("sp")
			r.macro("RS", "4")
			r.macro("nf")
			r.text(escape(strings.TrimSpace(l)))
		case l == "" && !verbatim && !(i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  ")):
			r.macro("PP")
		case l == "":
		default:
			r.text(escape(strings.TrimSpace(l)))
		}
	}
	if verbatim {
		r.macro("fi")
		r.macro("RE")
	}
}

// escape makes text of what would be language. Dashes are those that can be
// copied into a shell.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "'", `\(aq`).Replace(s)
}
