package uplink

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

const (
	kickWithin = 5 * time.Second // a connection that ends sooner was taken away, or never wanted
	kickCount  = 3
	kickSpan   = 10 * time.Minute
	twinFor    = 15 * time.Minute // how long a suspicion stands without anything new
	maxEpochs  = 64
)

// twins finds out whether another agent uses the same node id. A broker has one
// connection per id and gives it to whoever came last, so that two agents take it
// from each other; and acks then name epochs that this agent never made.
type twins struct {
	ours   map[uint64]bool
	others map[key]uint64 // how many records of it a store has
	kicks  []time.Time
	seen   time.Time // last sign; zero without any
}

// own notes an epoch that the spool once held.
func (t *twins) own(epoch uint64) {
	if t.ours == nil || len(t.ours) >= maxEpochs {
		t.ours = map[uint64]bool{}
	}
	t.ours[epoch] = true
}

// foreign notes an ack for an epoch that the spool does not hold. One that grows
// is being written.
func (t *twins) foreign(now time.Time, epoch uint64, st record.Stream, done uint64) {
	if t.ours[epoch] {
		return
	}
	k := key{epoch, st}
	if t.others == nil || len(t.others) >= maxEpochs {
		t.others = map[key]uint64{}
	}
	before, known := t.others[k]
	t.others[k] = max(before, done)
	if known && done > before {
		t.seen = now
	}
}

// lost notes that a connection ended by itself.
func (t *twins) lost(now time.Time, lasted time.Duration) {
	if lasted >= kickWithin {
		return
	}
	t.kicks = append(t.kicks, now)
	if len(t.kicks) > kickCount {
		t.kicks = append(t.kicks[:0], t.kicks[1:]...)
	}
	if len(t.kicks) == kickCount && now.Sub(t.kicks[0]) <= kickSpan {
		t.seen = now
	}
}

func (t *twins) suspected(now time.Time) bool {
	return !t.seen.IsZero() && now.Sub(t.seen) < twinFor
}
