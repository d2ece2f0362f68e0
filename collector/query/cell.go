package query

// CellText is how a text stands in CSV. It keeps a spreadsheet from taking it for a
// formula: callers choose what is in From, and = + - @ (after blanks, too) begin one. A
// quote in front is what spreadsheets themselves write for "this is a text".
func CellText(s string) string {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\r', '\n':
			continue
		case '=', '+', '-', '@':
			return "'" + s
		}
		break
	}
	if s != "" && (s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		return "'" + s
	}
	return s
}
