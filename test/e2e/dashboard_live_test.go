package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

type liveCalls struct {
	Items []struct {
		Key, Node, Customer, Carrier, Caller, Called, State string

		CallID   string `json:"call_id"`
		Started  int64  `json:"started_unix_ms"`
		Answered int64  `json:"answered_unix_ms"`
		Digits   int
	}
	More      int
	Unreached []struct{ Node, Error string }
}

// The dashboard lists calls while they go on, as the switch's agent answers: to the
// operator all of them, to a customer its own; and a node that is away is named.
func TestDashboardLiveCalls(t *testing.T) {
	need(t)
	t.Parallel()
	o, boss, _ := newDesk(t, false)
	acme, globex := boss.customer("acme"), boss.customer("globex")
	begun := time.Now().UnixMilli()
	calls := &batch{name: "long", number: "1000", calls: 4, rate: 20, caller: peers.Caller{Play: append(peers.Keys("12"), peers.Voice(1000)), Hold: 25_000}, a: peers.Callee{Play: []peers.Clip{peers.Voice(500)}}}
	run := o.start(calls)
	var got liveCalls
	poll := func(b *browser, what string, ok func() bool) {
		t.Helper()
		err := peers.Poll(t.Context(), 40*time.Second, what, func() (bool, error) {
			got = liveCalls{}
			b.get("/calls/live", nil, &got)
			return ok(), nil
		})
		if err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
	}
	poll(boss, "four calls in progress with their digits", func() bool {
		n := 0
		for _, c := range got.Items {
			if c.State == "answered" && c.Digits == 2 {
				n++
			}
		}
		return n == calls.calls && len(got.Unreached) == 0
	})
	ids := map[string]bool{}
	for _, c := range got.Items {
		ids[c.CallID] = true
		if c.Node != "e2e" || c.Customer != "acme" || c.Carrier != "alpha" || c.Called != calls.number || c.Started < begun-5000 || c.Answered < c.Started || c.Key == "" {
			t.Errorf("%+v", c)
		}
	}
	if len(got.Items) != calls.calls || len(ids) != calls.calls || got.More != 0 {
		t.Errorf("%+v", got)
	}
	poll(acme, "a customer's own calls", func() bool { return len(got.Items) == calls.calls })
	for _, c := range got.Items {
		if c.Node != "" || c.Carrier != "" || c.Customer != "acme" {
			t.Errorf("a customer sees %+v", c)
		}
	}
	if globex.get("/calls/live", nil, &got); len(got.Items) != 0 || got.More != 0 {
		t.Errorf("another customer sees %+v", got)
	}
	if code := globex.do(http.MethodGet, "/calls/live?customer=acme", nil, nil); code != http.StatusForbidden {
		t.Errorf("another customer's calls: %d", code)
	}
	run.finish()
	poll(boss, "no call in progress", func() bool { return len(got.Items) == 0 && len(got.Unreached) == 0 })
	if err := o.agent.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll(boss, "the node to be named", func() bool { return len(got.Unreached) == 1 && got.Unreached[0].Node == "e2e" })
}
