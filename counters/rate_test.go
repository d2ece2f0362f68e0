package counters

import "testing"

// TestRateSetBack: a clock that is set back begins anew; packets that come a
// little late do not.
func TestRateSetBack(t *testing.T) {
	var r Rate
	for _, s := range []int64{100, 101, 101, 95, 102} {
		r.add(s * second)
	}
	if r.Last != 3 || r.Max != 3 || r.MaxAt != 101 {
		t.Errorf("late: %+v", r)
	}
	r.add(60 * second)
	if r.Last != 0 {
		t.Errorf("set back: %+v", r)
	}
	r.add(60 * second)
	r.roll(61 * second)
	if r.Last != 2 || r.Max != 3 {
		t.Errorf("a second later: %+v", r)
	}
}
