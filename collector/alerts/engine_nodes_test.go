package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// TestSilentNode: a node's silence is an alert of its own, and ends no other one.
func TestSilentNode(t *testing.T) {
	e := withRules(t,
		rule(AreaNodeDown, KindNode, func(r *query.Rule) { r.Threshold, r.Reset, r.ID = 60, ptr(10.0), "down" }),
		rule(AreaLiveChannels, query.KindTotal, func(r *query.Rule) { r.Threshold, r.Reset, r.ID = 10, ptr(5.0), "many" }),
		rule(AreaLiveChannels, query.KindTotal, func(r *query.Rule) { r.Operator, r.Threshold, r.ID = Below, 3, "few" }),
		rule(AreaStrays, KindNode, func(r *query.Rule) { r.Threshold, r.ID = 0, "strays" }),
		rule(AreaSpool, KindNode, func(r *query.Rule) { r.ID = "spool" }))
	var heard time.Time
	at := func(s int) string {
		now := noon.Add(time.Duration(s) * time.Second)
		if s < 100 || s > 400 {
			heard = now
		}
		b := up("b", heard)
		b.Live.LiveAnswered = 20
		b.State.Guard = &record.GuardState{Strays: 2}
		b.State.Spool = record.SpoolState{Bytes: 90, BudgetBytes: 100}
		var got []string
		for _, x := range e.Step(now, &figures{Listening: noon.Add(-time.Hour), Nodes: []Node{up("a", now), b}}) {
			if x.Change != Updated {
				got = append(got, x.Change.String()+" "+x.Event.Rule+" "+x.Event.Node)
			}
		}
		return strings.Join(got, ", ")
	}
	got := map[int]string{}
	for s := 0; s < 500; s += 5 {
		if x := at(s); x != "" {
			got[s] = x
		}
	}
	want := map[int]string{0: "raised many , raised spool b, raised strays b", 160: "raised down b", 405: "cleared down b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCollectorsOwnAbsence: what happened while nobody listened is no node's silence, and does
// not end one.
func TestCollectorsOwnAbsence(t *testing.T) {
	down := rule(AreaNodeDown, KindNode, func(r *query.Rule) { r.Threshold, r.Reset = 60, ptr(10.0) })
	e := newEngine()
	e.Restore(query.Event{ID: "x", Rule: "r1", Kind: KindNode, Party: "old", Node: "old", RaisedUnixMs: 1, SentUnixMs: 2})
	e.SetRules(noon, []query.Rule{down})
	heard := noon.Add(-time.Hour)
	f := &figures{Nodes: []Node{up("a", heard), up("old", heard)}}
	if got := words(e.Step(noon, f)); got != "" {
		t.Errorf("nobody listens: %s", got)
	}
	f.Listening = noon
	for _, v := range []struct {
		s    int
		want string
	}{{0, ""}, {60, ""}, {62, "raised"}} {
		if got := words(e.Step(noon.Add(time.Duration(v.s)*time.Second), f)); got != v.want {
			t.Errorf("after %d s: %q, want %q", v.s, got, v.want)
		}
	}
	now := noon.Add(70 * time.Second)
	f.Nodes[1] = up("old", now)
	if got := said(e.Step(now, f)); !strings.Contains(got, "cleared node/old") || strings.Contains(got, "node/a") {
		t.Error(got)
	}
}

// TestMissingNode: what other nodes counted raises an alert that says so, and ends none.
func TestMissingNode(t *testing.T) {
	low := rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below })
	e := withRules(t, low)
	gone := up("n2", noon.Add(-time.Hour))
	with := func(f *figures) *figures { f.Nodes = append(f.Nodes, gone); return f }
	if got := said(e.Step(noon, with(calls(noon, 10, 1, "n1")))); !strings.HasPrefix(got, "raised") || !strings.Contains(got, "(without node n2)") {
		t.Error(got)
	}
	for i := range 20 {
		now := noon.Add(time.Duration(i+1) * time.Minute)
		if got := words(e.Step(now, with(calls(now, 10, 9, "n1")))); got != "" {
			t.Fatalf("after %d min: %s", i+1, got)
		}
	}
	week := noon.Add(8 * 24 * time.Hour) // it will not come back
	if got := words(e.Step(week, with(calls(week, 10, 9, "n1")))) + words(e.Step(week.Add(5*time.Minute), with(calls(week, 10, 9, "n1")))); got != "cleared" {
		t.Error(got)
	}
}

func TestGapIsNamed(t *testing.T) {
	e := withRules(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
	f := calls(noon, 10, 1)
	f.Nodes = []Node{up("n1", noon)}
	watched(f.Tally, "n1", 3)
	if got := said(e.Step(noon, f)); !strings.Contains(got, "(2 min of nodes' time were not watched)") {
		t.Error(got)
	}
}

func TestNobodyWatched(t *testing.T) {
	for _, area := range []string{AreaASR, AreaNER, AreaACD, AreaPDD, AreaLiveChannels, AreaChannels, AreaCPS} {
		e := withRules(t, rule(area, query.KindTotal, func(r *query.Rule) { r.Operator = Below }))
		for name, f := range map[string]*figures{"nothing": {}, "an empty tally": {Listening: noon, Tally: newTally(noon.Unix(), []int64{300})},
			"a silent node": {Listening: noon, Tally: newTally(noon.Unix(), []int64{300}), Nodes: []Node{up("n1", noon.Add(-time.Minute))}}} {
			if got := said(e.Step(noon, f)); got != "" {
				t.Errorf("%s, %s: %s", area, name, got)
			}
		}
	}
}
