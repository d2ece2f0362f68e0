package register

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

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
