package top

import (
	"strings"
)

// glyphs are the signs of one kind of terminal.
type glyphs struct {
	ascii              bool
	more               string // a text was cut here
	selected           string
	up, down           string // sorted so
	keys               string
	full, half, rest   string // of a bar
	levels             []rune // of a spark line, from the least to the most
	arrow, dot, cursor string
}

var (
	fancy = glyphs{
		more: "…", selected: "▸", up: "▲", down: "▼", keys: "←→",
		full: "━", half: "╸", rest: "─", levels: []rune("▁▂▃▄▅▆▇█"), arrow: "→", dot: "·", cursor: "▏",
	}
	simple = glyphs{
		ascii: true, more: "~", selected: ">", up: "^", down: "v", keys: "<>",
		full: "#", half: "#", rest: "-", levels: []rune("._-~=+*#"), arrow: "->", dot: "-", cursor: "_",
	}
)

// glyphsFor says what the terminal of an environment can draw: a locale of UTF-8 is
// needed, and more than the console's 512 signs.
func glyphsFor(getenv func(string) string) *glyphs {
	if t := getenv("TERM"); t == "linux" || t == "dumb" || t == "" {
		return &simple
	}
	for _, key := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(key); v != "" {
			v = strings.ToLower(strings.ReplaceAll(v, "-", ""))
			if strings.Contains(v, "utf8") {
				return &fancy
			}
			return &simple
		}
	}
	return &simple
}

// bar draws n of limit in w columns. What is more than nothing is seen.
func (g *glyphs) bar(n, limit uint64, w int) (full, rest string) {
	if limit == 0 || w <= 0 {
		return "", ""
	}
	halves := int(min(n, limit) * uint64(2*w) / limit) // at most 2*w
	if n > 0 && halves == 0 {
		halves = 1
	}
	full = strings.Repeat(g.full, halves/2)
	if halves%2 == 1 {
		full += g.half
	}
	return full, strings.Repeat(g.rest, w-(halves+1)/2)
}

// spark draws values, the last of them now, in w columns: the greatest of those that
// share a column. Zero is blank, and the least above it can be seen.
func (g *glyphs) spark(values []uint32, w int) string {
	if w <= 0 {
		return ""
	}
	top := uint32(0)
	for _, v := range values {
		top = max(top, v)
	}
	if top == 0 {
		return strings.Repeat(" ", w)
	}
	w0 := max(w-len(values), 0)
	w -= w0
	out := make([]rune, 0, w)
	for i := range w {
		most := uint32(0)
		for _, v := range values[i*len(values)/w : (i+1)*len(values)/w] {
			most = max(most, v)
		}
		r := ' '
		if most > 0 {
			r = g.levels[uint64(most)*uint64(len(g.levels)-1)/uint64(top)]
		}
		out = append(out, r)
	}
	return strings.Repeat(" ", w0) + string(out)
}
