package table

import (
	"errors"

	"github.com/sipward/sipward/internal/seal"
)

// Reason says why a table was not taken. The set is closed: it labels a metric.
type Reason uint8

// Reasons; the zero value is invalid.
const (
	Unsigned  Reason = iota + 1
	Truncated        // its end is missing
	Malformed        // its signature cannot be read
	WrongKey         // signed with a key that is not trusted here
	Changed          // after it was signed
	TooLarge
	Older    // than one that was taken before
	Conflict // has the version of another
	Invalid  // its text is no table
	Disk     // could not be written, or read
	Unused   // could not be put in force
	Missing  // was taken, and is gone from the disk
)

var words = map[Reason]string{
	Unsigned: "unsigned", Truncated: "truncated", Malformed: "malformed", WrongKey: "wrong_key", Changed: "changed",
	TooLarge: "too_large", Older: "older", Conflict: "conflict", Invalid: "invalid", Disk: "disk", Unused: "unused", Missing: "missing",
}

// Reasons lists all, for metrics that begin at 0.
func Reasons() (out []Reason) {
	for r := Unsigned; r <= Missing; r++ {
		out = append(out, r)
	}
	return out
}

// String returns the word that metrics and status use.
func (r Reason) String() string {
	if w := words[r]; w != "" {
		return w
	}
	return "invalid_reason"
}

// reasonOf tells apart why a signed text does not open.
func reasonOf(err error) Reason {
	for _, x := range []struct {
		is error
		r  Reason
	}{
		{seal.ErrUnsigned, Unsigned},
		{seal.ErrTruncated, Truncated},
		{seal.ErrKey, WrongKey},
		{seal.ErrChanged, Changed},
		{seal.ErrTooLarge, TooLarge},
	} {
		if errors.Is(err, x.is) {
			return x.r
		}
	}
	return Malformed
}
