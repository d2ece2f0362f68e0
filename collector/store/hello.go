package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// maxEarlier is how many earlier epochs of a node are known, to notice when one
// of them comes back.
const maxEarlier = 8

// flapsOfTwo is how many returns of an earlier epoch say that two agents have
// one id. One return can be a hello that came late.
const flapsOfTwo = 2

// nodeRow is a row of the table of nodes.
type nodeRow struct {
	query.Node
	earlier []uint64
}

// meet notes a hello at nowMs.
func (n *nodeRow) meet(id string, h *record.Hello, nowMs int64) {
	if n.FirstSeenUnixMs == 0 {
		n.ID, n.FirstSeenUnixMs = id, nowMs
	}
	n.LastSeenUnixMs = max(n.LastSeenUnixMs, nowMs)
	n.Program, n.StartedUnixMs = text(h.GetProgram()), h.GetStartedUnixMs()
	if sent := h.GetSentUnixMs(); saneMs(sent) {
		n.SkewMs = sent - nowMs
	}
	if h.GetEpoch() == n.Epoch {
		return
	}
	if slices.Contains(n.earlier, h.GetEpoch()) { // an agent never takes an epoch again
		n.Flaps++
		if n.Flaps >= flapsOfTwo {
			n.DuplicateUnixMs = nowMs
		}
	}
	if n.Epoch != 0 && !slices.Contains(n.earlier, n.Epoch) {
		n.earlier = append(n.earlier, n.Epoch)
		n.earlier = n.earlier[max(0, len(n.earlier)-maxEarlier):]
	}
	n.Epoch = h.GetEpoch()
}

func packEpochs(epochs []uint64) string {
	words := make([]string, len(epochs))
	for i, e := range epochs {
		words[i] = strconv.FormatUint(e, 16)
	}
	return strings.Join(words, " ")
}

func unpackEpochs(s string) []uint64 {
	var out []uint64
	for _, w := range strings.Fields(s) {
		if e, err := strconv.ParseUint(w, 16, 64); err == nil {
			out = append(out, e)
		}
	}
	return out
}

// maxReleased bounds the ranges that one hello may say were released: as many as an
// agent names. A hostile node could name so many that looking them up keeps the store
// from all others.
const maxReleased = 1000

// released returns what a hello says acks of, as much as is looked at.
func released(h *record.Hello) []*record.Held {
	return h.GetReleased()[:min(len(h.GetReleased()), maxReleased)]
}

// releasedKeys lists the streams that a hello says acks of.
func releasedKeys(node string, h *record.Hello) []streamKey {
	var out []streamKey
	for _, r := range released(h) {
		if saneHeld(r) {
			out = append(out, streamKey{node, r.GetEpoch(), record.Stream(r.GetStream())}) // sane
		}
	}
	slices.SortFunc(out, compareStreamKeys)
	return slices.Compact(out)
}

func saneHeld(r *record.Held) bool {
	return r.GetEpoch() != 0 && (r.GetStream() == uint32(record.Calls) || r.GetStream() == uint32(record.Telemetry)) &&
		r.GetFirst() != 0 && r.GetLast() >= r.GetFirst() && r.GetLast() < 1<<62
}

// rolledBack plans the losses of a store that has forgotten what it had acked:
// what an agent was told to be safe, is not here, and is not on its disk. An
// agent that has not heard of this store yet may hold more than it says: it is asked
// again after it has.
func (p *planner) rolledBack(node string, h *record.Hello, id string) (lost uint64) {
	if h.GetStoreId() != id {
		return 0
	}
	held := make(map[streamKey]record.Ranges)
	for _, x := range h.GetHeld() {
		if saneHeld(x) {
			k := streamKey{node, x.GetEpoch(), record.Stream(x.GetStream())} // sane
			s := held[k]
			s.Add(record.Range{First: x.GetFirst(), Last: x.GetLast()})
			held[k] = s
		}
	}
	for _, x := range released(h) {
		if !saneHeld(x) {
			continue
		}
		k := streamKey{node, x.GetEpoch(), record.Stream(x.GetStream())} // sane
		for _, r := range held[k].Missing(record.Range{First: x.GetFirst(), Last: x.GetLast()}) {
			for _, m := range p.done(k).Missing(r) {
				lost += m.Len()
				to := p.parcel(baseKind, 0)
				p.skip(to, k, m)
				to.losses = append(to.losses, query.Loss{Node: node, Epoch: k.epoch, Stream: k.stream, First: m.First, Last: m.Last,
					Count: m.Len(), Reason: record.LossRolledBack, AtUnixMs: p.nowMs, RecordedUnixMs: p.nowMs})
			}
		}
	}
	return lost
}
