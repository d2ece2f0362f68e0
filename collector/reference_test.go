package main

import (
	"slices"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/web"
	"github.com/sipward/sipward/internal/metric"
	"github.com/sipward/sipward/internal/testkit/golden"
)

//go:generate go test -count=1 -run ^TestReference$ . -update

const referencePage = "../docs/collector.md"

// docs/collector.md has every metric and every counter with its text, as the code has it.
func TestReference(t *testing.T) {
	for _, g := range admin.Reference() {
		golden.Section(t, referencePage, g.Name, metric.Table(g))
	}
	in, st, br, al, we, ac := &ingest.Stats{}, &store.Stats{}, &broker.Stats{}, &alerts.Stats{}, &web.Stats{}, &accounts.Stats{}
	lost := slices.Concat(drops(in, st, br, al), dashboardDrops(we, ac))
	rest := slices.Concat(counts(in, st, br, al), dashboardCounts(we, ac))
	golden.Section(t, referencePage, "dropped", metric.Events(lost))
	golden.Section(t, referencePage, "events", metric.Events(rest))
	for _, c := range slices.Concat(lost, rest) {
		if c.Help == "" {
			t.Errorf("nothing says what %s %s counts", c.Stage, c.Event)
		}
	}
}
