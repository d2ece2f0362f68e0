package counters

import "strings"

// DigitPolicy says what is kept of the digits that were pressed: they can be
// card numbers and PINs.
type DigitPolicy uint8

// Digit policies; the zero value is invalid.
const (
	CountDigits DigitPolicy = iota + 1 // how many only
	MaskDigits                         // how many, and where * and # stood among them
	StoreDigits                        // the digits themselves
)

// String returns the word that the configuration uses.
func (p DigitPolicy) String() string {
	switch p {
	case CountDigits:
		return "count"
	case MaskDigits:
		return "mask"
	case StoreDigits:
		return "store"
	}
	return "invalid"
}

// DigitPolicyFrom returns the policy that the configuration names; false when
// there is none of that name.
func DigitPolicyFrom(word string) (DigitPolicy, bool) {
	for _, p := range []DigitPolicy{CountDigits, MaskDigits, StoreDigits} {
		if p.String() == word {
			return p, true
		}
	}
	return 0, false
}

// Keeps reports whether digits have to be remembered at all.
func (p DigitPolicy) Keeps() bool { return p == MaskDigits || p == StoreDigits }

// Apply returns what may be shown of digits.
func (p DigitPolicy) Apply(digits string) string {
	switch p {
	case StoreDigits:
		return digits
	case MaskDigits:
		return strings.Map(func(r rune) rune {
			if r == '*' || r == '#' || r == '!' {
				return r
			}
			return 'x'
		}, digits)
	case CountDigits:
	}
	return ""
}
