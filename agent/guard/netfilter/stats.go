package netfilter

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// Stats are the figures of a [Guard] since its start. Counts only grow.
type Stats struct {
	Firewall string // in use; "" before Ready
	Bans     bool   // sources can be banned

	Packets     uint64 // read from the queues: the sum of the next five
	Passed      uint64 // REGISTERs
	Refused     uint64 // REGISTERs
	Others      uint64 // no REGISTER: let through
	Undecodable uint64 // dropped
	Panics      uint64 // went as fail says

	Answers       uint64 // 403 sent
	LimitedSource uint64 // not answered: too many to one source
	LimitedAll    uint64 // not answered: too many to all
	Unanswerable  uint64 // no way to, or nothing that could be copied
	SendErrors    uint64

	QueueDropped  uint64 // by the kernel: the queue was full; with fail open these pass, and count as Bypassed
	SocketDropped uint64 // by the kernel: our socket was full; likewise
	Bypassed      uint64 // matched a rule, and went on without a verdict; up to 10 s old
	Overruns      uint64 // times that our socket was full
	VerdictErrors uint64 // verdicts on packets that the kernel no longer had
	Malformed     uint64 // netlink messages that cannot be read
	RulesLost     uint64 // times that rules were gone and put back
}

// counts are written by the readers and the watcher.
type counts struct {
	firewall atomic.Pointer[string]

	packets, passed, refused, others, undecodable, panics        atomic.Uint64
	answers, limitedSource, limitedAll, unanswerable, sendErrors atomic.Uint64
	overruns, verdictErrors, malformed, rulesLost                atomic.Uint64
}

// Stats returns the figures of this moment.
func (g *Guard) Stats() Stats {
	c := &g.counts
	s := Stats{
		Bans: g.bans.On(), Packets: c.packets.Load(), Passed: c.passed.Load(), Refused: c.refused.Load(),
		Others: c.others.Load(), Undecodable: c.undecodable.Load(), Panics: c.panics.Load(),
		Answers: c.answers.Load(), LimitedSource: c.limitedSource.Load(), LimitedAll: c.limitedAll.Load(),
		Unanswerable: c.unanswerable.Load(), SendErrors: c.sendErrors.Load(), Overruns: c.overruns.Load(),
		VerdictErrors: c.verdictErrors.Load(), Malformed: c.malformed.Load(), RulesLost: c.rulesLost.Load(),
	}
	if f := c.firewall.Load(); f != nil {
		s.Firewall = *f
	}
	k := &g.kernel
	k.mu.Lock()
	defer k.mu.Unlock()
	s.QueueDropped, s.SocketDropped, s.Bypassed = k.last.queueDropped, k.last.socketDropped, k.bypassed
	return s
}

// kernelCounts are what the kernel says about our queues and rules.
type kernelCounts struct {
	mu       sync.Mutex // guards what follows
	last     queueFigures
	base     uint64 // packets that came before the counters of the rules began
	bypassed uint64
	before   uint64 // of bypassed, with rules that are gone
}

// queueFigures are sums over queues.
type queueFigures struct {
	waiting       uint64 // packets without a verdict
	queueDropped  uint64
	socketDropped uint64
}

const procQueues = "/proc/net/netfilter/nfnetlink_queue"

// look reads the kernel's counters of our queues.
func (k *kernelCounts) look(first uint16, n int) {
	text, err := os.ReadFile(procQueues)
	if err != nil {
		return // nothing to be read: the figures stay
	}
	f, _ := readQueues(text, first, n)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = f
}

// known is how many of the packets that rules sent to the queues we know of.
func (k *kernelCounts) known(received uint64) uint64 {
	return received + k.last.waiting + k.last.queueDropped + k.last.socketDropped
}

// ruled notes how many packets the rules had sent to queues, before the last look
// and before received of them had been read: the others passed by. What came
// since hides some of them until nothing comes for a moment; none is made up.
func (k *kernelCounts) ruled(sent, received uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if in := k.known(received) - k.base; sent > in {
		k.bypassed = max(k.bypassed, k.before+sent-in)
	}
}

// reset says that the counters of the rules begin anew.
func (k *kernelCounts) reset(received uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.base, k.before = k.known(received), k.bypassed
}

// readQueues reads the lines of our queues: number, port, waiting, copy mode,
// copy range, dropped because the queue was full, because the socket was, last id.
// some is false when there is none of ours.
func readQueues(text []byte, first uint16, n int) (f queueFigures, some bool) {
	for line := range bytes.Lines(text) {
		var column [8]uint64
		fields := bytes.Fields(line)
		if len(fields) < len(column) {
			continue
		}
		for i := range column {
			column[i], _ = strconv.ParseUint(string(fields[i]), 10, 64)
		}
		if at := int64(column[0]) - int64(first); at < 0 || at >= int64(n) { // 16 bits
			continue
		}
		some = true
		f.waiting += column[2]
		f.queueDropped += column[5]
		f.socketDropped += column[6]
	}
	return f, some
}
