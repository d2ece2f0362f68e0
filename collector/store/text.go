package store

import "strings"

// maxText is how many bytes of a text are kept in a column: names and numbers
// are shorter, and the record has all of it.
const maxText = 1024

// text makes a column of what a message said: PostgreSQL takes no NUL and no
// broken UTF-8, and neither store shall hold what the other cannot.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
