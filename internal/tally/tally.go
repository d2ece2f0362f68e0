// Package tally gives the counters of a program's parts the words that
// operators see, for metrics, status and log alike.
package tally

import (
	"fmt"
	"strings"
)

// Count is a counter of one part of a program, in words that do not change when
// the code does: they are labels of metrics.
type Count struct {
	Stage string `json:"stage"`
	Event string `json:"event"`
	N     uint64 `json:"n"`
	Help  string `json:"-"` // Event.Help
}

// Event is a counter within a stage. Help says what it counts, for the reference of
// metrics: a part of a sentence, in Markdown.
type Event = struct {
	Name string
	N    uint64
	Help string
}

// Stage returns the counters of one stage, in their order.
func Stage(stage string, events []Event) []Count {
	out := make([]Count, len(events))
	for i, e := range events {
		out[i] = Count{Stage: stage, Event: e.Name, N: e.N, Help: e.Help}
	}
	return out
}

// Nonzero lists the counters that counted something, for a log line.
func Nonzero(list []Count) string {
	var out []string
	for _, c := range list {
		if c.N > 0 {
			out = append(out, fmt.Sprintf("%s %s %d", c.Stage, c.Event, c.N))
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}
