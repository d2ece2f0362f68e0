package table

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sip/party"
)

// value is what the digits of a number stand for: with party.MaxDigits of them,
// sums of two still fit.
func value(number string) (n int64) {
	for _, c := range []byte(number) {
		n = 10*n + int64(c-'0')
	}
	return n
}

// digits writes n with a width: 7 as 0007.
func digits(n int64, width int) string { return fmt.Sprintf("%0*d", width, n) }

// end is the number after the last of a width.
func end(width int) (n int64) {
	for n = 1; width > 0; width-- {
		n *= 10
	}
	return n
}

// after and before are the neighbours of a number; "" where there is none of its
// width.
func after(number string) string {
	n := value(number) + 1
	if n == end(len(number)) {
		return ""
	}
	return digits(n, len(number))
}

func before(number string) string {
	n := value(number) - 1
	if n < 0 {
		return ""
	}
	return digits(n, len(number))
}

// Compare orders numbers, by width first: 0100 and 100 have nothing in common.
func Compare(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

func overlap(a, b configs.Block) bool {
	return len(a.First) == len(b.First) && a.First <= b.Last && b.First <= a.Last
}

// Size is how many numbers a block has.
func Size(b configs.Block) int64 { return value(b.Last) - value(b.First) + 1 }

// Word writes a block as 1000-1999, or as the one number that it has.
func Word(b configs.Block) string {
	if b.First == b.Last {
		return b.First
	}
	return b.First + "-" + b.Last
}

// ParseRange reads 1000-1999, or one number. A leading + is dropped.
func ParseRange(s string) (configs.Block, error) {
	first, last, is := strings.Cut(s, "-")
	if !is {
		last = first
	}
	b := configs.Block{First: strings.TrimPrefix(strings.TrimSpace(first), "+"), Last: strings.TrimPrefix(strings.TrimSpace(last), "+")}
	return b, checkBlock(b, s)
}

// checkBlock says what is wrong with a block that somebody wrote as s.
func checkBlock(b configs.Block, s string) error {
	switch {
	case !party.IsNumber(b.First) || !party.IsNumber(b.Last):
		return fmt.Errorf("%q is no range of numbers: write FIRST-LAST, as in 1000-1999, with 1 to %d digits each", s, party.MaxDigits)
	case len(b.First) != len(b.Last):
		return fmt.Errorf("%q: both numbers of a range need as many digits, for 0100 and 100 are two numbers", s)
	case b.First > b.Last:
		return fmt.Errorf("%q: the smaller number comes first: %s-%s", s, b.Last, b.First)
	}
	return nil
}

// sorted returns blocks in the order of numbers.
func sorted(blocks []configs.Block) []configs.Block {
	out := slices.Clone(blocks)
	slices.SortFunc(out, configs.Block.Compare)
	return out
}

// subtract returns what of blocks, which are in order, is in none of cut.
func subtract(blocks, cut []configs.Block) (out []configs.Block) {
	cut = sorted(cut)
	for _, b := range sorted(blocks) {
		whole := true
		at, _ := slices.BinarySearchFunc(cut, b, func(c, b configs.Block) int { // the first that ends in it or behind it
			return Compare(c.Last, b.First)
		})
		for _, c := range cut[at:] {
			if !overlap(b, c) {
				break
			}
			if b.First < c.First {
				out = append(out, configs.Block{First: b.First, Last: before(c.First)})
			}
			if c.Last >= b.Last {
				whole = false
				break
			}
			b.First = after(c.Last)
		}
		if whole {
			out = append(out, b)
		}
	}
	return out
}
