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
			{"refused", w.Refused},
			{"forged", w.Forged},
			{"bad", w.Bad},
			{"failed", w.Failed},
			{"panics", w.Panics},
			{"busy", w.Busy},
			{"shed", w.Shed},
			{"skipped", w.Skipped},
			{"no_streams", w.NoStreams},
		}),
		tally.Stage("accounts", []tally.Event{
			{"failed", a.Failed},
			{"refused", a.Refused},
			{"busy", a.Busy},
			{"forgotten", a.Forgotten},
			{"unlogged", a.Unlogged},
		}),
	)
}

// dashboardCounts is what else it counts.
func dashboardCounts(w *web.Stats, a *accounts.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("web", []tally.Event{
			{"requests", w.Requests},
			{"files", w.Files},
			{"frames", w.Frames},
		}),
		tally.Stage("accounts", []tally.Event{
			{"logins", a.Logins},
			{"hashes", a.Hashes},
			{"rehashed", a.Rehashed},
			{"locks", a.Locks},
			{"expired", a.Expired},
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
