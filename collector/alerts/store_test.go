package alerts

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
)

// The store is what a service needs.
var (
	_ Storage = store.Store(nil)
	_ Records = store.Store(nil)
)

// silentNode says nothing from a time on.
type silentNode struct{ heard time.Time }

func (n *silentNode) Nodes(context.Context) ([]Node, time.Time, error) {
	return []Node{up("n1", n.heard)}, time.UnixMilli(1), nil
}

func (*silentNode) Delivery(context.Context) (Delivery, error) {
	return Delivery{Mail: []string{"noc@example.org"}}, nil
}

// TestStore keeps an alert in a real database, from its rule to its end, over a restart. All
// starting rules are read by it too.
func TestStore(t *testing.T) {
	ctx := t.Context()
	db, err := store.OpenSQLite(ctx, t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, r := range Defaults() {
		if err := db.PutRule(ctx, &r, nil); err != nil {
			t.Fatal(err)
		}
	}
	told := ""
	node := &silentNode{time.Now()}
	start := func() *Service {
		return New(Config{Storage: db, Records: db, Present: node, Log: slog.New(slog.DiscardHandler), Offer: func(n *Notice) { told += n.Change.String() + " " }})
	}
	s := start()
	at := func(after time.Duration, want string) {
		t.Helper()
		now := node.heard.Add(after)
		if err := s.step(ctx, now); err != nil {
			t.Fatal(err)
		}
		if told != want {
			t.Errorf("after %v: %q, want %q", after, told, want)
		}
		told = ""
	}
	at(0, "")
	at(61*time.Second, "raised ")
	s.Done(Result{Event: EventKey{s.engine.Open()[0].Rule, KindNode, "n1", s.engine.Open()[0].RaisedUnixMs}, At: node.heard})
	at(66*time.Second, "")
	s = start()
	at(5*time.Minute, "")
	node.heard = node.heard.Add(6 * time.Minute)
	at(time.Second, "cleared ")
	var events []query.Event
	if err := db.Events(ctx, query.EventFilter{Kind: KindNode, Party: "n1"}, func(x *query.Event) error { events = append(events, *x); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Open() || events[0].SentUnixMs == 0 || events[0].Node != "n1" || events[0].RuleName != "A node is silent" {
		t.Errorf("%+v", events)
	}
}
