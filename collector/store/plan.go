package store

import (
	"cmp"
	"slices"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// streamKey names a sequence of numbers.
type streamKey struct {
	node   string
	epoch  uint64
	stream record.Stream
}

func compareStreamKeys(a, b streamKey) int {
	return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(int64(a.epoch), int64(b.epoch)), cmp.Compare(a.stream, b.stream)) // as the database orders them
}

type keyedRange struct {
	streamKey
	record.Range
}

// entry is a record that is to be stored.
type entry struct {
	key  *streamKey
	seq  uint64
	ms   int64 // its time
	body []byte
	*record.Record
}

// parcel is what one transaction, or the part of one that goes to one place, stores.
type parcel struct {
	place
	ranges        []keyedRange
	calls         []entry
	attempts      int
	minutes       []entry
	fives         fiveMap // of the minutes
	registrations []entry
	marks         []entry
	losses        []query.Loss
	letters       []query.DeadLetter
	sums          sumMap
}

// planner sorts batches into parcels. done is the set of numbers that are
// stored, which it changes as if the plan had been carried out.
type planner struct {
	nowMs   int64
	done    func(streamKey) *record.Ranges
	parcels map[place]*parcel

	month    month // of the last record, and
	from, to int64 // what is in it, Unix milliseconds

	rows, known, odd uint64
}

func newPlanner(nowMs int64, done func(streamKey) *record.Ranges) *planner {
	return &planner{nowMs: nowMs, done: done, parcels: make(map[place]*parcel)}
}

// maxLossStreams bounds the streams that the losses of one batch may name. Each is
// looked up in every file, while all other nodes wait.
const maxLossStreams = 256

// keys lists the sequences that batches are about, in the order in which they
// are locked, and checks the batches.
func keys(batches []*record.Received) ([]streamKey, error) {
	var out []streamKey
	for _, b := range batches {
		if err := checkBatch(b); err != nil {
			return nil, err
		}
		out = append(out, streamKey{b.Node, b.Epoch, b.Stream})
		begin := len(out)
		for _, r := range b.Records {
			if err := check(r); err != nil {
				return nil, err
			}
			if l := r.GetLoss(); l.GetFirst() != 0 {
				out = append(out, lossKey(b.Node, l))
			}
		}
		slices.SortFunc(out[begin:], compareStreamKeys)
		if out = append(out[:begin], slices.Compact(out[begin:])...); len(out)-begin > maxLossStreams {
			return nil, poison("losses of %d streams in a batch", len(out)-begin)
		}
	}
	slices.SortFunc(out, compareStreamKeys)
	return slices.Compact(out), nil
}

func lossKey(node string, l *record.Loss) streamKey {
	return streamKey{node, l.GetEpoch(), record.Stream(l.GetStream())} // checked before
}

// add plans what is missing of a batch.
func (p *planner) add(b *record.Received) error {
	if len(b.Records) == 0 {
		return nil
	}
	key, whole := &streamKey{b.Node, b.Epoch, b.Stream}, b.Range()
	done := p.done(*key)
	missing := done.Missing(whole)
	p.known += whole.Len() - missing.Len()
	done.Add(whole)
	for _, m := range missing {
		for seq := m.First; seq <= m.Last; seq++ {
			if err := p.record(key, seq, b.Records[seq-b.First]); err != nil {
				return err
			}
		}
	}
	p.tidy(*key)
	return nil
}

// maxRanges bounds the ranges of one stream. An agent that records faster than its
// line takes it leaves a gap of about a thousand records every second or so, and
// closes them one by one: no spool has room for so many. It is changed by tests only.
var maxRanges = 100_000

// tidy gives up the lowest gaps of a stream that has too many: each costs memory and
// time at every commit, and a hostile node could make millions with a few messages.
func (p *planner) tidy(key streamKey) {
	done := p.done(key)
	if len(*done) <= maxRanges {
		return
	}
	whole := record.Range{First: (*done)[0].First, Last: (*done)[len(*done)-maxRanges/2].First}
	to := p.parcel(baseKind, 0)
	to.losses = append(to.losses, query.Loss{Node: key.node, Epoch: key.epoch, Stream: key.stream, First: whole.First, Last: whole.Last,
		Count: done.Missing(whole).Len(), Reason: lossGaps, AtUnixMs: p.nowMs, RecordedUnixMs: p.nowMs})
	done.Add(whole)
	to.mark(key, whole) // as one range; what of it has rows is committed before
}

// lossGaps is why numbers are given up in a stream that has too many gaps.
const lossGaps = "too_many_gaps"

