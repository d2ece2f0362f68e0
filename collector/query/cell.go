package query

import "unicode"

// CellText is how a text stands in CSV. It keeps a spreadsheet from taking it for a
// formula: callers choose what is in From, and = + - @ begin one, in full width too
// (spreadsheets of East Asia), and after blanks. A quote in front is what spreadsheets
// themselves write for "this is a text". The pages do the same: ui/src/lib/save.ts.
func CellText(s string) string {
	for _, r := range s {
		switch {
		case blank(r):
			continue
		case formula(r):
			return "'" + s
		}
		break
	}
	if s != "" && (s[0] == '\t' || s[0] == '\r' || s[0] == '\n') { // a spreadsheet may cut it off, and look again
		return "'" + s
	}
	return s
}

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
