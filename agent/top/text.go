package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"

	"github.com/sipward/sipward/counters"
)

// maxClean bounds what clean looks at, in bytes: wider is no terminal.
const maxClean = 1024

// clean makes any text safe to draw: of s it keeps letters, digits, signs and spaces
// that take one or two columns each, in ASCII only those of ASCII; everything else
// is a question mark. Marks that join what stands before them, and whatever else
// terminals disagree on, count as everything else.
func clean(s string, ascii bool) string {
	s = s[:min(len(s), maxClean)]
	if plainASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == 0x7f || r > 0x7e && (ascii || !steady(r)) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// steady reports whether r has the same width everywhere and whatever stands beside
// it: no marks, no halves of flags or of emoji, no parts of Hangul syllables, and
// nothing that changes the direction of writing.
func steady(r rune) bool {
	switch {
	case r == unicode.ReplacementChar, !unicode.IsPrint(r), unicode.IsMark(r),
		r >= 0x1100 && r <= 0x11ff, r >= 0xa960 && r <= 0xa97f, r >= 0xd7b0 && r <= 0xd7ff,
		r >= 0x0590 && r <= 0x08ff, r >= 0xfb1d && r <= 0xfdff, r >= 0xfe70 && r <= 0xfeff,
		r >= 0x10800 && r <= 0x10fff, r >= 0x1e800 && r <= 0x1efff,
		r >= 0x1f000:
		return false
	}
	w := lipgloss.Width(string(r))
	return w == 1 || w == 2
}

// width is the number of columns of a clean text.
func width(s string) int {
	if plainASCII(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r >= ' ' && r <= 0x7e {
		return 1
	}
	return lipgloss.Width(string(r))
}

// cut shortens a clean text to at most w columns, the last of them mark if something
// was left out.
func cut(s string, w int, mark string) string {
	if w <= 0 {
		return ""
	}
	if width(s) <= w {
		return s
	}
	room := w - width(mark)
	n := 0
	for i, r := range s {
		n += runeWidth(r)
		if n > room {
			return s[:i] + mark
		}
	}
	return s
}

// wrap breaks a clean text into lines of at most w columns, and at most most lines.
func wrap(s string, w, most int) (lines []string) {
	at := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case at == "":
			at = word
		case width(at)+1+width(word) <= w:
			at += " " + word
		default:
			lines, at = append(lines, at), word
		}
	}
	if at != "" {
		lines = append(lines, at)
	}
	return lines[:min(len(lines), most)]
}

// grouped writes a number for people: 12,345.
func grouped[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a number in at most w columns, if need be in thousands or millions.
func short(n uint64, w int) string {
	s := fmt.Sprint(n)
	for _, unit := range "kMGTPE" {
		if len(s) <= w {
			break
		}
		whole, tenth := n/1000, n%1000/100
		n = whole
		s = fmt.Sprintf("%d.%d%c", whole, tenth, unit)
		if len(s) > w {
			s = fmt.Sprintf("%d%c", whole, unit)
		}
	}
	return s
}

// none is a figure without calls: not 0.
const none = "-"

// percent writes a ratio in at most 5 columns.
func percent(r counters.Ratio) string {
	v, ok := r.Value()
	switch {
	case !ok:
		return none
	case v > 0.9995:
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

// average writes an average of milliseconds as minutes and seconds, in at most 5
// columns.
func average(r counters.Ratio) string {
	v, ok := r.Value()
	if !ok {
		return none
	}
	s := int64(v/1000 + 0.5)
	switch {
	case s < 100*60:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	case s < 100*3600:
		return fmt.Sprintf("%dh%02d", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd", s/86400)
}

// delay writes an average of milliseconds in at most 4 columns: 12ms, 1.4s, 12s.
func delay(r counters.Ratio) string {
	v, ok := r.Value()
	switch {
	case !ok:
		return none
	case v < 99.5:
		return fmt.Sprintf("%.0fms", v)
	case v < 9950:
		return fmt.Sprintf("%.1fs", v/1000)
	}
	return fmt.Sprintf("%.0fs", min(v/1000, 999))
}

// clock writes how long something lasts: 0:07, 12:34, 1:02:34, 3d 04:12.
func clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s%3600/60, s%60)
	}
	return fmt.Sprintf("%dd %02d:%02d", s/86400, s%86400/3600, s%3600/60)
}

// age writes about how old something is: 0.4 s, 12 s, 7 min, 5 h, 3 d.
func age(ms int64) string {
	s := ms / 1000
	switch {
	case s < 10:
		return fmt.Sprintf("%d.%d s", s, ms%1000/100)
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 7200:
		return fmt.Sprintf("%d min", s/60)
	case s < 172_800:
		return fmt.Sprintf("%d h", s/3600)
	}
	return fmt.Sprintf("%d d", s/86400)
}

// size writes a number of bytes.
func size(n int64) string {
	v, units := float64(max(n, 0)), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; v >= 1000 && i < len(units)-1; i++ {
		v /= 1024
	}
	if i == 0 || v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
