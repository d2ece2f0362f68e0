package register

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/parse"
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
