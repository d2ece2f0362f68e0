package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sip/packet"
)

// source gathers the state of the agent's parts for admin. It is safe for
// concurrent use.
type source struct {
	cfg     *configs.Agent
	started time.Time
	task    *pipeline.Task
	queue   *pipeline.Queue
	live    *capture.Live // nil without interfaces
	heps    []*capture.HEP
	records *recorder // nil without a file

	mu    sync.Mutex // guards losses
	worst losses
}

// losses remembers when drops last grew.
type losses struct {
	last  map[string]uint64
	grown map[string]time.Time
}

// suspectFor is how long figures stay suspect after the last loss.
const suspectFor = time.Minute

// Status returns the state at this moment.
func (s *source) Status() *admin.Status {
	p := s.task.Snapshot()
	out := &admin.Status{
		Node: s.cfg.Node, Version: theVersion(), Mode: s.mode(), Started: s.started, Taken: s.taken(p),
		Figures: p.Figures, Registrations: p.Registrations,
		Frames: p.Core.Frames, Messages: p.Core.Messages, Malformed: p.Core.Malformed,
		Retransmissions: p.Core.Retransmissions, Duplicates: p.Core.Duplicates, Panics: p.Core.Panics,
		LiveLegs: p.Dialogs.Legs, MaxLegs: s.cfg.Calls.Max,
		Endpoints: p.Endpoints, MaxEndpoints: s.cfg.Capture.MaxEndpoints, QueueLength: s.queue.Len(),
		NotReady: s.notReady(),
	}
	s.core(out, p)
	s.capture(out)
	out.Suspect = s.suspect(out.Drops)
	return out
}

func (s *source) mode() string {
	switch {
	case s.live == nil:
		return "hep"
	case s.live.Mode() == 0:
		return ""
	}
	return s.live.Mode().String()
}

// core lists what the pipeline counts.
func (s *source) core(out *admin.Status, p *pipeline.Snapshot) {
	drop := func(stage, event string, n uint64) {
		out.Drops = append(out.Drops, admin.Count{Stage: stage, Event: event, N: n})
	}
	drop("dialog", "refused", p.Dialogs.Refused)
	drop("dialog", "overflow", p.Dialogs.Overflow)
	drop("media", "refused_endpoints", p.Media.RefusedEndpoints)
	drop("media", "kernel_refused", p.Core.KernelRefused)
	drop("tcp", "evicted", p.Streams.Evicted)
	drop("tcp", "starved", p.Streams.Starved)
	drop("fragment", "evicted", p.Packets.Fragments.Evicted)
	for r := packet.Payload; int(r) < packet.Results; r++ {
		out.Counts = append(out.Counts, admin.Count{Stage: "frame", Event: r.String(), N: p.Packets.Frames[r]})
	}
	for _, c := range [][]admin.Count{
		countsOf("frame", p.Packets),
		countsOf("fragment", p.Packets.Fragments, "evicted"),
		countsOf("tcp", p.Streams, "evicted", "starved"),
		countsOf("parse", p.Parser),
		countsOf("dialog", p.Dialogs, "refused", "overflow"),
		countsOf("media", p.Media, "refused_endpoints"),
		countsOf("dtmf", p.Events),
	} {
		out.Counts = append(out.Counts, c...)
	}
	if s.records != nil {
		drop("records", "queue_full", s.records.dropped.Load())
		drop("records", "disk_failed", s.records.failed.Load())
		out.Counts = append(out.Counts, admin.Count{Stage: "records", Event: "written", N: s.records.written.Load()})
	}
}

// capture lists what the edges count.
func (s *source) capture(out *admin.Status) {
	drop := func(stage, event string, n uint64) {
		out.Drops = append(out.Drops, admin.Count{Stage: stage, Event: event, N: n})
	}
	if s.live != nil {
		l := s.live.Stats()
		drop("capture", "kernel_dropped", l.KernelDropped)
		drop("capture", "queue_dropped", l.QueueDropped)
		drop("capture", "too_large", l.TooLarge)
		drop("filter", "full", l.Filter.Full)
		drop("filter", "failed", l.Filter.Failed)
		out.Counts = append(out.Counts, countsOf("capture", l, "kernel_dropped", "queue_dropped", "too_large")...)
		out.Counts = append(out.Counts, countsOf("filter", l.Filter, "full", "failed")...)
		for _, i := range l.Interfaces {
			out.Interfaces = append(out.Interfaces, admin.Interface{Name: i.Name, State: i.State.String()})
		}
	}
	var h capture.HEPStats
	for i, hep := range s.heps {
		h = addHEP(h, hep.Stats())
		l := admin.Listener{Network: s.cfg.Capture.HEP[i].Network, Address: s.cfg.Capture.HEP[i].Address}
		if addrs := hep.Addrs(); len(addrs) > 0 {
			l.Address = addrs[0].String()
		}
		out.Listeners = append(out.Listeners, l)
	}
	if len(s.heps) > 0 {
		drop("hep", "queue_dropped", h.Dropped)
		drop("hep", "kernel_dropped", h.KernelDrops)
		drop("hep", "too_long", h.TooLong)
		drop("hep", "refused", h.Refused)
		out.Counts = append(out.Counts, countsOf("hep", h, "dropped", "kernel_drops", "too_long", "refused")...)
	}
}

// addHEP sums the counters of two listeners.
func addHEP(a, b capture.HEPStats) capture.HEPStats {
	a.Packets += b.Packets
	a.Bytes += b.Bytes
	a.Dropped += b.Dropped
	a.TooLong += b.TooLong
	a.Malformed += b.Malformed
	a.Unauthorized += b.Unauthorized
	a.KernelDrops += b.KernelDrops
	a.Connections += b.Connections
	a.Accepted += b.Accepted
	a.Refused += b.Refused
	a.Idle += b.Idle
	a.Broken += b.Broken
	a.AcceptErrors += b.AcceptErrors
	return a
}

// notReady says what the agent still waits for.
func (s *source) notReady() []string {
	var why []string
	if s.live != nil && !closed(s.live.Ready()) {
		why = append(why, fmt.Sprintf("capture: none of the interfaces %v is there yet", s.cfg.Capture.Interfaces))
	}
	for i, h := range s.heps {
		if !closed(h.Ready()) {
			why = append(why, fmt.Sprintf("hep: %s %s is not open yet", s.cfg.Capture.HEP[i].Network, s.cfg.Capture.HEP[i].Address))
		}
	}
	if !closed(s.task.Ready()) {
		why = append(why, "pipeline: not started yet")
	}
	return why
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// suspect names the losses of the last minute. It sees them when somebody
// looks; between two looks a loss counts from the second.
func (s *source) suspect(drops []admin.Count) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.worst.last == nil {
		s.worst = losses{last: map[string]uint64{}, grown: map[string]time.Time{}}
	}
	var why []string
	now := time.Now()
	for _, d := range drops {
		key := d.Stage + " " + d.Event
		if d.N > s.worst.last[key] {
			s.worst.grown[key] = now
		}
		s.worst.last[key] = d.N
		if at, ever := s.worst.grown[key]; ever && now.Sub(at) < suspectFor {
			why = append(why, fmt.Sprintf("%s: %d lost, the last within a minute", key, d.N))
		}
	}
	return why
}

// taken is when the pipeline published p: its clock ticks with the host's.
func (s *source) taken(p *pipeline.Snapshot) time.Time {
	if p.Now == 0 {
		return s.started
	}
	return time.Unix(0, p.Now)
}
