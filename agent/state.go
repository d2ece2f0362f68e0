package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
)

// Status returns the state of all parts at this moment. It only reads, and is
// safe for concurrent use.
func (a *agent) Status() *admin.Status {
	p := a.task.Snapshot()
	out := &admin.Status{
		Node: a.cfg.Node, Version: theVersion(), Mode: a.mode(), Started: a.started, Taken: p.Published,
		Figures: p.Figures, Registrations: p.Registrations,
		Frames: p.Core.Frames, Messages: p.Core.Messages, Malformed: p.Core.Malformed,
		Retransmissions: p.Core.Retransmissions, Duplicates: p.Core.Duplicates, Panics: p.Core.Panics,
		LiveLegs: p.Dialogs.Legs, MaxLegs: a.cfg.Calls.Max,
		Endpoints: p.Endpoints, MaxEndpoints: a.cfg.Capture.MaxEndpoints, QueueLength: a.queue.Len(),
		NotReady: a.notReady(), Certificates: a.certs.Ends(time.Now()),
	}
	out.Drops, out.Counts = pipelineDrops(p), pipelineCounts(p)
	if a.records != nil {
		s := a.records.Stats()
		out.Drops, out.Counts = append(out.Drops, recordDrops(s)...), append(out.Counts, recordCounts(s)...)
	}
	if a.spool != nil {
		s, u := a.spool.Stats(), a.uplink.Stats()
		out.Sync = &admin.Sync{Spool: spoolStatus(&s, time.Now()), Uplink: uplinkStatus(&u)}
		if a.outbox != nil {
			out.Sync.HourClosedUnixS = a.outbox.ClosedUnixS()
		}
		out.Drops = append(out.Drops, a.outboxDrops()...)
		out.Counts = slices.Concat(out.Counts, spoolCounts(&s), uplinkCounts(&u))
	}
	g := a.guard.Stats()
	out.Guard = a.guard.status(&a.cfg.Guard, &g)
	if a.tables != nil {
		out.Guard.Table = a.tables.status(time.Now(), a.uplink)
	}
	drops, counts := a.guard.tallies(&g)
	out.Drops, out.Counts = append(out.Drops, drops...), append(out.Counts, counts...)
	if a.live != nil {
		l := a.live.Stats()
		out.Drops, out.Counts = append(liveDrops(l), out.Drops...), append(liveCounts(l), out.Counts...)
		for _, i := range l.Interfaces {
			out.Interfaces = append(out.Interfaces, admin.Interface{Name: i.Name, State: i.State.String()})
		}
		out.Sources = sources(a.cfg.Capture.Interfaces, l.Interfaces)
		if opened(a.live.Ready()) { // before that, its part says what it waits for
			out.NotReady = append(out.NotReady, blind(out.Sources)...)
		}
	}
	if len(a.heps) > 0 {
		var h capture.HEPStats
		for _, hep := range a.heps {
			h.Add(hep.Stats())
		}
		out.Drops, out.Counts = append(hepDrops(h), out.Drops...), append(hepCounts(h), out.Counts...)
		out.Listeners = a.listeners()
	}
	return out
}

// sources gives each name and pattern of the configuration the best state of
// the interfaces that it names; "" before the first look at them.
func sources(names []string, found []capture.InterfaceState) (out []admin.Interface) {
	rank := []capture.LinkState{capture.LinkMissing, capture.LinkFailed, capture.LinkDown, capture.LinkCapturing}
	for _, name := range names {
		best := 0
		for _, i := range found {
			if i.Name == name || matches(name, i.Name) {
				best = max(best, slices.Index(rank, i.State))
			}
		}
		state := ""
		if len(found) > 0 {
			state = rank[best].String()
		}
		out = append(out, admin.Interface{Name: name, State: state})
	}
	return out
}

// blind says why nothing is captured; empty while something is. One interface
// that went away while others go on is no reason to call the agent unready: it
// is a reason to suspect its figures.
func blind(sources []admin.Interface) (why []string) {
	for _, s := range sources {
		if s.State == admin.Capturing {
			return nil
		}
		why = append(why, fmt.Sprintf("capture: %s is %s", s.Name, s.State))
	}
	return why
}

// mode says where packets come from; "" before that is known.
func (a *agent) mode() string {
	switch {
	case a.live == nil:
		return "hep"
	case a.live.Mode() == 0:
		return ""
	}
	return a.live.Mode().String()
}

// listeners lists the HEP listeners, with the ports that they were given.
func (a *agent) listeners() []admin.Listener {
	var out []admin.Listener
	for i, hep := range a.heps {
		l := admin.Listener{Network: a.cfg.Capture.HEP[i].Network, Address: a.cfg.Capture.HEP[i].Address}
		if addrs := hep.Addrs(); len(addrs) > 0 {
			l.Address = addrs[0].String()
		}
		s := hep.Stats()
		l.Packets, l.Unauthorized, l.Malformed = s.Packets, s.Unauthorized, s.Malformed
		out = append(out, l)
	}
	return out
}

// notReady says what the agent still waits for.
func (a *agent) notReady() []string {
	var why []string
	for _, p := range a.parts() {
		if !opened(p.ready) {
			why = append(why, p.lacks)
		}
	}
	return why
}

func opened(ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	default:
		return false
	}
}

// lacksCapture says what a capture that is not ready waits for.
func lacksCapture(interfaces []string) string {
	if slices.Contains(interfaces, capture.AnyInterface) {
		return "capture: not open yet"
	}
	return fmt.Sprintf("capture: none of the interfaces %v is there yet", interfaces)
}

// part is one part of the agent, while it is not ready.
type part struct {
	ready <-chan struct{}
	lacks string
}

// parts lists everything without which the agent does not do its work.
func (a *agent) parts() []part {
	out := []part{{a.task.Ready(), "pipeline: not started yet"}}
	if a.live != nil {
		out = append(out, part{a.live.Ready(), lacksCapture(a.cfg.Capture.Interfaces)})
	}
	for i, h := range a.heps {
		out = append(out, part{h.Ready(), fmt.Sprintf("hep: %s %s is not open yet", a.cfg.Capture.HEP[i].Network, a.cfg.Capture.HEP[i].Address)})
	}
	if a.spool != nil {
		out = append(out, part{a.spool.Ready(), fmt.Sprintf("spool: %s is not open yet", a.cfg.Spool.Dir)})
	}
	out = append(out, a.guard.parts()...)
	if a.records != nil {
		out = append(out, part{a.records.Ready(), fmt.Sprintf("records: %s is not open yet", a.cfg.Records.File)})
	}
	return out
}
