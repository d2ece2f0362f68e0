package media

// Limits of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000 // a larger step forward is a jump, not a loss
	maxMisorder = 100  // a larger step back is a jump, not an overtaken packet
)

// step says how a sequence number stands to those before it.
type step uint8

const (
	stepNew       step = iota + 1 // the next one, or one after a gap
	stepFilled                    // late: fills a gap that had been counted as lost
	stepDuplicate                 // seen before, or too late to tell
	stepRestart                   // the first in order after a jump
	stepJump                      // far off: counts only if the next packet follows it
)

// sequence follows the RTP sequence numbers of one flow. Unlike RFC 3550
// appendix A.3, which subtracts what came from what was expected, it remembers
// which of the last 64 numbers came: a duplicate then does not hide a loss, and
// a restart does not turn into one.
type sequence struct {
	seen    uint64 // bit i: highest-i has come, or was never expected
	highest uint16
	jump    uint16 // the number that would confirm a jump
	jumped  bool   // jump is valid
	begun   bool
}

// next takes a sequence number. The change of the loss counter is to be added
// to it; it is negative when a gap is filled, and never takes back more than
// was given.
func (q *sequence) next(seq uint16) (lost int64, what step) {
	ahead := seq - q.highest
	switch {
	case !q.begun:
		q.restart(seq)
		q.begun = true
		return 0, stepNew
	case ahead == 1:
		q.highest, q.jumped = seq, false
		q.seen = q.seen<<1 | 1
		return 0, stepNew
	case ahead != 0 && ahead < maxDropout:
		q.highest, q.jumped = seq, false
		q.seen = q.seen<<ahead | 1 // a shift of 64 or more gives 0
		return int64(ahead) - 1, stepNew
	case -ahead < maxMisorder:
		return q.late(-ahead)
	case q.jumped && seq == q.jump:
		q.restart(seq)
		return 0, stepRestart
	}
	// One stray packet must not restart the count, nor add 60,000 to it.
	q.jump, q.jumped = seq+1, true
	return 0, stepJump
}

// late takes the number that is behind the highest one by behind.
func (q *sequence) late(behind uint16) (int64, step) {
	bit := uint64(1) << behind // 0 beyond the window
	if bit == 0 || q.seen&bit != 0 {
		return 0, stepDuplicate
	}
	q.seen |= bit
	return -1, stepFilled
}

// restart begins anew at seq; nothing before it was expected.
func (q *sequence) restart(seq uint16) {
	q.seen, q.highest, q.jumped = ^uint64(0), seq, false
}

// maxTransit is the change of transit time, in nanoseconds, beyond which a
// sender's clock is taken to have been set anew.
const maxTransit = 2_000_000_000

// jitter estimates the interarrival jitter of RFC 3550 section 6.4.1, in
// nanoseconds, so that flows of different clocks compare.
type jitter struct {
	arrival int64
	ts      uint32
	begun   bool
}

// next takes a packet with RTP timestamp ts that arrived at now, and returns
// the estimate that follows value. hz is the RTP clock.
func (j *jitter) next(value, now int64, ts, hz uint32) int64 {
	first, last := !j.begun, *j
	*j = jitter{arrival: now, ts: ts, begun: true}
	if first || hz == 0 {
		return value
	}
	// The timestamp wraps, and goes back when packets are overtaken.
	sent := int64(int32(ts-last.ts)) * 1_000_000_000 / int64(hz)
	d := now - last.arrival - sent
	if d < 0 {
		d = -d
	}
	if d > maxTransit {
		return value
	}
	return value + (d-value)/16
}
