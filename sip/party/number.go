package party

import "strings"

// MaxDigits bounds the numbers of blocks. E.164 has at most 15 digits.
const MaxDigits = 18

// Number is a digit string of at most MaxDigits digits as one integer: its
// value with a 1 before its first digit, so that 0100 and 100 differ and a
// shorter number is a smaller one. The zero value is no number.
type Number uint64

// Pack returns number (digits, a leading + ignored) as a Number, and 0 when it
// is none or too long for any block.
func Pack(number string) Number {
	s := strings.TrimPrefix(number, "+")
	if len(s) == 0 || len(s) > MaxDigits {
		return 0
	}
	n := Number(1)
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0
		}
		n = n*10 + Number(d)
	}
	return n
}

// Digits reports whether number is one or more digits, a leading + ignored.
func Digits(number string) bool { return digits(strings.TrimPrefix(number, "+")) }

// IsNumber reports whether s is a number as blocks are written: 1 to MaxDigits
// digits, without +.
func IsNumber(s string) bool { return len(s) <= MaxDigits && digits(s) }

// AppendTo appends the digits of n; nothing for the zero value.
func (n Number) AppendTo(b []byte) []byte {
	var buf [20]byte
	i := len(buf)
	for ; n >= 10; n /= 10 {
		i--
		buf[i] = '0' + byte(n%10)
	}
	return append(b, buf[i:]...)
}

// String returns the digits of n.
func (n Number) String() string { return string(n.AppendTo(nil)) }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
