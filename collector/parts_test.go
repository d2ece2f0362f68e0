package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/web"
	"github.com/sipward/sipward/internal/testkit/fill"
	"github.com/sipward/sipward/sync/record"
)

// Every counter of every part is shown once, under a name that nothing else has.
func TestEveryCounterIsShown(t *testing.T) {
	var in ingest.Stats
	var st store.Stats
	var br broker.Stats
	var al alerts.Stats
	var we web.Stats
	var ac accounts.Stats
	want := fill.Numbers([]any{&in, &st, &br, &al, &we, &ac}, reflect.TypeFor[ingest.Latency](), reflect.TypeFor[time.Time]()) // a histogram of its own
	names := map[string]bool{}
	for _, c := range slices.Concat(drops(&in, &st, &br, &al), counts(&in, &st, &br, &al), dashboardDrops(&we, &ac), dashboardCounts(&we, &ac)) {
		name := c.Stage + " " + c.Event
		if want[c.N] == "" {
			t.Errorf("%s shows what another one shows, or nothing", name)
		}
		delete(want, c.N)
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
}

func TestMoment(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-31": "2026-01-31T00:00:00Z", "2026-01": "2026-01-01T00:00:00Z", "2026-01-31T08:00:00+01:00": "2026-01-31T07:00:00Z",
		"2026-01-31T08:00:00.5Z": "2026-01-31T08:00:00.5Z", "2026-01-31 08:00": "2026-01-31T08:00:00Z",
	} {
		var m moment
		if err := m.UnmarshalText([]byte(in)); err != nil || m.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, %v", in, m, err)
		}
	}
	if err := new(moment).UnmarshalText([]byte("yesterday")); err == nil || !strings.Contains(err.Error(), "write 2026-01-31") {
		t.Errorf("%v", err)
	}
}

func TestUntil(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for now, want := range map[string]string{
		"2026-01-31 08:00:00": "2026-01-31 08:10:00", "2026-01-31 08:10:00": "2026-01-31 09:10:00",
		"2026-01-31 08:09:30": "2026-01-31 09:10:00", "2026-01-31 23:30:00": "2026-02-01 00:10:00",
	} {
		if got := at(now).Add(until(at(now), reconcileEvery, reconcileAt)); !got.Equal(at(want)) {
			t.Errorf("after %s comes %s, want %s", now, got, want)
		}
	}
	if got := until(at("2026-01-31 04:00:00"), retainEvery, retainAt); got != 23*time.Hour+17*time.Minute {
		t.Error(got)
	}
}

func TestMerge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	up := func(id string) ingest.Node {
		return ingest.Node{ID: id, StateAt: now, State: &record.State{Node: id, State: record.StateUp, Spool: record.SpoolState{OldestUnackedMs: 9}},
			LiveAt: now.Add(-time.Minute), Live: &record.Live{Node: id}}
	}
	v := &view{
		allowed: map[string]bool{"new": true, "up": true, "down": true},
		nodes: []query.Node{{ID: "up", Epoch: 7, SkewMs: 5}, {ID: "down", LastSeenUnixMs: now.UnixMilli()}, {ID: "removed", LastSeenUnixMs: now.UnixMilli()},
			{ID: "external", LastSeenUnixMs: now.UnixMilli()}},
		ends:  map[string]int64{"up": 77},
		hours: map[string]*nodeHours{"up": {complete: 3, late: []admin.Hour{{HourUnixS: 1}}}},
	}
	got := map[string]admin.Node{}
	for _, n := range merge(v, []ingest.Node{up("up"), {ID: "down", StateAt: now, State: &record.State{State: record.StateDown}}}, now) {
		got[n.ID] = n
	}
	for id, want := range map[string]string{"new": "unknown", "up": "up", "down": "down", "removed": "gone", "external": "gone"} {
		if got[id].State != want {
			t.Errorf("%s is %s, want %s", id, got[id].State, want)
		}
	}
	if n := got["up"]; *n.LagMs != 9 || *n.SkewMs != 5 || n.Epoch != "0000000000000007" || n.Live != nil || n.HoursComplete != 3 || len(n.HoursLate) != 1 || n.CertUnixMs != 77 {
		t.Errorf("%+v", n)
	}
	if n := got["down"]; n.LagMs != nil || n.Spool != nil {
		t.Errorf("what a node that is down said before is shown: %+v", n)
	}
	v.allowed = nil // external brokers: nobody knows who may connect
	for _, n := range merge(v, nil, now.Add(20*24*time.Hour)) {
		if n.State == admin.Gone {
			t.Errorf("%s is gone too early", n.ID)
		}
	}
}

func TestDifferences(t *testing.T) {
	got := differences(nil, "n", "total", "", query.Closed{Over: 2, Ended: 1, AnsweredMs: 5}, query.Closed{Over: 2, Ended: 1, AnsweredMs: 6})
	if len(got) != 1 || got[0].What != "answered_ms" || got[0].Other != 5 || got[0].Records != 6 {
		t.Errorf("%+v", got)
	}
}

func TestSnippetNames(t *testing.T) {
	for listen, want := range map[string]string{":8883": "x:8883", "0.0.0.0:1": "x:1", "[::]:1": "x:1", "192.0.2.1:2": "192.0.2.1:2"} {
		if got := reach(listen, "x"); got != want {
			t.Errorf("%s is reached by %s", listen, got)
		}
	}
	if lossWord("made up") != "other" || lossWord(record.LossShed) != record.LossShed {
		t.Error("a made-up reason is a label")
	}
}
