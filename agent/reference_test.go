package main

import (
	"slices"
	"testing"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/internal/metric"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/internal/testkit/golden"
)

//go:generate go test -count=1 -run ^TestReference$ . -update

const referencePage = "../docs/metrics.md"

// docs/metrics.md has every metric and every counter with its text, as the code has it.
func TestReference(t *testing.T) {
	for _, g := range admin.Reference() {
		if g.Name != "customers" && g.Name != "carriers" { // the page says how they follow from calls
			golden.Section(t, referencePage, g.Name, metric.Table(g))
		}
	}
	drops, counts := tallies(t)
	golden.Section(t, referencePage, "dropped", metric.Events(drops))
	golden.Section(t, referencePage, "events", metric.Events(counts))
}

// tallies are the counters of an agent that has every part. A guard has one edge at
// a time.
func tallies(t *testing.T) (drops, counts []tally.Count) {
	t.Helper()
	for _, mode := range edges {
		s := whole(t, mode).Status()
		drops, counts = merge(drops, s.Drops), merge(counts, s.Counts)
	}
	for _, c := range slices.Concat(drops, counts) {
		if c.Help == "" {
			t.Errorf("nothing says what %s %s counts", c.Stage, c.Event)
		}
	}
	return drops, counts
}

// merge adds to a list what is not in it, and brings the counters of a stage together.
func merge(list, more []tally.Count) []tally.Count {
	for _, c := range more {
		same := func(x tally.Count) bool { return x.Stage == c.Stage }
		if slices.ContainsFunc(list, func(x tally.Count) bool { return same(x) && x.Event == c.Event }) {
			continue
		}
		at := len(list)
		for i := range list {
			if same(list[i]) {
				at = i + 1
			}
		}
		list = slices.Insert(list, at, c)
	}
	return list
}
