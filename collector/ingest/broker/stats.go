package broker

import (
	"fmt"
	"sync/atomic"
)

// Why a client was refused.
const (
	badID          = "id"          // not a node's, or another's than the username or certificate says
	badPassword    = "password"    // wrong, missing, or of a node that was removed
	badCertificate = "certificate" // not verified, replaced, or of a node that was removed
	badWill        = "will"        // on another topic than the node's own state
	busy           = "busy"        // its older connection did not end
	full           = "full"        // too many connections
	stranger       = "stranger"    // it never said who it is: no TLS, no CONNECT, too late
)

// Refusals lists the reasons that Stats.Refused counts, in their order.
var Refusals = [...]string{badID, badPassword, badCertificate, badWill, busy, full, stranger}

// RefusalHelp says of each whom it turns away.
var RefusalHelp = [len(Refusals)]string{
	"clients whose id is no node's, or not that of their certificate or user",
	"clients with a wrong password, or that of a node that was removed",
	"clients whose certificate was replaced, or whose node was removed",
	"clients with a will on a topic that is not theirs",
	"clients whose older connection did not end",
	"clients beyond the bound of connections",
	"connections that never said who they are",
}

// Stats are counters since the start, and gauges.
type Stats struct {
	Present    int    // nodes connected
	Taken      uint64 // messages
	TurnedAway uint64 // messages that nobody took, and that were not acked
	Dropped    uint64 // messages to nodes that did not read
	Denied     uint64 // publishes and subscriptions that a node may not
	Takeovers  uint64 // nodes that connected while they were connected
	Panics     uint64
	Refused    [len(Refusals)]uint64 // clients, by Refusals
}

type stats struct {
	taken, turnedAway, dropped, denied, takeovers, panics atomic.Uint64
	byReason                                              [len(Refusals)]atomic.Uint64
}

func (s *stats) refused(why string) {
	for n, r := range Refusals {
		if r == why {
			s.byReason[n].Add(1)
		}
	}
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	s := Stats{
		Present: len(b.Present()), Taken: b.stats.taken.Load(), TurnedAway: b.stats.turnedAway.Load(),
		Dropped: b.stats.dropped.Load(), Denied: b.stats.denied.Load(),
		Takeovers: b.stats.takeovers.Load(), Panics: b.stats.panics.Load(),
	}
	for n := range s.Refused {
		s.Refused[n] = b.stats.byReason[n].Load()
	}
	return s
}

// printable cuts what a client chose, for a text that people read.
func printable(s string) string { return fmt.Sprintf("%.64q", s) }
