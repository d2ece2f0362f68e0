package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/sync/record"
)

// inProgress is what nodes say, whatever they were asked: that a customer sees no other's
// must not depend on them.
func inProgress(context.Context, LiveFilter) ([]NodeCalls, error) {
	ms := noon.UnixMilli()
	return []NodeCalls{
		{Node: "sw-one", More: 2, Calls: []record.LiveCall{
			{Leg: "7-2", Kind: "call", Customer: "globex", Carrier: "carrier-x", Caller: "4930222001", State: "setup", StartedUnixMs: ms - 1000},
			{Leg: "7-1", Kind: "call", Customer: "acme", Carrier: "carrier-x", Caller: "4930111001", Src: "198.51.100.1:5060", State: "answered", StartedUnixMs: ms - 9000, AnsweredUnixMs: ms - 5000,
				Digits: [2]int{2, 1}, InfoDigits: [2]int{0, 1}}}},
		{Node: "sw-one-c", Calls: []record.LiveCall{{Leg: "8-1", Kind: "call", Customer: "acme", State: "setup", StartedUnixMs: ms - 3000}}},
		{Node: "sw-one-b", Error: "silent"}}, nil
}

func TestLiveCalls(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	list := func(p *person, path string) (out liveCalls) {
		t.Helper()
		d.pass(time.Minute) // past what was answered a moment ago
		decode(t, p.ask(get, path, nil), 200, &out)
		return out
	}
	if got := list(boss, "/calls/live"); len(got.Items) != 3 || got.Items[0].Customer != "globex" || got.Items[2].Digits != 4 || got.More != 2 ||
		len(got.Unreached) != 1 || got.Unreached[0] != (unreached{"sw-one-b", "silent"}) {
		t.Errorf("the operator: %+v", got)
	}
	if got := list(boss, "/calls/live?limit=1"); len(got.Items) != 1 || got.More != 4 {
		t.Errorf("one of them: %+v", got)
	}
	got := list(acme, "/calls/live")
	if len(got.Items) != 2 || got.More != 2 || len(got.Unreached) != 1 || got.Unreached[0] != (unreached{}) {
		t.Errorf("the customer: %+v", got)
	}
	for _, c := range got.Items {
		if c.Customer != "acme" || c.Node != "" || c.Carrier != "" {
			t.Errorf("the customer sees %+v", c)
		}
	}
	for path, want := range map[string]int{"?customer=globex": 403, "?carrier=carrier-x": 403, "?limit=1001": 400, "?customer=acme": 200} {
		if w := acme.ask(get, "/calls/live"+path, nil); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

// TestLiveCallsAreAskedForOnce: nodes are not asked by each dashboard that is open.
func TestLiveCallsAreAskedForOnce(t *testing.T) {
	var asked []LiveFilter
	d := newDesk(t, func(c *Config) {
		c.Calls = func(_ context.Context, f LiveFilter) ([]NodeCalls, error) {
			asked = append(asked, f)
			return nil, nil
		}
	})
	boss, acme := d.operator(), d.person(accounts.Customer, "acme")
	for range 3 {
		boss.ask(get, "/calls/live", nil)
		acme.ask(get, "/calls/live", nil)
	}
	if len(asked) != 2 || asked[0] != (LiveFilter{Limit: 200}) || asked[1] != (LiveFilter{Customer: "acme", Limit: 200}) {
		t.Errorf("%+v", asked)
	}
}

// TestNodesAreBusy: too many questions are no fault of the collector, and the asker is
// told to come again.
func TestNodesAreBusy(t *testing.T) {
	d := newDesk(t, func(c *Config) {
		c.Calls = func(context.Context, LiveFilter) ([]NodeCalls, error) { return nil, ErrBusy }
		c.Ask = func(context.Context, BindingFilter) ([]NodeBindings, error) { return nil, ErrBusy }
	})
	boss := d.operator()
	for _, path := range []string{"/calls/live", "/bindings"} {
		if w := boss.ask(get, path, nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestBindingsOfACustomer: others' bindings do not take the room of its own, and it is told
// of its own alone.
func TestBindingsOfACustomer(t *testing.T) {
	d := newDesk(t, func(c *Config) {
		c.Ask = func(_ context.Context, f BindingFilter) ([]NodeBindings, error) {
			all := []record.Binding{{Number: "2001", Customer: "globex"}, {Number: "2002", Customer: "globex"}, {Number: "1001", Customer: "acme"}, {Number: "1002", Customer: "acme"}}
			more := 0 // of a customer an older node cannot tell
			if f.Customer == "" {
				more = len(all) - f.Limit
			} else if f.Customer != "acme" || f.Limit < len(all) {
				t.Errorf("asked for %+v", f)
			}
			return []NodeBindings{{Node: "sw-one", Bindings: all[:min(f.Limit, len(all))], More: more}, {Node: "new", Bindings: all[2:], More: more}, {Node: "sw-two", Error: "silent"}, {Node: "sw-three", Error: "silent"}}, nil
		}
		c.Calls = func(context.Context, LiveFilter) ([]NodeCalls, error) {
			return []NodeCalls{{Node: "sw-two", Error: "silent"}, {Node: "sw-three", Error: "silent"}}, nil
		}
	})
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	for _, x := range []struct {
		p           *person
		path, first string
		items, more int
	}{{acme, "/bindings?limit=4", "1001", 4, 0}, {acme, "/bindings?limit=1", "1001", 1, 3}, {boss, "/bindings?limit=2", "2001", 4, 4}} {
		var got bindings
		decode(t, x.p.ask(get, x.path, nil), 200, &got)
		var calls liveCalls
		decode(t, x.p.ask(get, "/calls/live", nil), 200, &calls)
		if silent := map[bool]int{true: 1, false: 2}[x.p == acme]; len(got.Unreached) != silent || len(calls.Unreached) != silent {
			t.Errorf("%s: %+v and %+v do not answer", x.path, got.Unreached, calls.Unreached)
		}
		if len(got.Items) != x.items || got.More != x.more || got.Items[0].Number != x.first {
			t.Errorf("%s: %+v", x.path, got)
		}
	}
}
