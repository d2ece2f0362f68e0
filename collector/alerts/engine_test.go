package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// calls makes figures in which carrier c had these calls in the last minute of five.
func calls(now time.Time, outcomes, answered uint64, nodes ...string) *Figures {
	t := NewTally(now.Unix(), []int64{300})
	f := &Figures{Listening: noon.Add(-24 * time.Hour), Tally: t}
	for _, n := range nodes {
		f.Nodes = append(f.Nodes, up(n, now))
		watched(t, n, 5)
	}
	t.AddMinute("n1", &record.Minute{MinuteUnixS: now.Unix() - 60, Kind: query.KindCarrier, Party: "c", Outcomes: outcomes, Answered: answered})
	return f
}

func TestHysteresis(t *testing.T) {
	e := engine(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) {
		r.Operator, r.Threshold, r.Reset, r.MinSample, r.RepeatS = Below, 50, ptr(60.0), 10, 600
	}))
	for i, v := range []struct {
		outcomes, answered uint64
		want               string
	}{
		{0, 0, ""},           // no calls are no ASR of 0
		{9, 0, ""},           // too few
		{100, 50, ""},        // at the threshold is not below it
		{100, 49, "raised"},  //
		{100, 55, ""},        // between the two: it stays
		{0, 0, ""},           // nothing ends nothing
		{9, 9, ""},           // nor do too few
		{100, 59, ""},        //
		{100, 60, "cleared"}, // at the reset threshold
		{100, 55, ""},        // between the two: it stays away
		{100, 10, "raised"},
	} {
		now := noon.Add(time.Duration(i) * time.Minute)
		if got := words(e.Step(now, calls(now, v.outcomes, v.answered, "n1"))); got != v.want {
			t.Errorf("%d: %d of %d: %q, want %q", i, v.answered, v.outcomes, got, v.want)
		}
	}
}

