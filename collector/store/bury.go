package store

import (
	"math"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// buried makes the parcel of a batch that is set aside. It returns nil when all
// of it had been stored before.
func (p *planner) buried(node string, h *record.Header, raw []byte, reason string) *parcel {
	if raw == nil {
		raw = []byte{} // a column has no nil
	}
	l := query.DeadLetter{AtUnixMs: p.nowMs, Node: text(node), Size: int64(len(raw)), Reason: text(reason), Raw: raw}
	to := p.parcel(baseKind, 0)
	if h != nil {
		l.Epoch, l.Stream, l.First, l.Count = h.Epoch, h.Stream, h.First, uint64(h.Count)
	}
	if knownRange(node, h) {
		missing := p.skip(to, streamKey{node, h.Epoch, h.Stream}, h.Range())
		if missing == 0 {
			return nil
		}
		to.losses = append(to.losses, query.Loss{Node: node, Epoch: h.Epoch, Stream: h.Stream, First: h.First, Last: h.Range().Last,
			Count: missing, Reason: record.LossDeadLetter, AtUnixMs: p.nowMs, RecordedUnixMs: p.nowMs})
	}
	to.letters = append(to.letters, l)
	return to
}

// knownRange reports whether the numbers of a batch can be marked as done.
func knownRange(node string, h *record.Header) bool {
	return h != nil && record.ValidNode(node) && h.Stream.String() != "invalid" && h.Epoch != 0 &&
		h.First != 0 && h.Count != 0 && h.First <= math.MaxInt64-uint64(h.Count)
}
