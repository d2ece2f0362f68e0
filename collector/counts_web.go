package main

import (
	"slices"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/web"
	"github.com/sipward/sipward/internal/tally"
)

// dashboardDrops is what the dashboard turned away.
func dashboardDrops(w *web.Stats, a *accounts.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("web", []tally.Event{
			{"refused", w.Refused, "requests of whoever is not logged in, or may not do this"},
			{"forged", w.Forged, "requests without the proof that a page of the dashboard made them"},
			{"bad", w.Bad, "requests that make no sense, or are too large"},
			{"failed", w.Failed, "requests that failed for a fault here or of the database; the log says which"},
			{"panics", w.Panics, "of these, faults in this program; please report them"},
			{"busy", w.Busy, "requests turned away because there were too many at once"},
			{"shed", w.Shed, "connections closed at once because there were too many"},
			{"crowded", w.Crowded, "connections closed at once because one address (IPv6: one /64) had too many"},
			{"skipped", w.Skipped, "live figures that a slow reader did not get; it gets the next ones"},
			{"no_streams", w.NoStreams, "readers of live figures turned away because there were too many"},
		}),
		tally.Stage("accounts", []tally.Event{
			{"failed", a.Failed, "wrong names, passwords and codes"},
			{"refused", a.Refused, "tries while an account or address is locked"},
			{"busy", a.Busy, "logins that met too many others"},
			{"forgotten", a.Forgotten, "failures that gave way to those of others"},
			{"unlogged", a.Unlogged, "kinds of failed logins that are not in the audit log"},
		}),
	)
}

// dashboardCounts is what else it counts.
func dashboardCounts(w *web.Stats, a *accounts.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("web", []tally.Event{
			{"requests", w.Requests, "requests of the API, however they were answered"},
			{"files", w.Files, "requests for pages, scripts and the like"},
			{"frames", w.Frames, "live figures that were encoded"},
		}),
		tally.Stage("accounts", []tally.Event{
			{"logins", a.Logins, "sessions that began"},
			{"hashes", a.Hashes, "passwords that were hashed, to check or to store them"},
			{"rehashed", a.Rehashed, "passwords whose hash was made stronger"},
			{"locks", a.Locks, "locks of accounts, addresses and second factors"},
			{"expired", a.Expired, "sessions, links and tokens that were removed"},
		}),
	)
}

// stats returns the counters of the dashboard; zeros when it is off.
func (d *dashboard) stats() (*web.Stats, *accounts.Stats) {
	if d == nil {
		return &web.Stats{}, &accounts.Stats{}
	}
	w, a := d.server.Stats(), d.service.Stats()
	return &w, &a
}
