package capture

import (
	"log/slog"
	"time"
)

// How often one interface is in the log. A change is said at once; one that follows
// soon waits for twice as long as the last one did, so that a bad cable, or tunnels
// that come and go, do not fill it. What holds in the end is said in any case.
const (
	linkPause = time.Second
	linkMost  = 5 * time.Minute
	linkQuiet = 5 * time.Minute // after that a change is news again
)

// linkLog says what becomes of interfaces. It is not safe for concurrent use.
type linkLog struct {
	log    *slog.Logger
	filter string // that packets pass
	links  map[string]*loggedLink
}

// loggedLink is one interface, or a pattern that matches none.
type loggedLink struct {
	said, last InterfaceState // what is in the log, and what was seen last
	changes    int            // since said
	at         time.Time      // of said
	wait       time.Duration  // until more may be said
	seen       bool           // in this scan
}

func newLinkLog(log *slog.Logger, filter string) *linkLog {
	return &linkLog{log: log, filter: filter, links: map[string]*loggedLink{}}
}

// see takes what all interfaces do at now. Those that failed have lines of their own.
func (l *linkLog) see(now time.Time, states []InterfaceState) {
	for _, s := range states {
		x := l.links[s.Name]
		if x == nil {
			x = &loggedLink{}
			l.links[s.Name] = x
		}
		x.seen = true
		l.note(now, x, s)
	}
	for name, x := range l.links {
		if !x.seen {
			l.note(now, x, InterfaceState{Name: name, State: LinkMissing})
			if x.said.State == LinkMissing || x.said.State == 0 {
				delete(l.links, name)
			}
		}
		x.seen = false
	}
}

func (l *linkLog) note(now time.Time, x *loggedLink, s InterfaceState) {
	if s != x.last {
		x.last = s
		x.changes++
	}
	since := now.Sub(x.at)
	if s == x.said || s.State == LinkFailed || x.wait > 0 && since < x.wait {
		return
	}
	if x.wait == 0 || since > x.wait+linkQuiet {
		x.wait = linkPause / 2
	}
	l.say(x, s)
	x.said, x.at, x.wait, x.changes = s, now, min(2*x.wait, linkMost), 0
}

func (l *linkLog) say(x *loggedLink, s InterfaceState) {
	args := []any{"interface", s.Name}
	if x.changes > 1 && x.said.State != 0 {
		args = append(args, "changes", x.changes)
	}
	switch {
	case s.State == LinkDown:
		l.log.Warn("an interface is down: nothing is captured on it", args...)
	case s.State == LinkMissing && x.said.State == 0:
		l.log.Warn("an interface to capture on does not exist, waiting for it", args...)
	case s.State == LinkMissing:
		l.log.Warn("an interface is gone", args...)
	case s.Index == x.said.Index && x.said.State == LinkDown:
		l.log.Info("an interface is up again", args...)
	default:
		l.log.Info("capturing", append(args, "filter", l.filter)...)
	}
}
