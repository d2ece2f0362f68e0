package dtmf

import (
	"fmt"
	"strings"
)

// Policy says what is kept of the digits that were pressed: they can be card
// numbers and PINs.
type Policy uint8

// Policies; the zero value is invalid, and keeps nothing.
const (
	Count Policy = iota + 1 // how many only
	Mask                    // x for each: how many only, in the form of a text
	Store                   // the digits themselves
)

// String returns the word that the configuration uses.
func (p Policy) String() string {
	switch p {
	case Count:
		return "count"
	case Mask:
		return "mask"
	case Store:
		return "store"
	}
	return "invalid"
}

// UnmarshalText reads count, mask or store.
func (p *Policy) UnmarshalText(b []byte) error {
	for _, known := range []Policy{Count, Mask, Store} {
		if known.String() == string(b) {
			*p = known
			return nil
		}
	}
	return fmt.Errorf("%q is no policy; choose count (how many only), mask (x for each) or store", b)
}

// Keeps reports whether digits have to be remembered at all.
func (p Policy) Keeps() bool { return p == Mask || p == Store }

// Apply returns what may be shown of digits.
func (p Policy) Apply(digits string) string {
	switch p {
	case Store:
		return digits
	case Mask:
		return strings.Repeat("x", len(digits))
	case Count:
	}
	return ""
}
