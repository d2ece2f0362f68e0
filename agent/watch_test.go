package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/agent/capture"
)

func TestComplaint(t *testing.T) {
	var c complaint
	now := time.Unix(1_700_000_000, 0)
	for i, step := range []struct {
		after time.Duration
		n     uint64
		more  uint64
	}{
		{0, 0, 0},
		{time.Second, 3, 3}, // at once
		{time.Second, 4, 0}, // not all the time
		{58 * time.Second, 9, 0},
		{time.Second, 9, 6},
		{time.Hour, 9, 0}, // nothing new
		{time.Second, 10, 1},
	} {
		now = now.Add(step.after)
		if more, yes := c.due(step.n, now); more != step.more || yes != (step.more > 0) {
			t.Errorf("step %d: %d, %v", i, more, yes)
		}
	}
}

func TestRefusedHEPIsLoggedOnceAMinute(t *testing.T) {
	var log strings.Builder
	a := parts(t, quiet+"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:9060'}]}")
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	w := newWatcher(a)
	now := time.Unix(1_700_000_000, 0)
	for i := range 120 {
		w.refused(0, capture.HEPStats{Unauthorized: uint64(i + 1)}, now.Add(time.Duration(i)*time.Second))
	}
	if got := log.String(); strings.Count(got, "HEP packets are refused") != 2 || !strings.Contains(got, "address=127.0.0.1:9060") {
		t.Error(got)
	}
	log.Reset()
	newWatcher(a).refused(0, capture.HEPStats{Malformed: 1}, now)
	if got := log.String(); strings.Contains(got, "auth_key_file") || !strings.Contains(got, "no HEPv3") {
		t.Errorf("without a key it says %s", got)
	}
}

// TestComplaintsBecomeRare: a scanner that never ends has a line an hour in the end.
func TestComplaintsBecomeRare(t *testing.T) {
	var c complaint
	lines := 0
	for i := range 24 * 60 {
		if _, yes := c.due(uint64(i+1), time.Unix(1_700_000_000, 0).Add(time.Duration(i)*time.Minute)); yes {
			lines++
		}
	}
	if lines < 24 || lines > 32 {
		t.Errorf("%d lines in a day", lines)
	}
}
