package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func TestRepeatAndRestart(t *testing.T) {
	repeat := rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator, r.RepeatS = Below, 600 })
	e := withRules(t, repeat)
	count := map[string]int{}
	for i := range 60 {
		now := noon.Add(time.Duration(i) * time.Minute)
		f := calls(now, 10, 1, "n1")
		if i > 30 {
			f = calls(now, 0, 0, "n1")
		}
		count[words(e.Step(now, f))]++
	}
	if diff := cmp.Diff(map[string]int{"raised": 1, "repeated": 5, "": 54}, count); diff != "" {
		t.Error(diff)
	}
	open := *e.Open()[0]
	open.ID, open.SentUnixMs = "id", noon.Add(59*time.Minute).UnixMilli()
	for _, v := range []struct {
		name string
		sent int64
		want string
	}{{"told", open.SentUnixMs, ""}, {"nobody was told", 0, "repeated"}} {
		again := newEngine()
		open.SentUnixMs = v.sent
		again.Restore(open)
		again.SetRules(noon, []query.Rule{repeat})
		now := noon.Add(60 * time.Minute)
		if got := words(again.Step(now, calls(now, 10, 1, "n1"))); got != v.want {
			t.Errorf("%s: %q", v.name, got)
		}
		if x := again.Open(); len(x) != 1 || x[0].ID != "id" || x[0].RaisedUnixMs != noon.UnixMilli() {
			t.Errorf("%s: %+v", v.name, x)
		}
	}
}

func TestRuleGone(t *testing.T) {
	low := rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below })
	for name, v := range map[string]struct {
		edit func(*query.Rule)
		want string
	}{
		"another threshold": {func(r *query.Rule) { r.Threshold = 60 }, ""},
		"disabled":          {func(r *query.Rule) { r.Disabled = true }, "dropped"},
		"another area":      {func(r *query.Rule) { r.Area = AreaNER }, "dropped"},
		"another party":     {func(r *query.Rule) { r.Party = "d" }, "dropped"},
		"gone":              {func(r *query.Rule) { r.ID = "r2" }, "dropped"},
		"broken":            {func(r *query.Rule) { r.PeriodS = 7 }, "dropped"},
	} {
		e := withRules(t, low)
		e.Step(noon, calls(noon, 10, 1, "n1"))
		now := low
		v.edit(&now)
		ts, errs := e.SetRules(noon, []query.Rule{now})
		if got := words(ts); got != v.want || (len(errs) > 0) != (name == "broken") {
			t.Errorf("%s: %q, %v", name, got, errs)
		}
	}
}

// TestQuiet: an alert about what is no more ends after a day, and not before.
func TestQuiet(t *testing.T) {
	e := withRules(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
	e.Step(noon, calls(noon, 10, 1, "n1"))
	for i := 1; i <= 26*60; i++ {
		now := noon.Add(time.Duration(i) * time.Minute)
		if got := e.Step(now, calls(now, 0, 0, "n1")); words(got) != "" {
			if want := 24*60 + 1; i != want || !strings.Contains(said(got), "for 1 d there was nothing to measure") {
				t.Errorf("after %d min, want %d: %s", i, want, said(got))
			}
			return
		}
	}
	t.Error("it never ended")
}

func TestBound(t *testing.T) {
	e := withRules(t, rule(AreaLiveChannels, query.KindCustomer, func(r *query.Rule) { r.Threshold = 0 }))
	n := up("n1", noon)
	for i := range maxStates + 7 {
		n.Live.Customers = append(n.Live.Customers, record.LiveParty{ID: strings.Repeat("c", 1+i%9) + time.Duration(i).String(), LiveSetup: 1})
	}
	if got := len(e.Step(noon, &figures{Listening: noon, Nodes: []Node{n}})); got != maxStates || e.Overflow != 7 {
		t.Errorf("%d alerts, %d too many", got, e.Overflow)
	}
	if e.Step(noon.Add(10*time.Minute), &figures{}); len(e.states) != maxStates {
		t.Errorf("%d states", len(e.states))
	}
}

func TestGauges(t *testing.T) {
	n := up("n1", noon)
	n.Live.LiveSetup, n.Live.LiveAnswered, n.Live.CallsPerSecond = 4, 6, 3
	n.Live.Customers = []record.LiveParty{{ID: "acme", LiveAnswered: 8, CallsPerSecond: 2, Channels: 10}}
	n.Live.Carriers = []record.LiveParty{{ID: "alpha", LiveAnswered: 5, Channels: 50}}
	n.State.Guard = &record.GuardState{Strays: 3}
	n.State.Spool = record.SpoolState{Bytes: 25, BudgetBytes: 100}
	f := &figures{Listening: noon, Nodes: []Node{n}, Tally: newTally(noon.Unix(), []int64{300}), Compared: &compared{Rows: []query.Reconciled{
		{Node: "n1", Kind: query.KindTotal, Minutes: query.Closed{Over: 2}, Records: query.Closed{Over: 1}}, {Node: "n1", Kind: query.KindCustomer, Party: "acme"}}}}
	watched(f.Tally, "n1", 5)
	f.Tally.AddRefusal("n1", &record.Registration{AtUnixMs: noon.UnixMilli() - 1000, Verdict: "refused", Customer: "acme", Repeated: 4})
	f.Tally.AddRefusal("n1", &record.Registration{AtUnixMs: noon.UnixMilli() - 400_000, Verdict: "refused", Customer: "acme"})
	f.Tally.AddRefusal("n1", &record.Registration{AtUnixMs: noon.UnixMilli() - 1000, Verdict: "stray", Customer: "acme"})
	f.Tally.AddMinute("n1", &record.Minute{MinuteUnixS: noon.Unix() - 60, Kind: query.KindTotal, Outcomes: 4, Answered: 3, Effective: 4, Ended: 2, AnsweredMs: 5000, PddCount: 4, PddSumMs: 1000})
	for _, v := range []struct {
		area, kind, party string
		want              float64
	}{
		{AreaChannels, query.KindCustomer, "acme", 80}, {AreaChannels, query.KindCarrier, "alpha", 10}, {AreaChannels, query.KindTotal, "", 100},
		{AreaLiveChannels, query.KindTotal, "", 10}, {AreaLiveChannels, KindNode, "n1", 10}, {AreaLiveChannels, query.KindCustomer, "nobody", 0},
		{AreaCPS, query.KindTotal, "", 3}, {AreaCPS, query.KindCustomer, "acme", 2},
		{AreaStrays, query.KindTotal, "", 3}, {AreaSpool, KindNode, "n1", 25}, {AreaReconciliation, query.KindTotal, "", 1}, {AreaReconciliation, KindNode, "n1", 1},
		{AreaRefusals, query.KindTotal, "", 5}, {AreaRefusals, query.KindCustomer, "acme", 5}, {AreaRefusals, query.KindCustomer, "other", 0}, {AreaRefusals, KindNode, "n1", 5},
		{AreaASR, query.KindTotal, "", 75}, {AreaNER, query.KindTotal, "", 100}, {AreaACD, query.KindTotal, "", 2.5}, {AreaPDD, query.KindTotal, "", 250},
		{AreaNodeDown, KindNode, "n1", 0},
	} {
		r := rule(v.area, v.kind, func(r *query.Rule) { r.Party = v.party })
		if got := f.read(&r, party{v.kind, v.party}, noon); got.blank != "" || got.value != v.want || got.partial {
			t.Errorf("%s of %s %s: %+v, want %g", v.area, v.kind, v.party, got, v.want)
		}
	}
}
