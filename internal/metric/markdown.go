package metric

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/sipward/sipward/internal/tally"
)

// Table returns a group as a table of Markdown.
func Table(g Group) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for i := range g.Defs {
		d := &g.Defs[i]
		fmt.Fprintf(&b, "| `%s` | %s |%s | %s |\n", d.Name, d.Kind, labels(d.Labels), Phrase(d.Help))
	}
	return b.String()
}

// labels lists labels with the values that they can have, behind a space.
func labels(list []Label) string {
	var out []string
	for _, l := range list {
		text := "`" + l.Name + "`"
		if len(l.Values) > 0 {
			text += ": `" + strings.Join(l.Values, "`, `") + "`"
		}
		out = append(out, text)
	}
	if out == nil {
		return ""
	}
	between := ", "
	if strings.Contains(strings.Join(out, ""), ": ") {
		between = "; "
	}
	return " " + strings.Join(out, between)
}

// Phrase makes of a sentence what stands in a cell or behind a colon: with a small letter in front,
// unless its first word is an abbreviation, and without its full stop.
func Phrase(sentence string) string {
	r := []rune(strings.TrimSuffix(sentence, "."))
	if len(r) > 1 && (unicode.IsLower(r[1]) || r[1] == ' ') {
		r[0] = unicode.ToLower(r[0])
	}
	return string(r)
}

// Events returns a table of Markdown of the counters of a program's parts.
func Events(list []tally.Count) string {
	var b strings.Builder
	b.WriteString("| stage | event | meaning |\n|---|---|---|\n")
	for _, c := range list {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c.Stage, c.Event, c.Help)
	}
	return b.String()
}
