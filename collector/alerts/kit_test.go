package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// rule is a rule of an area that is valid, changed by edit.
func rule(area, kind string, edit func(*query.Rule)) query.Rule {
	r := query.Rule{ID: "r1", Name: "Test", Area: area, Kind: kind, Operator: Above, Threshold: 50, Level: LevelWarning}
	if areas[area].Counted {
		r.PeriodS = 300
	}
	if edit != nil {
		edit(&r)
	}
	return r
}

// up is a node that speaks at a time.
func up(id string, now time.Time) Node {
	return Node{ID: id, FirstSeenUnixMs: 1, HeardUnixMs: now.UnixMilli(), LiveUnixMs: now.UnixMilli(), Live: &record.Live{Node: id},
		State: &record.State{Node: id, State: record.StateUp}}
}

// watched adds whole minutes of the total before to.
func watched(t *tally, node string, minutes int) {
	for i := range minutes {
		t.AddMinute(node, &record.Minute{MinuteUnixS: t.ToUnixS - int64(i+1)*60, Kind: query.KindTotal, ObservedMs: 60_000})
	}
}

// withRules returns an engine that judges them.
func withRules(t *testing.T, rules ...query.Rule) *engine {
	t.Helper()
	e := newEngine()
	if _, errs := e.SetRules(noon, rules); len(errs) > 0 {
		t.Fatal(errs)
	}
	return e
}

// said writes transitions in a line each.
func said(ts []transition) string {
	var b strings.Builder
	for _, t := range ts {
		fmt.Fprintf(&b, "%s %s/%s: %s\n", t.Change, t.Event.Kind, t.Event.Party, t.Event.Text)
	}
	return b.String()
}

// words are the changes alone.
func words(ts []transition) string {
	var out []string
	for _, t := range ts {
		if t.Change != Updated {
			out = append(out, t.Change.String())
		}
	}
	return strings.Join(out, " ")
}
