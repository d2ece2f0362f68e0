package register

import (
	"testing"

	"github.com/sipward/sipward/sip/parse"
)

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