func TestTexts(t *testing.T) {
	e := engine(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator, r.Threshold, r.Reset = Below, 50, ptr(60.0) }))
	got := said(e.Step(noon, calls(noon, 3, 1, "n1")))
	later := noon.Add(time.Minute)
	got += said(e.Step(later, calls(later, 4, 3, "n1")))
	want := `raised carrier/c: ASR of carrier c: 33.3% (1 of 3), in the last 5 min; the threshold is below 50%
cleared carrier/c: ASR of carrier c: 75% (3 of 4), in the last 5 min; it is over at 60% or more
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEvent(t *testing.T) {
	e := engine(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
	ts := e.Step(noon, calls(noon, 4, 1, "n1"))
	if len(ts) != 1 {
		t.Fatal(said(ts))
	}
	want := &query.Event{Rule: "r1", RuleName: "Test", Level: LevelWarning, Kind: query.KindCarrier, Party: "c", RaisedUnixMs: noon.UnixMilli(), Num: 1, Den: 4, Value: ptr(25.0), Threshold: 50, Area: AreaASR, Operator: Below,
		Text: "ASR of carrier c: 25% (1 of 4), in the last 5 min; the threshold is below 50%"}
	if diff := cmp.Diff(want, ts[0].Event); diff != "" {
		t.Error(diff)
	}
}

// TestNoFlapping: a value at the threshold, without a reset threshold of its own.
func TestNoFlapping(t *testing.T) {
	e := engine(t, rule(AreaLiveChannels, query.KindTotal, func(r *query.Rule) { r.Threshold = 10 }))
	changes := ""
	for i := range 600 { // ten minutes
		now := noon.Add(time.Duration(i) * time.Second)
		n := up("n1", now)
		n.Live.LiveAnswered = uint64(10 + i%2)
		changes += words(e.Step(now, &Figures{Listening: noon, Nodes: []Node{n}}))
	}
	if changes != "raised" {
		t.Errorf("said: %s", changes)
	}
	for i := 600; i < 700; i++ {
		now := noon.Add(time.Duration(i) * time.Second)
		changes += words(e.Step(now, &Figures{Listening: noon, Nodes: []Node{up("n1", now)}}))
	}
	if changes != "raisedcleared" {
		t.Errorf("said: %s", changes)
	}
}

// TestLasting: what is now must last for the period, and a gap is not a part of it.
func TestLasting(t *testing.T) {
	e := engine(t, rule(AreaChannels, query.KindCustomer, func(r *query.Rule) { r.Threshold, r.Reset, r.PeriodS = 90, ptr(80.0), 30 }))
	for i, v := range []struct {
		use  int // below 0: the node says nothing
		want string
	}{{95, ""}, {95, ""}, {-1, ""}, {95, ""}, {95, ""}, {95, ""}, {100, "raised"}, {70, ""}, {70, ""}, {85, ""}, {70, ""}, {70, ""}, {-1, ""}, {70, ""}, {70, ""}, {70, ""}, {70, "cleared"}} {
		now := noon.Add(time.Duration(i) * 10 * time.Second)
		n := up("n1", now)
		n.Live.Customers = []record.LiveParty{{ID: "acme", LiveAnswered: uint64(max(v.use, 0)), Channels: 100}, {ID: "free", LiveAnswered: 1000}}
		if v.use < 0 {
			n.LiveUnixMs = now.Add(-fresh).UnixMilli()
		}
		if got := words(e.Step(now, &Figures{Listening: noon, Nodes: []Node{n}})); got != v.want {
			t.Errorf("%d: %d channels: %q, want %q", i, v.use, got, v.want)
		}
	}
}

// TestSilentNode: a node's silence is an alert of its own, and ends no other one.
func TestSilentNode(t *testing.T) {
	e := engine(t,
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
		for _, x := range e.Step(now, &Figures{Listening: noon.Add(-time.Hour), Nodes: []Node{up("a", now), b}}) {
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
	e := NewEngine()
	e.Restore(query.Event{ID: "x", Rule: "r1", Kind: KindNode, Party: "old", Node: "old", RaisedUnixMs: 1, SentUnixMs: 2})
	e.SetRules(noon, []query.Rule{down})
	heard := noon.Add(-time.Hour)
	f := &Figures{Nodes: []Node{up("a", heard), up("old", heard)}}
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
	e := engine(t, low)
	gone := up("n2", noon.Add(-time.Hour))
	with := func(f *Figures) *Figures { f.Nodes = append(f.Nodes, gone); return f }
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
	e := engine(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
	f := calls(noon, 10, 1)
	f.Nodes = []Node{up("n1", noon)}
	watched(f.Tally, "n1", 3)
	if got := said(e.Step(noon, f)); !strings.Contains(got, "(2 min of nodes' time were not watched)") {
		t.Error(got)
	}
}

func TestNobodyWatched(t *testing.T) {
	for _, area := range []string{AreaASR, AreaNER, AreaACD, AreaPDD, AreaLiveChannels, AreaChannels, AreaCPS} {
		e := engine(t, rule(area, query.KindTotal, func(r *query.Rule) { r.Operator = Below }))
		for name, f := range map[string]*Figures{"nothing": {}, "an empty tally": {Listening: noon, Tally: NewTally(noon.Unix(), []int64{300})},
			"a silent node": {Listening: noon, Tally: NewTally(noon.Unix(), []int64{300}), Nodes: []Node{up("n1", noon.Add(-time.Minute))}}} {
			if got := said(e.Step(noon, f)); got != "" {
				t.Errorf("%s, %s: %s", area, name, got)
			}
		}
	}
}

func TestStreak(t *testing.T) {
	for _, v := range []struct {
		name string
		rows [][3]int64 // minutes ago, outcomes, answered
		want int64
	}{
		{"none", nil, 0},
		{"all failed", [][3]int64{{1, 5, 0}, {2, 5, 0}}, 10},
		{"answered before", [][3]int64{{1, 5, 0}, {2, 5, 0}, {3, 9, 1}}, 10},
		{"answered before, read backwards", [][3]int64{{3, 9, 1}, {2, 5, 0}, {1, 5, 0}}, 10},
		{"in the minute of an answer nothing is known", [][3]int64{{1, 5, 1}}, 0},
		{"of two nodes", [][3]int64{{2, 5, 0}, {2, 5, 1}, {1, 1, 0}}, 1},
		{"older than the period", [][3]int64{{6, 5, 0}, {1, 1, 0}}, 1},
		{"not of the future", [][3]int64{{0, 5, 0}, {-1, 5, 1}, {1, 1, 0}}, 1},
	} {
		tally := NewTally(noon.Unix(), []int64{300})
		for _, r := range v.rows {
			tally.AddMinute("n1", &record.Minute{MinuteUnixS: noon.Unix() - 60*r[0], Kind: query.KindCarrier, Party: "c", Outcomes: uint64(r[1]), Answered: uint64(r[2])})
		}
		got := int64(0)
		if s := tally.streaks[party{query.KindCarrier, "c"}]; s != nil {
			got = s.since(noon.Unix() - 300)
		}
		if got != v.want {
			t.Errorf("%s: %d, want %d", v.name, got, v.want)
		}
	}
}

func TestRepeatAndRestart(t *testing.T) {
	repeat := rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator, r.RepeatS = Below, 600 })
	e := engine(t, repeat)
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
		again := NewEngine()
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
		e := engine(t, low)
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
	e := engine(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
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
	e := engine(t, rule(AreaLiveChannels, query.KindCustomer, func(r *query.Rule) { r.Threshold = 0 }))
	n := up("n1", noon)
	for i := range maxStates + 7 {
		n.Live.Customers = append(n.Live.Customers, record.LiveParty{ID: strings.Repeat("c", 1+i%9) + time.Duration(i).String(), LiveSetup: 1})
	}
	if got := len(e.Step(noon, &Figures{Listening: noon, Nodes: []Node{n}})); got != maxStates || e.Overflow != 7 {
		t.Errorf("%d alerts, %d too many", got, e.Overflow)
	}
	if e.Step(noon.Add(10*time.Minute), &Figures{}); len(e.states) != maxStates {
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
	f := &Figures{Listening: noon, Nodes: []Node{n}, Tally: NewTally(noon.Unix(), []int64{300}), Compared: &Compared{Rows: []query.Reconciled{
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
