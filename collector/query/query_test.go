package query

import (
	"testing"
	"time"
)

func TestSteps(t *testing.T) {
	at := time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC)
	tests := map[Step][2]time.Time{
		0:       {time.Date(2028, 2, 29, 23, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
		ByHour:  {time.Date(2028, 2, 29, 23, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
		ByDay:   {time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
		ByMonth: {time.Date(2028, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
	}
	for step, want := range tests {
		if a, b := step.Begin(at.Unix()), step.End(at.Unix()); a != want[0].Unix() || b != want[1].Unix() {
			t.Errorf("%s: from %v to %v", step, time.Unix(a, 0).UTC(), time.Unix(b, 0).UTC())
		}
		if a := step.Begin(want[0].Unix()); a != want[0].Unix() {
			t.Errorf("%s: a beginning begins at %d", step, a)
		}
	}
}

func TestCounts(t *testing.T) {
	var s Sums
	for i, p := range s.Fields() {
		*p = int64(i + 1)
	}
	s.Add(&s)
	seen := map[int64]bool{}
	for _, p := range s.Fields() {
		seen[*p] = true
	}
	if len(seen) != SumFields || !seen[2*SumFields] {
		t.Errorf("%+v", s)
	}
	var x Point
	for i, p := range x.Counts() {
		*p = int64(i + 1)
	}
	seen = map[int64]bool{}
	for _, p := range x.Counts() {
		seen[*p] = true
	}
	if len(seen) != PointCounts {
		t.Errorf("%+v", x)
	}
}

func TestStates(t *testing.T) {
	for want, hours := range map[HourState][]HourState{HourComplete: {HourComplete}, HourOpen: {HourComplete, HourOpen}, HourLate: {HourOpen, HourLate, HourComplete}} {
		var c Completeness
		for i, s := range hours {
			c.Add(&Hour{State: s, LateSinceUnixS: int64(100 - i), ObservedMs: 5})
		}
		if c.State() != want || c.Hours != len(hours) || c.ObservedMs != int64(5*len(hours)) || (c.LateSinceUnixS != 0) != (want == HourLate) {
			t.Errorf("%+v is %s, want %s", c, c.State(), want)
		}
	}
}
