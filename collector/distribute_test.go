package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// versions is a history, the newest first.
type versions struct {
	list  []query.Table
	fault error
	reads []uint64 // documents that were read
}

func (v *versions) Tables(_ context.Context, f query.TableFilter, each func(*query.Table) error) error {
	if v.fault != nil {
		return v.fault
	}
	for _, t := range v.list {
		if f.Version != 0 && t.Version != f.Version {
			continue
		}
		if f.Signed {
			v.reads = append(v.reads, t.Version)
		}
		if err := each(&t); err != nil {
			return err
		}
	}
	return nil
}

// shelf keeps what ingest is told.
type shelf struct {
	told   int
	tables []ingest.Table
	nodes  []string
}

func (s *shelf) SetTables(tables []ingest.Table, nodes []string) {
	s.told, s.tables, s.nodes = s.told+1, tables, nodes
}

func TestDistributor(t *testing.T) {
	h, s, v := &versions{}, &shelf{}, &view{allowed: map[string]bool{"a": true}, nodes: []query.Node{{ID: "b"}}}
	var log bytes.Buffer
	d := &distributor{store: h, ingest: s, nodes: func() *view { return v }, log: slog.New(slog.NewTextHandler(&log, nil))}
	look := func(told int, want ...uint64) {
		t.Helper()
		d.report(d.look(t.Context()))
		var got []uint64
		for _, x := range s.tables {
			got = append(got, x.Version)
		}
		if diff := cmp.Diff(want, got); diff != "" || s.told != told {
			t.Errorf("told %d times, want %d: %s", s.told, told, diff)
		}
	}
	table := func(version uint64, stage ...string) query.Table {
		return query.Table{Version: version, MadeUnixMs: int64(version), Signed: []byte("x"), Stage: stage}
	}
	look(1)
	if diff := cmp.Diff([]string{"a", "b"}, s.nodes); diff != "" || d.shown.Load() != nil {
		t.Error(diff)
	}
	look(1)
	h.list = []query.Table{table(3), table(2), table(1)}
	look(2, 3) // those before it are nobody's
	look(2, 3)
	h.list = append([]query.Table{table(5, "a"), table(4, "a", "b")}, h.list...)
	look(3, 5, 4, 3)
	h.list[0].Stage = []string{"a", "c"}
	look(4, 5, 4, 3)
	h.list[0].Stage = nil
	look(5, 5)
	v = &view{allowed: map[string]bool{"new": true}}
	look(6, 5)
	if diff := cmp.Diff([]uint64{3, 5, 4}, h.reads); diff != "" {
		t.Errorf("documents were read more than once: %s", diff)
	}
	h.fault = errors.New("the database is away")
	look(6, 5)
	look(6, 5)
	if n := strings.Count(log.String(), "the database is away"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
	if shown := d.shown.Load(); len(shown.Offered) != 1 || shown.Offered[0].Version != 5 {
		t.Errorf("%+v", shown)
	}
}

// TestAskNodes: each node that is up is asked for each range, until it does not
// answer.
func TestAskNodes(t *testing.T) {
	nodes := []admin.Node{{ID: "up", State: record.StateUp}, {ID: "mute", State: record.StateUp}, {ID: "odd", State: record.StateUp}, {ID: "old", State: record.StateUp},
		{ID: "down", State: record.StateDown}, {ID: "gone", State: admin.Gone}}
	var questions []string
	ask := func(_ context.Context, to []string, question func(string) ([]byte, error)) (map[string][]byte, error) {
		b, err := question("7")
		if err != nil {
			t.Fatal(err)
		}
		q, err := record.DecodeQuestion(b)
		if err != nil || q.Limit != 5 {
			t.Errorf("%s: %v", b, err)
		}
		questions = append(questions, q.First+":"+strings.Join(to, ","))
		answer, err := json.Marshal(record.Answer{ID: q.ID, Bindings: []record.Binding{{Number: q.First}}, More: 2})
		if err != nil {
			t.Fatal(err)
		}
		return map[string][]byte{"up": answer, "odd": []byte("{"), "old": []byte(`{"id":"7","error":"nothing is known of that"}`)}, nil
	}
	got, err := askNodes(t.Context(), nodes, asked{ranges: []admin.Range{{First: "1000", Last: "1999"}, {First: "3000", Last: "3999"}}, limit: 5}, ask)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1000:up,mute,odd,old", "3000:up"}, questions); diff != "" {
		t.Error(diff)
	}
	none := []record.Binding{}
	want := []admin.NodeBindings{
		{Node: "down", State: admin.Absent, Bindings: none},
		{Node: "mute", State: admin.Silent, Bindings: none},
		{Node: "odd", State: admin.Answered, Error: got.Nodes[2].Error, Bindings: none},
		{Node: "old", State: admin.Answered, Error: "nothing is known of that", Bindings: none},
		{Node: "up", State: admin.Answered, Bindings: []record.Binding{{Number: "1000"}, {Number: "3000"}}, More: 4},
	}
	if diff := cmp.Diff(want, got.Nodes); diff != "" || got.Nodes[2].Error == "" {
		t.Error(diff)
	}
	if _, err := askNodes(t.Context(), nodes, asked{ranges: []admin.Range{{}}, limit: 5}, func(context.Context, []string, func(string) ([]byte, error)) (map[string][]byte, error) {
		return nil, ingest.ErrBusy
	}); !errors.Is(err, ingest.ErrBusy) {
		t.Error(err)
	}
}

// TestAskNodesOfACustomer: how many more there are is told by a node that counted those
// of this customer, and not by an older one that counted everybody's.
func TestAskNodesOfACustomer(t *testing.T) {
	nodes := []admin.Node{{ID: "new", State: record.StateUp}, {ID: "old", State: record.StateUp}}
	ask := func(_ context.Context, _ []string, question func(string) ([]byte, error)) (map[string][]byte, error) {
		b, err := question("7")
		if err != nil {
			t.Fatal(err)
		}
		if q, err := record.DecodeQuestion(b); err != nil || q.Customer != "acme" {
			t.Errorf("%s: %v", b, err)
		}
		return map[string][]byte{"new": []byte(`{"id":"7","customer":"acme","bindings":[{"customer":"acme"}],"more":3}`),
			"old": []byte(`{"id":"7","bindings":[{"customer":"globex"}],"more":900}`)}, nil
	}
	got, err := askNodes(t.Context(), nodes, asked{customer: "acme", ranges: []admin.Range{{}}, limit: 1}, ask)
	if err != nil {
		t.Fatal(err)
	}
	for i, more := range []int{3, 0} {
		if n := got.Nodes[i]; n.More != more || len(n.Bindings) != 1 {
			t.Errorf("%+v", n)
		}
	}
}
