package register

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// state is what a Registry holds, one line a binding: number@domain contact
// source seconds to live, customer.
func (w *wire) state() []string {
	var out []string
	for cursor, first := Cursor(0), true; first || cursor != 0; first = false {
		var page []Binding
		page, cursor = w.List(cursor, Select{}, w.now, 3, nil)
		for _, b := range page {
			source := "unseen"
			if b.Source.IsValid() {
				source = b.Source.String()
			}
			line := fmt.Sprintf("%s@%s %s@%s from %s for %d %s", b.Number, b.Domain, b.Contact.URI.User, b.Contact.URI.Host, source, (b.Expires-w.now)/second, w.book.Name(b.Customer))
			if b.Stray != 0 {
				line += " " + b.Stray.String()
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func (w *wire) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.state()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := w.Stats().Bindings; n != len(want) {
		t.Errorf("%d bindings counted", n)
	}
}

func whats(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s ", c.What)
	}
	return strings.TrimSpace(b.String())
}

// on registers contacts of a user from a phone and lets the registrar answer
// with what it lists.
func (w *wire) on(phone, callID, user string, asked []parse.Contact, listed ...parse.Contact) string {
	w.request(phone, theSwitch, callID, 1, user, 1, asked...)
	return whats(w.answer(theSwitch, phone, callID, 1, user, 1, 200, listed...))
}

func TestTheRegistrarsListCounts(t *testing.T) {
	w := newWire(t)
	desk, soft := phone("desk", "203.0.113.7", -1), phone("soft", "203.0.113.8", 100)
	check := func(name, got, want string, state ...string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		w.want(t, state...)
	}
	check("nothing is listed, nothing is said: an hour", w.on(acmePhone, "a", "1005", []parse.Contact{desk}), "added",
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 3600 acme")
	desk.Expires = 600
	check("one is listed that nobody was seen registering", w.on(acmePhone, "b", "1005", []parse.Contact{desk}, desk, soft), "refreshed added",
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme", "1005@pbx.example soft@203.0.113.8 from unseen for 100 unknown")
	check("asking refreshes and takes nothing over", w.on(boltPhone, "c", "1005", nil, desk, soft), "refreshed refreshed",
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme", "1005@pbx.example soft@203.0.113.8 from unseen for 100 unknown")
	check("asking a registrar that lists nothing", w.on(boltPhone, "d", "1005", nil), "",
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme", "1005@pbx.example soft@203.0.113.8 from unseen for 100 unknown")
	check("one is not listed any more", w.on(acmePhone, "e", "1005", []parse.Contact{soft}, soft), "refreshed removed",
		"1005@pbx.example soft@203.0.113.8 from 203.0.113.7:5060 for 100 acme")
	check("another number is not meant", w.on(acmePhone, "f", "1006", []parse.Contact{desk}, desk), "added",
		"1005@pbx.example soft@203.0.113.8 from 203.0.113.7:5060 for 100 acme", "1006@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme")
	gone := desk
	gone.Expires = 0
	check("removed, and listed with 0", w.on(acmePhone, "g", "1006", []parse.Contact{gone}, gone), "removed",
		"1005@pbx.example soft@203.0.113.8 from 203.0.113.7:5060 for 100 acme")
	gone = soft
	gone.Expires = 0
	check("removed, and nothing listed", w.on(acmePhone, "h", "1005", []parse.Contact{gone}), "removed")
	w.on(acmePhone, "i", "1005", []parse.Contact{desk, soft}, desk, soft)
	check("* removes all", w.on(acmePhone, "j", "1005", []parse.Contact{{Star: true, Expires: 0}}), "removed removed")
}

func TestWhoIsBelieved(t *testing.T) {
	c := phone("desk", "203.0.113.7", 600)
	const line = "1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme"
	t.Run("a refusal binds nothing", func(t *testing.T) {
		w := newWire(t)
		w.request(acmePhone, theSwitch, "a", 1, "1005", 1, c)
		w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 403, c)
		w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 100, c)
		w.want(t)
		w.request(acmePhone, theSwitch, "a", 2, "1005", 1, c)
		w.answer(theSwitch, acmePhone, "a", 2, "1005", 1, 200, c)
		w.want(t, line)
	})
	t.Run("an answer that was captured first", func(t *testing.T) {
		w := newWire(t)
		w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 200, c)
		w.want(t)
		w.request(acmePhone, theSwitch, "a", 1, "1005", 1, c)
		w.want(t, line)
	})
	t.Run("the answer twice, and the request again", func(t *testing.T) {
		w := newWire(t)
		w.on(acmePhone, "a", "1005", []parse.Contact{c}, c)
		w.now += 10 * second
		if got := w.on(acmePhone, "a", "1005", []parse.Contact{c}, c); got != "" {
			t.Error(got)
		}
		w.want(t, strings.Replace(line, "600", "590", 1))
	})
	t.Run("who answers himself", func(t *testing.T) {
		w := newWire(t)
		w.request(boltPhone, theSwitch, "a", 1, "1005", 1, c)
		w.answer(boltPhone, theSwitch, "a", 1, "1005", 1, 200, c)
		w.want(t)
		if w.Stats().Unasked != 1 {
			t.Errorf("%+v", w.Stats())
		}
	})
	t.Run("who answers himself before he asks", func(t *testing.T) {
		w := newWire(t)
		w.answer(boltPhone, theSwitch, "a", 1, "1005", 1, 200, c)
		w.request(boltPhone, theSwitch, "a", 1, "1005", 1, c)
		w.want(t)
		w.answer(theSwitch, boltPhone, "a", 1, "1005", 1, 403)
		w.want(t)
	})
	t.Run("one Call-ID and CSeq for two numbers", func(t *testing.T) {
		w := newWire(t)
		w.request(boltPhone, theSwitch, "a", 1, "1005", 1, c)
		w.request(boltPhone, theSwitch, "a", 1, "2005", 1, c)
		w.answer(theSwitch, boltPhone, "a", 1, "2005", 1, 200, c)
		w.want(t, "2005@pbx.example desk@203.0.113.7 from 198.51.100.9:5060 for 600 bolt")
	})
	t.Run("the switch answers from another address", func(t *testing.T) {
		w := newWire(t)
		w.request(acmePhone, "192.0.2.66:5060", "a", 1, "1005", 1, c)
		w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 200, c)
		w.want(t, line)
	})
	t.Run("the switch's own registration elsewhere", func(t *testing.T) {
		w := newWire(t)
		w.request(theSwitch, "192.0.2.200:5060", "a", 1, "4930123", 1, c)
		w.answer("192.0.2.200:5060", theSwitch, "a", 1, "4930123", 1, 200, c)
		w.want(t)
	})
	t.Run("long after", func(t *testing.T) {
		w := newWire(t)
		w.request(acmePhone, theSwitch, "a", 1, "1005", 1, c)
		for i := range int64(4) {
			w.now += int64(generation)
			w.request(acmePhone, theSwitch, fmt.Sprint("other", i), 1, "1006", 1, c)
		}
		w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 200, c)
		w.want(t)
	})
}

// TestHops: the first hop tells who registers, in whatever order the hops are
// seen.
func TestHops(t *testing.T) {
	const registrar = "192.0.2.1:5070"
	c := phone("desk", "203.0.113.7", 600)
	first := func(w *wire) { w.request(acmePhone, theSwitch, "a", 1, "1005", 1, c) }
	second := func(w *wire) { w.request(theSwitch, registrar, "a", 1, "1005", 2, c) }
	back := func(w *wire) { w.answer(registrar, theSwitch, "a", 1, "1005", 2, 200, c) }
	last := func(w *wire) { w.answer(theSwitch, acmePhone, "a", 1, "1005", 1, 200, c) }
	steps := []func(*wire){first, second, back, last}
	permute(4, func(order []int) {
		w := newWire(t)
		for _, i := range order {
			steps[i](w)
		}
		w.want(t, "1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme")
		if t.Failed() {
			t.Fatalf("in the order %v", order)
		}
	})
	w := newWire(t) // the phone's hop is encrypted
	second(w)
	back(w)
	w.want(t, "1005@pbx.example desk@203.0.113.7 from 192.0.2.1:5060 for 600 unknown")
	q := Request{To: uri("1005", "pbx.example"), Source: endpoint(acmePhone).Addr(), Contacts: []parse.Contact{phone("x", "y", 60)}}
	if v := w.Judge(&q, w.now); v.Reason != Allowed {
		t.Errorf("%s: that the switch sent it on says nothing of whose phone it is", v.Reason)
	}
}

func permute(n int, each func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var from func(k int)
	from = func(k int) {
		if k == n {
			each(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			from(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	from(0)
}

// TestBehindNAT: a registrar may list where it saw the phone in place of the
// private address that the phone names.
func TestBehindNAT(t *testing.T) {
	w := newWire(t)
	w.SetPolicy(Policy{MaxContacts: 1})
	private, seen := phone("1005", "192.168.1.10", 600), phone("1005", "203.0.113.7", 600)
	if got := w.on(acmePhone, "a", "1005", []parse.Contact{private}, seen); got != "added" {
		t.Error(got)
	}
	w.want(t, "1005@pbx.example 1005@203.0.113.7 from 203.0.113.7:5060 for 600 acme")
	q := Request{To: uri("1005", "pbx.example"), Source: endpoint(acmePhone).Addr(), Contacts: []parse.Contact{private}, Expires: 600}
	if v := w.Judge(&q, w.now); v.Reason != Allowed {
		t.Errorf("its refresh: %s", v.Reason)
	}
	q.Contacts = []parse.Contact{phone("1005", "192.168.1.11", 600)}
	if v := w.Judge(&q, w.now); v.Reason != TooManyContacts {
		t.Errorf("a second phone: %s", v.Reason)
	}
	if got := w.on(acmePhone, "b", "1005", []parse.Contact{private}, seen); got != "refreshed" {
		t.Error(got)
	}
	restored := newWire(t)
	for _, b := range w.Of("1005", "pbx.example", w.now, nil) {
		if err := restored.Restore(b.Append(nil), w.now); err != nil {
			t.Fatal(err)
		}
	}
	restored.SetPolicy(Policy{MaxContacts: 1})
	q.Contacts[0] = private
	if v := restored.Judge(&q, w.now); v.Reason != Allowed {
		t.Errorf("its refresh after a restart: %s", v.Reason)
	}
	private.Expires = 0
	if got := w.on(acmePhone, "c", "1005", []parse.Contact{private}); got != "removed" {
		t.Error(got)
	}
}

func TestStrays(t *testing.T) {
	w := newWire(t)
	c := phone("desk", "203.0.113.7", 600)
	for i, user := range []string{"1005", "1505", "alice"} {
		w.on(acmePhone, fmt.Sprint(i), user, []parse.Contact{c}, c)
	}
	if got := w.on(boltPhone, "x", "7005", []parse.Contact{c}, c); got != "added strayed" {
		t.Errorf("learnt outside the blocks: %q", got)
	}
	w.on(acmePhone, "q", "1006", nil, c) // nobody was seen registering it
	w.want(t,
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme", "1006@pbx.example desk@203.0.113.7 from unseen for 600 unknown",
		"1505@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme", "7005@pbx.example desk@203.0.113.7 from 198.51.100.9:5060 for 600 bolt outside_blocks",
		"alice@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 acme non_numeric")
	next, err := w.book.Next([]party.Entry{
		customer("acme", "203.0.113.0/24", party.Block{First: "1000", Last: "1499"}),
		customer("bolt", "198.51.100.0/24", party.Block{First: "2000", Last: "2999"}, party.Block{First: "7000", Last: "7999"}),
		customer("new", "203.0.113.7/32"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.SetBook(next)
	var got []string
	for more, calls := true, 0; more; calls++ {
		var changes []Change
		changes, more = w.Tick(w.now, 2)
		if len(changes) > 2 {
			t.Errorf("%d changes in two steps", len(changes))
		}
		for _, c := range changes {
			got = append(got, c.What.String()+" "+c.Binding.Number)
		}
		if calls > 5_000 {
			t.Fatal("no end")
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"settled 7005", "settled alice", "strayed 1005"}, got); diff != "" {
		t.Error(diff)
	}
	w.want(t,
		"1005@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 new foreign_block", "1006@pbx.example desk@203.0.113.7 from unseen for 600 unknown",
		"1505@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 new", "7005@pbx.example desk@203.0.113.7 from 198.51.100.9:5060 for 600 bolt",
		"alice@pbx.example desk@203.0.113.7 from 203.0.113.7:5060 for 600 new")
	if s := w.Stats(); s.Strays != 1 {
		t.Errorf("%+v", s)
	}
	if page, _ := w.List(0, Select{Strays: true}, w.now, 10, nil); len(page) != 1 || page[0].Number != "1005" {
		t.Errorf("%+v", page)
	}
	w.Tick(w.now+1_000*second, 1<<20)
	if s := w.Stats(); s.Strays != 0 || s.Bindings != 0 {
		t.Errorf("%+v", s)
	}
}

// TestANewTableCountsAtOnce: a verdict goes by the new table before Tick has
// come to the bindings that it looks at.
func TestANewTableCountsAtOnce(t *testing.T) {
	w := newWire(t)
	c := phone("desk", "203.0.113.7", 600)
	w.on("192.0.2.77:5060", "a", "7005", []parse.Contact{c}, c)
	q := Request{To: uri("7005", "pbx.example"), Source: endpoint("192.0.2.78:5060").Addr(), Contacts: []parse.Contact{c}, Expires: 600}
	if v := w.Judge(&q, w.now); v.Reason != Allowed {
		t.Fatalf("%s", v.Reason)
	}
	next, err := w.book.Next([]party.Entry{customer("late", "192.0.2.78/32")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.SetBook(next)
	if v := w.Judge(&q, w.now); v.Reason != InUse {
		t.Errorf("%s, though the phone that is registered is a stranger's now", v.Reason)
	}
	if next, err = next.Next([]party.Entry{customer("late", "192.0.2.76/30")}, nil); err != nil {
		t.Fatal(err)
	}
	w.SetBook(next)
	q.Source = endpoint(acmePhone).Addr()
	if v := w.Judge(&q, w.now); v.Reason != InUse || next.Name(v.Holder) != "late" {
		t.Errorf("%s by %d", v.Reason, v.Holder)
	}
}

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
