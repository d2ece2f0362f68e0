package register

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/sip/parse"
)

func TestBounds(t *testing.T) {
	w := newWire(t)
	w.Registry = NewRegistry(Config{Book: w.book, MaxBindings: 200})
	for i := range 2 * MaxContacts {
		c := phone(fmt.Sprint(i), "203.0.113.7", 600)
		w.on(acmePhone, fmt.Sprint("a", i), "1005", []parse.Contact{c}, append(firsts(i), c)...)
	}
	if s := w.Stats(); s.Bindings > MaxContacts {
		t.Errorf("%d bindings of one number", s.Bindings)
	}
	for i := range 300 {
		c := phone("x", "203.0.113.7", 600)
		w.on(acmePhone, fmt.Sprint("b", i), fmt.Sprint("1", 100+i), []parse.Contact{c}, c)
	}
	if s := w.Stats(); s.Bindings != 200 || s.Discarded == 0 {
		t.Errorf("%+v", s)
	}
	// A flood of long REGISTERs that nobody answers.
	long := strings.Repeat("x", 255)
	many := slices.Repeat([]parse.Contact{{URI: uri(long, long), Instance: long, Expires: 60}}, 64)
	before := heap.Bytes()
	for i := range 20_000 {
		w.request(acmePhone, theSwitch, fmt.Sprint("c", i), 1, "1005", 1, many...)
	}
	grown := int64(heap.Bytes()) - int64(before) // far below
	t.Logf("%d bytes", grown)
	if s := w.Stats(); s.Forgotten == 0 || grown > 40<<20 {
		t.Errorf("%d bytes for %d REGISTERs, %d forgotten", grown, s.Pending, s.Forgotten)
	}
}

// firsts are the contacts of the first REGISTERs of TestBounds, as a list.
func firsts(n int) (list []parse.Contact) {
	for i := range n {
		list = append(list, phone(fmt.Sprint(i), "203.0.113.7", 600))
	}
	return list
}

func TestClocks(t *testing.T) {
	w := newWire(t)
	c := phone("desk", "203.0.113.7", 600)
	long := phone("long", "203.0.113.7", 1<<31-1)
	w.on(acmePhone, "a", "1005", []parse.Contact{c}, c)
	w.on(acmePhone, "b", "1006", []parse.Contact{long}, long)
	all := func(now int64) (whole []Change) {
		for more := true; more; {
			var some []Change
			some, more = w.Tick(now, 100)
			whole = append(whole, some...)
		}
		return whole
	}
	if got := all(w.now + 599*second); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := all(w.now - 10_000*second); len(got) != 0 {
		t.Errorf("set back: %+v", got)
	}
	w.on(acmePhone, "c", "1007", []parse.Contact{c}, c)
	if got := all(w.now + 601*second); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	for day := range int64(30) {
		if got := all(w.now + day*86_400*second); len(got) != 0 {
			t.Errorf("day %d: %+v", day, got)
		}
	}
	if got := all(w.now + 1<<31*second); len(got) != 1 || w.Stats().Bindings != 0 {
		t.Errorf("%+v", got)
	}
	soon := phone("x", "203.0.113.7", 1)
	w.on(acmePhone, "d", "1005", []parse.Contact{soon}, soon) // over for long, by the clock of Tick
	if got := all(w.now + 1<<31*second + 2*second); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
