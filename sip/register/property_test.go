package register

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// TestAnyOrder plays registrations whose messages are lost, doubled and out of
// order, with tables that change, and asks after each that the registry is
// whole; when time has passed, nothing is left.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 4))
		w := newWire(t)
		w.Registry = NewRegistry(Config{Book: w.book, MaxBindings: 60})
		for range 400 {
			w.now += rng.Int64N(40 * second)
			step := w.randomStep(rng)
			for _, i := range rng.Perm(len(step)) {
				for range rng.IntN(3) {
					step[i]()
				}
			}
			switch rng.IntN(8) {
			case 0:
				w.Tick(w.now, rng.IntN(5_000))
			case 1:
				w.SetBook(w.otherBook(t, rng))
			case 2:
				w.restart(t)
			}
			w.checkWhole(t)
		}
		for more := true; more; {
			_, more = w.Tick(w.now+(1<<31)*second, 997)
		}
		w.checkWhole(t)
		if s := w.Stats(); s.Bindings != 0 || s.Strays != 0 || len(w.state()) != 0 {
			t.Fatalf("seed %d: at the end %+v", seed, s)
		}
		for _, first := range w.index {
			if first != 0 {
				t.Fatalf("seed %d: the index is not empty", seed)
			}
		}
	}
}

// randomStep is one registration: its messages, for any order.
func (w *wire) randomStep(rng *rand.Rand) []func() {
	users := []string{"1001", "1002", "+1001", "2001", "7001", "alice", "", "11111111111111111111"}
	sources := []string{acmePhone, boltPhone, "100.64.0.1:5060", "192.0.2.77:5060", "[2001:db8::1]:5060", theSwitch}
	user, from, callID, cseq := users[rng.IntN(len(users))], sources[rng.IntN(len(sources))], fmt.Sprint(rng.IntN(20)), uint32(rng.IntN(4))
	contacts := func(most int) (list []parse.Contact) {
		for range rng.IntN(most + 1) {
			c := phone(fmt.Sprint(rng.IntN(6)), "203.0.113.7", []int32{-1, 0, 1, 60, 3_600, 7_200, 1<<31 - 1}[rng.IntN(7)])
			if rng.IntN(3) == 0 {
				c.Instance, c.RegID = fmt.Sprint(rng.IntN(2)), uint32(rng.IntN(3))
			}
			list = append(list, c)
		}
		return list
	}
	asked, listed := contacts(3), contacts(5)
	if rng.IntN(10) == 0 {
		asked = []parse.Contact{{Star: true, Expires: 0}}
	}
	status := []uint16{100, 200, 200, 200, 202, 401, 403, 500}[rng.IntN(8)]
	return []func(){
		func() { w.request(from, theSwitch, callID, cseq, user, 1, asked...) },
		func() { w.request(theSwitch, "192.0.2.1:5070", callID, cseq, user, 2, asked...) },
		func() { w.answer("192.0.2.1:5070", theSwitch, callID, cseq, user, 2, status, listed...) },
		func() { w.answer(theSwitch, from, callID, cseq, user, 1, status, listed...) },
	}
}

func (w *wire) otherBook(t *testing.T, rng *rand.Rand) *party.Book {
	t.Helper()
	first := 1000 + rng.IntN(3)
	b, err := w.book.Next([]party.Entry{
		customer("acme", "203.0.113.0/24", party.Block{First: fmt.Sprint(first), Last: "1999"}),
		customer("bolt", []string{"198.51.100.0/24", "198.51.101.0/24"}[rng.IntN(2)]),
	}, []netip.Addr{netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restart makes a Registry of what the present one would have on disk.
func (w *wire) restart(t *testing.T) {
	t.Helper()
	fresh := NewRegistry(Config{Book: w.book, MaxBindings: 60})
	all := w.everything()
	for i := range all {
		if err := fresh.Restore(all[i].Append(nil), w.now); err != nil {
			t.Fatalf("%v: %+v", err, all[i])
		}
	}
	fresh.lastID = max(fresh.lastID, w.lastID)
	for more := true; more; { // both by the present table
		_, more = w.Tick(w.now, 1<<20)
	}
	before := w.state()
	w.Registry = fresh
	if diff := cmp.Diff(before, w.state()); diff != "" {
		t.Fatalf("after a restart:\n%s", diff)
	}
}

func (w *wire) everything() []Binding {
	all, next := w.List(0, Select{}, w.now, 1<<20, nil)
	for next != 0 {
		all, next = w.List(next, Select{}, w.now, 1<<20, all)
	}
	return all
}

// checkWhole walks all that a Registry links.
func (w *wire) checkWhole(t *testing.T) {
	t.Helper()
	inIndex, strays := map[uint32]bool{}, 0
	for _, first := range w.index {
		for head := first; head != 0; head = w.at(head).next {
			for i := head; i != 0; i = w.at(i).sibling {
				if inIndex[i] || w.at(i).key != w.at(head).key || w.of(i).id == 0 || w.of(i).bucket == 0 {
					t.Fatalf("slot %d: %+v %+v", i, w.at(i), w.of(i))
				}
				inIndex[i] = true
				if w.of(i).stray != 0 {
					strays++
				}
			}
		}
	}
	inWheel := 0
	for n := range w.wheel.buckets {
		b := &w.wheel.buckets[n]
		count, before := uint32(0), uint32(0)
		for i := b.head; i != 0; i = w.of(i).later {
			if w.of(i).sooner != before || int(w.of(i).bucket) != n+1 || !inIndex[i] {
				t.Fatalf("bucket %d: %+v", n, w.of(i))
			}
			before = i
			count++
		}
		if count != b.count || b.tail != before {
			t.Fatalf("bucket %d: %+v, but %d", n, b, count)
		}
		inWheel += int(count)
	}
	if s := w.Stats(); s.Bindings != len(inIndex) || s.Bindings != inWheel || s.Strays != strays || s.Bindings > w.cfg.MaxBindings {
		t.Fatalf("%+v, but %d in the index, %d in the wheel, %d strays", s, len(inIndex), inWheel, strays)
	}
	free := 0
	for i := w.free; i != 0; i = w.at(i).next {
		free++
	}
	if free+len(inIndex) != int(w.used) {
		t.Fatalf("%d slots, %d free, %d in use", w.used, free, len(inIndex))
	}
}