// record plans one record.
func (p *planner) record(key *streamKey, seq uint64, r *record.Record) error {
	body, err := record.Encode(r)
	if err != nil {
		return &Poison{err}
	}
	e := entry{key: key, seq: seq, body: body, Record: r}
	var to *parcel
	switch {
	case r.GetCall() != nil:
		to = p.call(&e)
	case r.GetMinute() != nil:
		to = p.minute(&e)
	case r.GetRegistration() != nil:
		e.ms = p.time(r.GetRegistration().GetAtUnixMs())
		to = p.parcel(telemetryKind, p.monthOf(e.ms))
		to.registrations = append(to.registrations, e)
	case r.GetHourMark() != nil:
		to = p.parcel(baseKind, 0)
		to.marks = append(to.marks, e)
	case r.GetLoss() != nil:
		to = p.parcel(baseKind, 0)
		p.loss(to, lossKey(key.node, r.GetLoss()), r.GetLoss())
	default:
		to = p.parcel(baseKind, 0)
		p.unknown(to, &e)
	}
	p.rows++
	to.mark(*key, record.Range{First: seq, Last: seq})
	return nil
}

// loss writes what is missing of a declared range into the ledger, and marks the
// range as done so that nobody asks for it again.
func (p *planner) loss(to *parcel, key streamKey, l *record.Loss) {
	row := query.Loss{Node: key.node, Epoch: l.GetEpoch(), Stream: key.stream, First: l.GetFirst(), Last: l.GetLast(),
		Count: l.GetCount(), Reason: text(l.GetReason()), AtUnixMs: p.time(l.GetAtUnixMs()), RecordedUnixMs: p.nowMs}
	if row.First != 0 {
		row.Count = min(row.Count, p.skip(to, key, record.Range{First: row.First, Last: row.Last}))
	}
	if row.Count > 0 {
		to.losses = append(to.losses, row)
	}
	if row.First != 0 {
		p.tidy(key)
	}
}

// skip marks r as done, and returns how much of it was missing.
func (p *planner) skip(to *parcel, key streamKey, r record.Range) uint64 {
	done := p.done(key)
	missing := done.Missing(r)
	done.Add(r)
	for _, m := range missing {
		to.mark(key, m)
	}
	return missing.Len()
}

// unknown sets aside a record of a kind that only a newer program knows.
func (p *planner) unknown(to *parcel, e *entry) {
	to.letters = append(to.letters, query.DeadLetter{AtUnixMs: p.nowMs, Node: e.key.node, Epoch: e.key.epoch,
		Stream: e.key.stream, First: e.seq, Count: 1, Size: int64(len(e.body)), Reason: "a record of an unknown kind", Raw: e.body})
	to.losses = append(to.losses, query.Loss{Node: e.key.node, Epoch: e.key.epoch, Stream: e.key.stream, First: e.seq, Last: e.seq,
		Count: 1, Reason: record.LossDeadLetter, AtUnixMs: p.nowMs, RecordedUnixMs: p.nowMs})
}

// time returns ms, or now when ms makes no sense.
func (p *planner) time(ms int64) int64 {
	if saneMs(ms) {
		return ms
	}
	p.odd++
	return p.nowMs
}

func (p *planner) parcel(k kind, m month) *parcel {
	at := place{k, m}
	to := p.parcels[at]
	if to == nil {
		to = &parcel{place: at, sums: make(sumMap), fives: make(fiveMap)}
		p.parcels[at] = to
	}
	return to
}

// ordered returns the parcels in the order in which they are committed.
func (p *planner) ordered() []*parcel {
	out := make([]*parcel, 0, len(p.parcels))
	for _, x := range p.parcels {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *parcel) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.month, b.month)) })
	return out
}

// mark notes that the parcel holds r.
func (x *parcel) mark(key streamKey, r record.Range) {
	if n := len(x.ranges); n > 0 && x.ranges[n-1].streamKey == key && x.ranges[n-1].Last+1 == r.First {
		x.ranges[n-1].Last = r.Last
		return
	}
	x.ranges = append(x.ranges, keyedRange{key, r})
}

// eachAttempt returns what appends the values of one attempt after the other.
func (x *parcel) eachAttempt() func(to []any) []any {
	call, n := 0, 0
	return func(to []any) []any {
		for n == len(x.calls[call].GetCall().GetAttempts()) {
			call, n = call+1, 0
		}
		n++
		return appendAttempt(to, &x.calls[call], n-1)
	}
}
