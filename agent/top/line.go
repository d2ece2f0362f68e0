package top

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// tone is what a text means, which decides how it looks.
type tone uint8

// Tones; the zero value is invalid.
const (
	plain  tone = iota + 1
	quiet       // labels, and what is as it should be
	strong      // titles
	good        // bars
	warn        // needs attention soon
	bad         // needs attention now
	chosen      // the line of the cursor
	tones
)

// looks use the 16 colours that every terminal has, in the shades that its owner
// chose; where there are none, what matters is said in words as well.
var looks = [tones]lipgloss.Style{
	plain:  lipgloss.NewStyle(),
	quiet:  lipgloss.NewStyle().Faint(true),
	strong: lipgloss.NewStyle().Bold(true),
	good:   lipgloss.NewStyle().Foreground(lipgloss.Cyan),
	warn:   lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	bad:    lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	chosen: lipgloss.NewStyle().Reverse(true),
}

// span is a piece of a line. Its text is clean.
type span struct {
	tone tone
	text string
}

// line is one line of the screen, which knows its width.
type line struct {
	spans []span
	width int
}

// add appends a clean text.
func (l *line) add(t tone, text string) *line {
	if text != "" {
		l.spans = append(l.spans, span{t, text})
		l.width += width(text)
	}
	return l
}

// join appends another line.
func (l *line) join(o *line) *line {
	l.spans = append(l.spans, o.spans...)
	l.width += o.width
	return l
}

// pad appends spaces up to column w.
func (l *line) pad(w int) *line {
	if w > l.width {
		l.add(plain, strings.Repeat(" ", w-l.width))
	}
	return l
}

// draw writes the line in at most w columns.
func (l *line) draw(b *strings.Builder, w int, g *glyphs) {
	if l.width > w {
		l = l.cut(w, g)
	}
	for i := 0; i < len(l.spans); {
		t, text := l.spans[i].tone, l.spans[i].text
		for i++; i < len(l.spans) && l.spans[i].tone == t; i++ {
			text += l.spans[i].text
		}
		if t != plain {
			text = looks[t].Render(text)
		}
		b.WriteString(text)
	}
}

// cut returns the beginning of a line that is longer than w columns.
func (l *line) cut(w int, g *glyphs) *line {
	out := &line{}
	for _, s := range l.spans {
		room := w - width(g.more) - out.width
		out.add(s.tone, cut(s.text, room, ""))
		if width(s.text) > room {
			break
		}
	}
	if w > 0 {
		out.add(plain, g.more)
	}
	return out
}

// flow lays items out on lines of w columns, with a gap between them that is less
// where lines are short. No item is broken.
func flow(items []*line, w int) []*line {
	wide := flowWith(items, w, 3)
	if len(wide) > 1 {
		return flowWith(items, w, 2)
	}
	return wide
}

func flowWith(items []*line, w, gap int) (out []*line) {
	at := &line{}
	for _, it := range items {
		if it.width == 0 {
			continue
		}
		if at.width > 0 && at.width+gap+it.width > w {
			out, at = append(out, at), &line{}
		}
		if at.width > 0 {
			at.pad(at.width + gap)
		}
		at.join(it)
	}
	if at.width > 0 {
		out = append(out, at)
	}
	return out
}

// labelled is the usual item: what, and how much.
func labelled(label string, t tone, value string) *line {
	l := &line{}
	return l.add(quiet, label+" ").add(t, value)
}
