package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/guard/authorize"
	"github.com/sipward/sipward/agent/guard/netfilter"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/agent/records"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/internal/testkit/fill"
)

// Every counter of every part is shown once, under a name that nothing else has.
func TestEveryCounterIsShown(t *testing.T) {
	var p pipeline.Snapshot
	var l capture.LiveStats
	var h capture.HEPStats
	var r records.Stats
	var g guard.Stats
	var q netfilter.Stats
	var z authorize.Stats
	for name, tt := range map[string]struct {
		fields []any
		counts func() [][]tally.Count
		hidden []string // shown as metrics of their own, or not meant for operators
	}{
		"pipeline": {
			[]any{&p.Core, &p.Packets, &p.Streams, &p.Parser, &p.Dialogs, &p.Media, &p.Events},
			func() [][]tally.Count { return [][]tally.Count{pipelineDrops(&p), pipelineCounts(&p)} },
			[]string{
				"Stats.Frames", "Stats.Malformed", "Stats.Retransmissions", "Stats.Duplicates", "Stats.Panics",
				"Stats.Messages", "Stats.Messages", "Stats.Messages", "Stats.Messages", "Stats.Messages", "Stats.Messages", "Stats.Messages",
				"Stats.Digits",                      // those of dtmf presses
				"Stats.Frames", "Stats.MalformedBy", // of packet and parse: an invalid zero has no name
			},
		},
		"live": {[]any{&l}, func() [][]tally.Count { return [][]tally.Count{liveDrops(l), liveCounts(l)} }, nil},
		"hep":  {[]any{&h}, func() [][]tally.Count { return [][]tally.Count{hepDrops(h), hepCounts(h)} }, nil},
		"guard": {
			[]any{&g}, func() [][]tally.Count { return [][]tally.Count{guardDrops(&g), guardCounts(&g)} },
			[]string{"Stats.Resent", "Stats.Bindings", "Stats.Strays", "Stats.Banned", "Stats.Pending", "Stats.Unsaved", "Stats.Judged", "Stats.Judging"},
		},
		"netfilter": {[]any{&q}, func() [][]tally.Count { return [][]tally.Count{queueDrops(&q), queueCounts(&q)} }, nil},
		"authorize": {[]any{&z}, func() [][]tally.Count { return [][]tally.Count{nil, authorizeCounts(&z)} }, nil},
		"records":   {[]any{&r}, func() [][]tally.Count { return [][]tally.Count{recordDrops(r), recordCounts(r)} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			want := fill.Numbers(tt.fields)
			names := map[[2]string]bool{}
			for i, list := range tt.counts() {
				for _, c := range list {
					if names[[2]string{c.Stage, c.Event}] {
						t.Errorf("%s %s is there twice", c.Stage, c.Event)
					}
					names[[2]string{c.Stage, c.Event}] = true
					if isDrop := admin.Explained(c); isDrop != (i == 0) {
						t.Errorf("%s %s: what was lost has words, and nothing else", c.Stage, c.Event)
					}
					if want[c.N] == "" && c.N != 0 {
						t.Errorf("%s %s shows what another one shows", c.Stage, c.Event)
					}
					delete(want, c.N)
				}
			}
			for _, hidden := range tt.hidden {
				for n, field := range want {
					if field == hidden {
						delete(want, n)
						break
					}
				}
			}
			if len(want) > 0 {
				t.Errorf("not shown: %v", want)
			}
		})
	}
}

// parts builds an agent from the text of a configuration; nothing runs.
func parts(t *testing.T, text string) *agent {
	t.Helper()
	cfg, err := configs.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Guard.Dir == configs.Defaults().Guard.Dir {
		cfg.Guard.Dir = t.TempDir()
	}
	a, err := newAgent(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNotReady(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.jsonl")
	a := parts(t, "capture: {interfaces: [none0], hep: [{network: udp, address: '127.0.0.1:0'}]}\nrecords: {file: "+file+"}")
	got := strings.Join(a.Status().NotReady, "\n")
	for _, want := range []string{"none of the interfaces [none0] is there", "hep: udp 127.0.0.1:0 is not open", "pipeline: not started", file + " is not open"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in %q", want, got)
		}
	}
}

func TestSources(t *testing.T) {
	names := []string{"eth0", "ppp*", "veth*"}
	found := []capture.InterfaceState{
		{Name: "eth0", State: capture.LinkDown}, {Name: "veth1", State: capture.LinkDown},
		{Name: "veth2", State: capture.LinkCapturing}, {Name: "veth3", State: capture.LinkFailed}, {Name: "ppp*", State: capture.LinkMissing},
	}
	got := sources(names, found)
	want := []admin.Interface{{Name: "eth0", State: "down"}, {Name: "ppp*", State: "missing"}, {Name: "veth*", State: "capturing"}}
	if !slices.Equal(got, want) || blind(got) != nil {
		t.Errorf("%v, blind %v", got, blind(got))
	}
	if why := blind(got[:2]); !slices.Equal(why, []string{"capture: eth0 is down", "capture: ppp* is missing"}) {
		t.Error(why)
	}
	if got := sources([]string{"any"}, []capture.InterfaceState{{Name: "any", State: capture.LinkCapturing}}); got[0].State != admin.Capturing {
		t.Error(got)
	}
	if got := sources(names, nil); len(got) != 3 || got[0].State != "" {
		t.Errorf("before the first look: %v", got)
	}
}
