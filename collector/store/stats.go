package store

import (
	"math"
	"sync/atomic"
	"time"
)

// counters are what Stats is read from. They are safe for concurrent use.
type counters struct {
	commits, rows, known, retries, poisoned, buried, discarded, rolledBack, forgotten, odd, seconds atomic.Uint64
}

func (c *counters) committed(p *planner, took time.Duration) {
	c.rows.Add(p.rows)
	c.known.Add(p.known)
	c.odd.Add(p.odd)
	c.seconds.Store(math.Float64bits(took.Seconds()))
}

func (c *counters) snapshot() Stats {
	return Stats{Commits: c.commits.Load(), Rows: c.rows.Load(), Known: c.known.Load(), Retries: c.retries.Load(),
		Poisoned: c.poisoned.Load(), Buried: c.buried.Load(), LettersDiscarded: c.discarded.Load(),
		RolledBack: c.rolledBack.Load(), CursorsForgotten: c.forgotten.Load(), OddTimes: c.odd.Load(),
		LastCommitSeconds: math.Float64frombits(c.seconds.Load())}
}
