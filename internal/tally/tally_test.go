package tally

import (
	"slices"
	"testing"
)

func TestStage(t *testing.T) {
	got := Stage("tcp", []Event{{"evicted", 2, "forgotten"}, {"starved", 0, "no memory"}})
	want := []Count{{"tcp", "evicted", 2, "forgotten"}, {"tcp", "starved", 0, "no memory"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNonzero(t *testing.T) {
	for want, list := range map[string][]Count{
		"nothing":                       {{Stage: "tcp", Event: "evicted"}},
		"tcp evicted 2, hep too_long 1": {{Stage: "tcp", Event: "evicted", N: 2}, {Stage: "hep", Event: "malformed"}, {Stage: "hep", Event: "too_long", N: 1}},
	} {
		if got := Nonzero(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
