package guard

import (
	"time"

	"github.com/sipward/sipward/sip/register"
)

// counts are those that belong to no single part of the guard.
type counts struct {
	resent       uint64
	panics       uint64
	judged       uint64
	judging      time.Duration
	kernelErrors uint64
	diskErrors   uint64
	saves        uint64
	restored     uint64
	damaged      uint64
	strayed      uint64
}

// Stats are what a Guard did, and what it holds. All but Bindings, Strays, Banned,
// Unsaved and Registry's own only grow.
type Stats struct {
	Verdicts []Verdict     // by customer, verdict and reason; each transaction once
	Resent   uint64        // REGISTERs of transactions that had their verdict
	Judged   uint64        // asked by edges
	Judging  time.Duration // time that they took, with the wait for the lock
	Panics   uint64        // in the core: each cost a verdict

	Registry  register.Stats
	Strayed   uint64 // strays that were reported
	Restored  uint64 // bindings of the last run
	Damaged   uint64 // entries of its file that could not be read
	Unsaved   int    // changes that the disk has not heard of
	Saves     uint64 // times that changes were written
	SaveFails uint64 // times that they could not be

	Banned       int // sources, now or until a second ago
	Bans         uint64
	Spared       uint64 // sources that would have been banned, had they not been protected
	BansRefused  uint64 // for want of room
	KernelErrors uint64 // bans and lifts that the kernel refused; they are tried again
	Uncounted    uint64 // sources whose refusals were forgotten before their time

	Reports   uint64 // that were handed on
	Coalesced uint64 // refusals that were counted in another's report
	Discarded uint64 // refusals and strays that nobody will hear of
	Forgotten uint64 // transactions that were forgotten before their time
}

// Stats returns the counts so far.
func (g *Guard) Stats() Stats {
	verdicts := g.verdicts()
	g.mu.Lock()
	defer g.mu.Unlock()
	c, b, r := &g.count, &g.bans, &g.reports
	return Stats{
		Verdicts: verdicts, Resent: c.resent, Judged: c.judged, Judging: c.judging, Panics: c.panics,
		Registry: g.registry.Stats(), Strayed: c.strayed, Restored: c.restored, Damaged: c.damaged,
		Unsaved: len(g.pending.changed), Saves: c.saves, SaveFails: c.diskErrors,
		Banned: len(b.banned), Bans: b.begun, Spared: b.spared, BansRefused: b.refused, KernelErrors: c.kernelErrors, Uncounted: b.evicted,
		Reports: r.given, Coalesced: r.coalesced, Discarded: r.discarded, Forgotten: g.recent.forgotten,
	}
}
