package query

import (
	"unicode"
	"unicode/utf8"
)

// CellText is how a text stands in CSV. It keeps a spreadsheet from taking it for a
// formula: callers choose what is in From, and = + - @ begin one, in full width too
// (spreadsheets of East Asia), and after blanks. Where a decimal point is a comma,
// spreadsheets cut lines at semicolons and know no quotes that begin later, so a formula
// can begin within a text too. A quote in front is what spreadsheets themselves write for
// "this is a text". The pages do the same: ui/src/lib/save.ts.
func CellText(s string) string {
	if begins(s, false) || s != "" && separates(s[0]) && s[0] != ';' { // a spreadsheet may cut it off, and look again
		s = "'" + s
	}
	for i := 0; i < len(s); i++ {
		if separates(s[i]) && begins(s[i+1:], true) {
			s = s[:i+1] + "'" + s[i+1:]
		}
	}
	return s
}

// begins reports whether a formula comes first, or after blanks; with here not after
// those that separate.
func begins(s string, here bool) bool {
	for _, r := range s {
		if !blank(r) || here && r < utf8.RuneSelf && separates(byte(r)) {
			return formula(r)
		}
	}
	return false
}

// separates reports whether a spreadsheet may take what follows for another cell.
func separates(c byte) bool { return c == ';' || c == '\t' || c == '\r' || c == '\n' }

func formula(r rune) bool {
	switch r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return true
	}
	return false
}

// blank is what does not show in front of a formula: white space, control characters, and
// those without a width.
func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff'
}
