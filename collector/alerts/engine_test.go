package alerts

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// calls makes figures in which carrier c had these calls in the last minute of five.
func calls(now time.Time, outcomes, answered uint64, nodes ...string) *figures {
	t := newTally(now.Unix(), []int64{300})
	f := &figures{Listening: noon.Add(-24 * time.Hour), Tally: t}
	for _, n := range nodes {
		f.Nodes = append(f.Nodes, up(n, now))
		watched(t, n, 5)
	}
	t.AddMinute("n1", &record.Minute{MinuteUnixS: now.Unix() - 60, Kind: query.KindCarrier, Party: "c", Outcomes: outcomes, Answered: answered})
	return f
}

func TestHysteresis(t *testing.T) {
	e := withRules(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) {
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
	e := withRules(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator, r.Threshold, r.Reset = Below, 50, ptr(60.0) }))
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
	e := withRules(t, rule(AreaASR, query.KindCarrier, func(r *query.Rule) { r.Operator = Below }))
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
	e := withRules(t, rule(AreaLiveChannels, query.KindTotal, func(r *query.Rule) { r.Threshold = 10 }))
	changes := ""
	for i := range 600 { // ten minutes
		now := noon.Add(time.Duration(i) * time.Second)
		n := up("n1", now)
		n.Live.LiveAnswered = uint64(10 + i%2)
		changes += words(e.Step(now, &figures{Listening: noon, Nodes: []Node{n}}))
	}
	if changes != "raised" {
		t.Errorf("said: %s", changes)
	}
	for i := 600; i < 700; i++ {
		now := noon.Add(time.Duration(i) * time.Second)
		changes += words(e.Step(now, &figures{Listening: noon, Nodes: []Node{up("n1", now)}}))
	}
	if changes != "raisedcleared" {
		t.Errorf("said: %s", changes)
	}
}

// TestLasting: what is now must last for the period, and a gap is not a part of it.
func TestLasting(t *testing.T) {
	e := withRules(t, rule(AreaChannels, query.KindCustomer, func(r *query.Rule) { r.Threshold, r.Reset, r.PeriodS = 90, ptr(80.0), 30 }))
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
		if got := words(e.Step(now, &figures{Listening: noon, Nodes: []Node{n}})); got != v.want {
			t.Errorf("%d: %d channels: %q, want %q", i, v.use, got, v.want)
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
		tally := newTally(noon.Unix(), []int64{300})
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
