package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
)

// TestBindings asks over a socket, for more ranges than one question has; over TCP
// nobody may ask.
func TestBindings(t *testing.T) {
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	asked := 0
	fault := error(nil)
	s := New(Config{Listen: "127.0.0.1:0", Socket: filepath.Join(dir, "s"), Source: fixed{sample()}, Ask: func(_ context.Context, ranges []Range, limit int) (*Bindings, error) {
		if asked++; limit != 7 || len(ranges) > maxRanges {
			t.Errorf("asked for %d ranges, %d each", len(ranges), limit)
		}
		b := &Bindings{Nodes: []NodeBindings{{Node: "a", State: Answered, Bindings: []record.Binding{}}, {Node: "b", State: Answered, Bindings: []record.Binding{}}}}
		for _, r := range ranges {
			b.Nodes[0].Bindings = append(b.Nodes[0].Bindings, record.Binding{Number: r.First})
			b.Nodes[0].More++
		}
		if asked == 2 {
			b.Nodes[1].State, b.Nodes[1].Error = Silent, "late"
		}
		return b, fault
	}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	many := make([]Range, maxRanges+1)
	for i := range many {
		many[i] = Range{First: strings.Repeat("9", 18), Last: strings.Repeat("9", 18)}
	}
	many[maxRanges] = Range{}
	got, err := FetchBindings(t.Context(), filepath.Join(dir, "s"), many, 7)
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Nodes[0]; asked != 2 || len(a.Bindings) != len(many) || a.More != len(many) || a.Bindings[maxRanges].Number != "" || a.State != Answered {
		t.Errorf("%d questions, %d bindings", asked, len(a.Bindings))
	}
	if diff := cmp.Diff(NodeBindings{Node: "b", State: Silent, Error: "late", Bindings: []record.Binding{}}, got.Nodes[1]); diff != "" {
		t.Error(diff)
	}
	if _, err := FetchBindings(t.Context(), "http://"+s.Addr().String(), many[:1], 7); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("over TCP: %v", err)
	}
	for _, q := range []string{"", "?limit=x", "?limit=-1", "?limit=1001", "?limit=1&first=1", "?limit=1" + strings.Repeat("&first=1&last=1", maxRanges+1)} {
		if _, err := Program.Ask(t.Context(), filepath.Join(dir, "s"), http.MethodGet, bindingsPage+q, new(json.RawMessage)); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("%.30q: %v", q, err)
		}
	}
	fault = errors.New("not now")
	if _, err := FetchBindings(t.Context(), filepath.Join(dir, "s"), many[:1], 7); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("%v", err)
	}
}

func TestTableFor(t *testing.T) {
	s := sample().Table
	for node, want := range map[string]uint64{"sw1": 8, "sw2": 7, "sw9": 8} {
		if got := s.For(node); got.Version != want {
			t.Errorf("%s gets %d", node, got.Version)
		}
	}
	var none *Table
	if none.For("sw1") != nil || (&Table{Offered: []TableVersion{{Version: 1, Stage: []string{"a"}}}}).For("b") != nil {
		t.Error("a version came from nowhere")
	}
}

func TestAttendTable(t *testing.T) {
	now := int64(noon)
	offered := &Table{Offered: []TableVersion{{Version: 5, MadeUnixMs: now - 30_000}}}
	old := &Table{Offered: []TableVersion{{Version: 5, MadeUnixMs: now - 61_000}}}
	for _, tt := range []struct {
		table *Table
		node  *record.TableState
		want  string
	}{
		{old, nil, ""},
		{old, &record.TableState{Version: 5}, ""},
		{offered, &record.TableState{Version: 4}, ""},
		{old, &record.TableState{Version: 4}, "n: it has version 4 of the table of customers, not 5"},
		{old, &record.TableState{Version: 4, Error: "x"}, "n: it has version 4 of the table of customers, and refuses 5: x"},
		{old, &record.TableState{Version: 5, Error: "x"}, "n: it refused a table of customers: x"},
		{old, &record.TableState{Version: 6}, "n: it has version 6 of the table of customers, which was never made here: is this database an older copy? The next version is higher"},
		{nil, &record.TableState{}, "n: it waits for a table of customers, and there is none: sipward-collector blocks"},
		{nil, &record.TableState{Version: 3}, ""},
	} {
		var got string
		attendTable(&Status{TakenUnixMs: now, Table: tt.table}, &Node{ID: "n", Table: tt.node}, func(format string, args ...any) { got += fmt.Sprintf(format, args...) })
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.node, got, tt.want)
		}
	}
}
