package uplink

import (
	"time"

	"github.com/sipward/sipward/sync/record"
)

// key names a line.
type key struct {
	epoch  uint64
	stream record.Stream
}

// line is one epoch and stream as the sender knows it.
type line struct {
	key
	current bool          // of the running epoch: it grows
	unacked record.Ranges // the spool has them, and no ack covers them
	flying  record.Ranges // of those, on their way
	urgent  record.Ranges // of those, to be sent again before all others
	sent    record.Ranges // were on their way at least once in this run
	acked   record.Ranges // what acks have covered in this run

	mark     uint64    // of the running epoch: numbers up to it are backlog
	freshAt  time.Time // since when fresh records wait; zero without any
	holdTill time.Time // the spool could not be read: no try before
	waiting  time.Time // when the oldest of what is sent and not acked was first sent; zero without any
}

// hold takes over what the spool says.
func (l *line) hold(now time.Time, unacked record.Ranges) {
	l.unacked = unacked.Minus(l.acked) // a release may not have reached the disk yet
	l.flying = l.flying.And(l.unacked)
	l.urgent = l.urgent.And(l.unacked)
	l.settle(now)
}

// todo is what is to be sent.
func (l *line) todo() record.Ranges { return l.unacked.Minus(l.flying) }

// fresh is the part of todo that is sent soon after it was made, backlog the
// rest. All of an earlier epoch is backlog.
func (l *line) fresh() record.Ranges {
	if !l.current {
		return nil
	}
	return above(l.todo(), l.mark)
}

func (l *line) backlog() record.Ranges {
	if !l.current {
		return l.todo()
	}
	return upTo(l.todo(), l.mark)
}

// settle looks after the fresh part when anything was added or sent. Where more
// of it waits than can soon be sent, only the newest stay.
func (l *line) settle(now time.Time) {
	n := l.fresh().Len()
	if n > freshMost {
		l.age()
		n = l.fresh().Len()
	}
	switch {
	case n == 0:
		l.freshAt = time.Time{}
	case l.freshAt.IsZero():
		l.freshAt = now
	}
}

// age makes all but the newest records backlog.
func (l *line) age() {
	if last := l.unacked.Last(); last > freshRecords {
		l.mark = max(l.mark, last-freshRecords)
	}
}

// freshDue says when the fresh part is to be sent: a full batch at once.
func (l *line) freshDue() (at time.Time, ok bool) {
	fresh := l.fresh()
	switch n := fresh.Len(); {
	case n == 0:
		return at, false
	case n >= freshRecords:
		return l.freshAt, true
	}
	return l.freshAt.Add(freshWait), true
}
