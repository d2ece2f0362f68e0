package main

import (
	"context"
	"errors"
	"testing"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/web"
	"github.com/sipward/sipward/sync/record"
)

// TestAskCalls: the answers of nodes are joined, and each that has none is named.
func TestAskCalls(t *testing.T) {
	nodes := []admin.Node{{ID: "good", State: record.StateUp}, {ID: "silent", State: record.StateUp}, {ID: "old", State: record.StateUp},
		{ID: "broken", State: record.StateUp}, {ID: "down", State: record.StateDown}, {ID: "removed", State: admin.Gone}}
	ask := func(_ context.Context, asked []string, question func(string) ([]byte, error)) (map[string][]byte, error) {
		b, err := question("q1")
		if err != nil {
			t.Fatal(err)
		}
		q, err := record.DecodeQuestion(b)
		if err != nil || len(asked) != 4 || q != (record.Question{ID: "q1", Ask: record.AskCalls, Customer: "acme", Limit: 7}) {
			t.Errorf("asked %v for %+v, %v", asked, q, err)
		}
		return map[string][]byte{"good": []byte(`{"id":"q1","bindings":[],"calls":[{"leg":"1-2","customer":"acme"}],"more":3}`),
			"old": []byte(`{"id":"q1","error":"nothing is known of calls"}`), "broken": []byte("{")}, nil
	}
	got, err := askCalls(t.Context(), nodes, web.LiveFilter{Customer: "acme", Limit: 7}, ask)
	if err != nil || len(got) != 5 {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := got[0]; n.Error != "" || len(n.Calls) != 1 || n.More != 3 {
		t.Errorf("good: %+v", n)
	}
	for i, want := range []string{"", "silent", "nothing is known of calls", "the answer is no JSON as wanted: unexpected end of JSON input", "absent"} {
		if got[i].Error != want {
			t.Errorf("%s: %q, want %q", got[i].Node, got[i].Error, want)
		}
	}
}

func TestAskCallsBusy(t *testing.T) {
	ask := func(context.Context, []string, func(string) ([]byte, error)) (map[string][]byte, error) {
		return nil, ingest.ErrBusy
	}
	if _, err := askCalls(t.Context(), []admin.Node{{ID: "a", State: record.StateUp}}, web.LiveFilter{}, ask); !errors.Is(err, web.ErrBusy) {
		t.Error(err)
	}
}
