package store

import (
	"math"

	"github.com/sipward/sipward/sync/record"
)

// Bounds of what a record may say. They are far beyond anything real, and keep
// sums from overflowing: 2^22 such calls an hour still fit.
const (
	maxMs    = 1 << 41 // 69 years
	maxCount = 1 << 53 // what JSON can tell apart
)

// check says why records cannot be stored.
func check(r *record.Record) error {
	switch {
	case r == nil:
		return poison("a batch with a hole")
	case r.GetCall() != nil:
		return checkCall(r.GetCall())
	case r.GetHourMark() != nil:
		m := r.GetHourMark()
		if bad(m.GetObservedMs()) || m.GetCalls() > maxCount || m.GetAnswered() > maxCount || m.GetDurationMs() > maxCount {
			return poison("an hour mark of %d calls and %d ms", m.GetCalls(), m.GetDurationMs())
		}
	case r.GetLoss() != nil:
		return checkLoss(r.GetLoss())
	case r.GetMinute() != nil:
		m := r.GetMinute()
		if m.GetOver() > maxCount || m.GetEnded() > maxCount || m.GetAnsweredMs() > maxCount {
			return poison("a minute with %d calls and %d ms", m.GetOver(), m.GetAnsweredMs())
		}
	}
	return nil
}

func bad(ms int64) bool { return ms < 0 || ms > maxMs }

func checkCall(c *record.Call) error {
	if bad(c.GetDurationMs()) || c.PddMs != nil && bad(*c.PddMs) {
		return poison("a call of %d ms after %d ms", c.GetDurationMs(), c.GetPddMs())
	}
	for _, a := range c.GetAttempts() {
		if bad(a.GetDurationMs()) || a.PddMs != nil && bad(*a.PddMs) {
			return poison("an attempt of %d ms after %d ms", a.GetDurationMs(), a.GetPddMs())
		}
	}
	return nil
}

func checkLoss(l *record.Loss) error {
	if l.GetFirst() == 0 {
		if l.GetCount() > maxCount {
			return poison("a loss of %d records", l.GetCount())
		}
		return nil
	}
	st := record.Stream(l.GetStream()) // only two values pass
	if l.GetStream() > 2 || st.String() == "invalid" || l.GetLast() < l.GetFirst() || l.GetLast() > math.MaxInt64 || l.GetEpoch() == 0 {
		return poison("a loss of %d to %d of stream %d", l.GetFirst(), l.GetLast(), l.GetStream())
	}
	return nil
}

// checkBatch says why the numbers of a batch cannot be.
func checkBatch(b *record.Received) error {
	n := uint64(len(b.Records))
	switch {
	case b.Stream.String() == "invalid" || b.Epoch == 0 || b.First == 0 || b.First > math.MaxInt64-n:
		return poison("%d records from %d on of stream %d and epoch %x", n, b.First, b.Stream, b.Epoch)
	case !record.ValidNode(b.Node):
		return poison("%q is no node", b.Node)
	}
	return nil
}
