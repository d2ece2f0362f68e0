package media

import (
	"math"
	"testing"
)

func TestMOS(t *testing.T) {
	cases := map[string]struct {
		codec         string
		packets, lost uint64
		jitter        int64
		want          float64 // worked out by hand, to 0.002
	}{
		"nothing":              {"PCMU", 0, 0, 0, 0},
		"nothing came":         {"PCMU", 0, 100, 0, 0},
		"G.711, perfect":       {"PCMU", 1000, 0, 0, 4.385},
		"lower case":           {"pcma", 1000, 0, 0, 4.385},
		"G.711, 1% lost":       {"PCMA", 990, 10, 0, 4.297},
		"G.711, 5% lost":       {"PCMU", 950, 50, 0, 3.873},
		"G.711, half lost":     {"PCMU", 500, 500, 0, 1.558},
		"G.711, 20 ms jitter":  {"PCMU", 1000, 0, 20 * ms, 4.364},
		"G.711, 100 ms jitter": {"PCMU", 1000, 0, 100 * ms, 3.994},
		"G.729, perfect":       {"G729", 1000, 0, 0, 4.061},
		"GSM, perfect":         {"GSM", 1000, 0, 0, 3.689},
		"unknown, perfect":     {"x-own", 1000, 0, 0, 4.097},
		"G.729, all but one":   {"G729", 1, 1_000_000, 0, 1.041},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := mos(c.codec, c.packets, c.lost, c.jitter)
			if math.Abs(got-c.want) > 0.002 {
				t.Errorf("%.3f, want %.3f", got, c.want)
			}
		})
	}
}

// TestMOSGoesOneWay: more loss or jitter never gives a better score, and the
// score stays on its scale.
func TestMOSGoesOneWay(t *testing.T) {
	for codec := range impairments {
		last := 5.0
		for lost := range uint64(1000) {
			got := mos(codec, 1000-lost, lost, 0)
			if got > last || got < 1 || got > 4.5 {
				t.Fatalf("%s with %d of 1000 lost: %.3f after %.3f", codec, lost, got, last)
			}
			last = got
		}
		last = 5
		for jitter := range int64(2000) {
			got := mos(codec, 1000, 0, jitter*ms)
			if got > last || got < 1 {
				t.Fatalf("%s with %d ms of jitter: %.3f after %.3f", codec, jitter, got, last)
			}
			last = got
		}
	}
}
