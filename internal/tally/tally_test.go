package tally

import (
	"slices"
	"testing"
)

func TestStage(t *testing.T) {
	got := Stage("tcp", []Event{{"evicted", 2}, {"starved", 0}})
	want := []Count{{"tcp", "evicted", 2}, {"tcp", "starved", 0}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNonzero(t *testing.T) {
	for want, list := range map[string][]Count{
		"nothing":                       {{"tcp", "evicted", 0}},
		"tcp evicted 2, hep too_long 1": {{"tcp", "evicted", 2}, {"hep", "malformed", 0}, {"hep", "too_long", 1}},
	} {
		if got := Nonzero(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
