package alerts

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// BenchmarkStep judges the starting rules for 50 carriers, 1,000 customers and 20
// nodes.
func BenchmarkStep(b *testing.B) {
	rules := Defaults()
	for i := range rules {
		rules[i].ID = fmt.Sprint(i)
	}
	e := newEngine()
	e.SetRules(noon, rules)
	f := &figures{Listening: noon.Add(-time.Hour), Tally: newTally(noon.Unix(), e.Periods())}
	for i := range 20 {
		n := up(fmt.Sprintf("n%d", i), noon)
		watched(f.Tally, n.ID, 30)
		for c := range 1000 {
			n.Live.Customers = append(n.Live.Customers, record.LiveParty{ID: fmt.Sprintf("c%d", c), LiveAnswered: 3, Channels: 100})
		}
		f.Nodes = append(f.Nodes, n)
	}
	for i := range 50 {
		f.Tally.AddMinute("n1", &record.Minute{MinuteUnixS: noon.Unix() - 60, Kind: query.KindCarrier, Party: fmt.Sprintf("k%d", i), Outcomes: 100, Answered: 60, Effective: 90})
	}
	for b.Loop() {
		e.Step(noon, f)
	}
}
