package register

import (
	"fmt"
	"testing"

	"github.com/sipward/sipward/sip/parse"
)

// TestPages: what lives throughout a listing is in it once, however short its
// pages and whatever comes and goes meanwhile.
func TestPages(t *testing.T) {
	w := newWire(t)
	for i := range 10_000 {
		c := phone("x", "203.0.113.7", 600)
		w.on(acmePhone, fmt.Sprint(i), fmt.Sprint(10_000+i), []parse.Contact{c}, c)
	}
	seen := map[string]int{}
	gone := phone("x", "203.0.113.7", 0)
	calls := 0
	for cursor, first := Cursor(0), true; first || cursor != 0; first = false {
		var page []Binding
		page, cursor = w.List(cursor, Select{First: "10000", Last: "18999", Customer: "acme"}, w.now, 700, nil)
		if len(page) > 700 {
			t.Fatalf("%d on a page", len(page))
		}
		for _, b := range page {
			seen[b.Number]++
		}
		w.on(acmePhone, fmt.Sprint("gone", calls), fmt.Sprint(10_000+calls*97), []parse.Contact{gone})
		c := phone("x", "203.0.113.7", 600)
		w.on(acmePhone, fmt.Sprint("new", calls), fmt.Sprint(18_000+calls), []parse.Contact{c}, c)
		calls++
	}
	for i := range 9_000 {
		if n := seen[fmt.Sprint(10_000+i)]; n != 1 && !(n == 0 && i%97 == 0 && i/97 < calls) {
			t.Errorf("%d is listed %d times", 10_000+i, n)
		}
	}
	if n := len(seen); n > 9_000 {
		t.Errorf("%d listed", n)
	}
	if page, _ := w.List(0, Select{Customer: "bolt"}, w.now, 10, nil); len(page) != 0 {
		t.Errorf("%+v", page)
	}
}

func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasonEnd {
		if s := r.String(); seen[s] || (r == 0) != (s == "invalid") {
			t.Errorf("%d is %s", r, s)
		}
		seen[r.String()] = true
	}
	if reasonEnd.String() != "invalid" {
		t.Error("a reason that is none has a word")
	}
	for w := What(1); w <= Settled; w++ {
		if w.String() == "invalid" {
			t.Errorf("%d has no word", w)
		}
	}
}
