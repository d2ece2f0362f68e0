package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sync/record"
)

func TestCountsOf(t *testing.T) {
	type inner struct{ PassedUDP uint64 }
	got := countsOf("x", struct {
		inner
		OutOfOrder, WSOther, RTP uint64
		Open                     int
		Full                     uint64
	}{inner{1}, 2, 3, 4, 5, 6}, "full")
	want := []admin.Count{{Stage: "x", Event: "passed_udp", N: 1}, {Stage: "x", Event: "out_of_order", N: 2}, {Stage: "x", Event: "ws_other", N: 3}, {Stage: "x", Event: "rtp", N: 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSuspect(t *testing.T) {
	var s source
	drops := []admin.Count{{Stage: "capture", Event: "kernel_dropped", N: 0}, {Stage: "queue", Event: "full", N: 0}}
	if why := s.suspect(drops); len(why) != 0 {
		t.Error(why)
	}
	drops[0].N = 3
	for range 2 { // it stays suspect for a while
		if why := s.suspect(drops); len(why) != 1 || !strings.HasPrefix(why[0], "capture kernel_dropped: 3 lost") {
			t.Error(why)
		}
	}
	for key := range s.worst.grown {
		s.worst.grown[key] = s.worst.grown[key].Add(-suspectFor)
	}
	if why := s.suspect(drops); len(why) != 0 {
		t.Error(why)
	}
}

func TestRecorder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	r := newRecorder(path)
	for range recordQueue + 5 { // nobody writes yet
		r.Add(&record.Call{CallID: "a"})
	}
	f, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := r.Run(f); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n != recordQueue || r.written.Load() != recordQueue || r.dropped.Load() != 5 {
		t.Errorf("%d lines, %d written, %d dropped", n, r.written.Load(), r.dropped.Load())
	}
}

func TestRecorderCountsWhatTheDiskRefuses(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full: ", err)
	}
	r := newRecorder("/dev/full")
	for range 1000 { // more than its buffer holds
		r.Add(&record.Call{CallID: "a"})
	}
	r.Close()
	if err := r.Run(f); err == nil || r.failed.Load() == 0 {
		t.Errorf("%v, %d failed", err, r.failed.Load())
	}
	if _, err := newRecorder(filepath.Join(t.TempDir(), "no", "file")).open(); err == nil || !strings.Contains(err.Error(), "records.file") {
		t.Errorf("%v", err)
	}
}

func TestNotReady(t *testing.T) {
	cfg, err := configs.Parse("f", []byte("capture: {interfaces: [none0], hep: [{network: udp, address: '127.0.0.1:0'}]}"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAgent(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(a.source.Status().NotReady, "\n")
	for _, want := range []string{"none of the interfaces [none0] is there", "hep: udp 127.0.0.1:0 is not open", "pipeline: not started"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in %q", want, got)
		}
	}
}
