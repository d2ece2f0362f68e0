package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sync/record"
)

// liveNow is what the uplink says every second; see record.Live.
func (a *agent) liveNow() []byte {
	f := a.task.Snapshot().Figures
	return mustJSON(&record.Live{
		Node: a.cfg.Node, TimeUnixMs: time.Now().UnixMilli(),
		LiveSetup: f.Total.LiveSetup, LiveAnswered: f.Total.LiveAnswered, CallsPerSecond: f.Total.Rate.Last,
		Customers: liveParties(f.Customers), Carriers: liveParties(f.Carriers),
	})
}

// calls lists the calls in progress; see pipeline.Task.Calls.
func (a *agent) calls(ctx context.Context, customer, carrier string, limit int) ([]record.LiveCall, int, error) {
	return a.task.Calls(ctx, pipeline.CallFilter{Customer: customer, Carrier: carrier, Limit: limit})
}

// liveParties leaves out who has neither calls nor a limit, so that thousands
// of idle customers cost nothing.
func liveParties(in []counters.Party) []record.LiveParty {
	out := make([]record.LiveParty, 0, len(in))
	for i := range in {
		p := &in[i]
		if p.Live() == 0 && p.Rate.Last == 0 && p.Channels == 0 {
			continue
		}
		out = append(out, record.LiveParty{
			ID: p.Name, LiveSetup: p.LiveSetup, LiveAnswered: p.LiveAnswered,
			CallsPerSecond: p.Rate.Last, Channels: p.Channels,
		})
	}
	return out
}

// mustJSON encodes what is made of numbers and texts alone.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a type that cannot be encoded: our own bug
	}
	return b
}
