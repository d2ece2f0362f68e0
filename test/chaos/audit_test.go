package chaos

import (
	"cmp"
	"fmt"
	"slices"
)

// Words of records, as `spool dump` prints them, and of streams.
const (
	kindCall         = "call"
	kindMark         = "hour_mark"
	kindLoss         = "loss"
	kindMinute       = "minute"
	kindRegistration = "registration"
	streamCalls      = "calls"
	streamTelemetry  = "telemetry"
)

// streamNames are the streams by their number in the database, less 1.
var streamNames = []string{streamCalls, streamTelemetry}

// sequence is one stream of one run of an agent.
type sequence struct {
	node   string
	epoch  uint64
	stream string
}

// key names a record for ever.
type key struct {
	sequence
	seq uint64
}

func (k key) String() string {
	return fmt.Sprintf("%s %016x %s %d", k.node, k.epoch, k.stream, k.seq)
}

// call names a call for ever.
type call struct {
	node  string
	epoch uint64 // in which it began
	leg   uint64
}

// entry is a record, as an agent had it or as a collector has it.
type entry struct {
	key
	kind   string
	callID string // of a call

	call    call      // the agent's side: which call it is; zero of others
	details *dumpCall // the agent's side, of a call
	minute  string    // the agent's side: what a minute's record replaces when it comes again
}

// finding is what is wrong.
type finding struct {
	node string
	kind findingKind
	text string
}

// findingKind is how something can be wrong.
type findingKind int

// Kinds of findings; the zero value is invalid.
const (
	missing   findingKind = iota + 1 // accepted by an agent and not stored
	doubled                          // stored twice, or one call in two records
	invented                         // stored, but no agent has it, or not so
	forgotten                        // numbers that an agent's own disk does not hold any more
)

// figures are one node's.
type figures struct {
	epochs, accepted, stored            int
	missing, doubled, wrong, onDiskOnly int
}

// audit compares what agents had accepted with what collectors have stored. What
// is accepted after sure was read may still be on the agents' disks.
func audit(sure, accepted, stored []entry) (map[string]*figures, []finding) {
	a := &auditor{figures: make(map[string]*figures), stored: make(map[key]entry, len(stored))}
	a.readStored(stored)
	a.compare(sure, accepted)
	a.holes(accepted)
	a.twice(accepted)
	slices.SortStableFunc(a.findings, func(x, y finding) int { return cmp.Compare(x.node, y.node) })
	return a.figures, a.findings
}

type auditor struct {
	figures  map[string]*figures
	findings []finding
	stored   map[key]entry
}

func (a *auditor) of(node string) *figures {
	f := a.figures[node]
	if f == nil {
		f = &figures{}
		a.figures[node] = f
	}
	return f
}

func (a *auditor) found(node string, kind findingKind, format string, args ...any) {
	f := a.of(node)
	switch kind {
	case missing:
		f.missing++
	case doubled:
		f.doubled++
	case invented, forgotten:
		f.wrong++
	}
	a.findings = append(a.findings, finding{node, kind, fmt.Sprintf(format, args...)})
}

func (a *auditor) readStored(stored []entry) {
	for _, e := range stored {
		a.of(e.node).stored++
		if _, twice := a.stored[e.key]; twice {
			a.found(e.node, doubled, "%s (%s) is stored twice", e.key, e.kind)
		}
		a.stored[e.key] = e
	}
}

// compare looks for each accepted record in the store, and for each stored one
// among the accepted.
func (a *auditor) compare(sure, accepted []entry) {
	must := make(map[key]bool, len(sure))
	for _, e := range sure {
		must[e.key] = true
	}
	replaced := superseded(accepted)
	all := make(map[key]bool, len(accepted))
	for _, e := range accepted {
		all[e.key] = true
		a.of(e.node).accepted++
		got, ok := a.stored[e.key]
		switch {
		case ok && (got.kind != e.kind || got.callID != e.callID):
			a.found(e.node, invented, "%s is %s %q at the agent, and stored as %s %q", e.key, e.kind, e.callID, got.kind, got.callID)
		case ok, replaced[e.key]:
		case must[e.key]:
			a.found(e.node, missing, "%s (%s) is not stored", e.key, e.kind)
		default:
			a.of(e.node).onDiskOnly++
		}
	}
	for _, e := range sure {
		if !all[e.key] {
			a.found(e.node, forgotten, "%s (%s) was on the agent's disk, and is not any more", e.key, e.kind)
		}
	}
	for k, e := range a.stored {
		if !all[k] {
			a.found(e.node, invented, "%s (%s) is stored, and its agent does not have it", k, e.kind)
		}
	}
}

// superseded finds the records of minutes that a later one of the same run
// replaces: their values are absolute.
func superseded(accepted []entry) map[key]bool {
	type minute struct {
		sequence
		minute string
	}
	last := make(map[minute]key)
	out := make(map[key]bool)
	for _, e := range accepted {
		if e.kind != kindMinute {
			continue
		}
		m := minute{e.sequence, e.minute}
		switch before, ok := last[m]; {
		case !ok:
			last[m] = e.key
		case before.seq < e.seq:
			out[before], last[m] = true, e.key
		default:
			out[e.key] = true
		}
	}
	return out
}

// holes finds numbers that are missing on an agent's own disk: it keeps
// everything, so they were lost there.
func (a *auditor) holes(accepted []entry) {
	seqs := make(map[sequence][]uint64)
	epochs := make(map[string]map[uint64]bool)
	for _, e := range accepted {
		seqs[e.sequence] = append(seqs[e.sequence], e.seq)
		if epochs[e.node] == nil {
			epochs[e.node] = make(map[uint64]bool)
		}
		epochs[e.node][e.epoch] = true
	}
	for node, all := range epochs {
		a.of(node).epochs = len(all)
	}
	for r, list := range seqs {
		slices.Sort(list)
		want := uint64(1)
		for _, seq := range list {
			if seq != want {
				a.found(r.node, forgotten, "%s epoch %016x %s: %d comes after %d on the agent's own disk", r.node, r.epoch, r.stream, seq, want-1)
			}
			want = seq + 1
		}
	}
}

// twice finds calls that are in more than one record.
func (a *auditor) twice(accepted []entry) {
	calls := make(map[call]key)
	ids := make(map[string]entry)
	for _, e := range accepted {
		if e.kind != kindCall {
			continue
		}
		if first, ok := calls[e.call]; ok {
			a.found(e.node, doubled, "call %016x/%d is in two records: %s and %s", e.call.epoch, e.call.leg, first, e.key)
			continue
		}
		calls[e.call] = e.key
		if first, ok := ids[e.callID]; ok && !halves(first.details, e.details) && !halves(e.details, first.details) {
			a.found(e.node, doubled, "Call-ID %s is in two records: %s and %s", e.callID, first.key, e.key)
			continue
		}
		ids[e.callID] = e
	}
}

// halves reports whether two records are what an agent can know of one call that was
// asked for credentials, while nobody watched when it came again with them and was
// answered: one that was refused and, when it ends, one that was joined. Only the
// first is in any sum.
func halves(refused, joined *dumpCall) bool {
	challenged := refused.Status == 401 || refused.Status == 407
	return challenged && !refused.Answered && !refused.Midcall && joined.Midcall
}
