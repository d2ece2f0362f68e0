package uplink

import (
	"cmp"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Sizes and times of docs/protocol.md.
const (
	defaultWindow  = 8        // batches on their way
	freshRecords   = 100      // in a batch of fresh records
	freshMost      = 1000     // fresh records that wait; what is above joins the backlog
	backlogRecords = 500      // in a batch from the backlog
	messageBytes   = 64 << 10 // of a batch with more than one record, packed, with its header
	smallest       = 4 << 10  // of credit, for which a batch is cut off
	spare          = 4        // one part in so many of window and credit is kept for fresh records
	perCalls       = 4        // of so many batches of a kind, one is telemetry before calls
	freshWait      = time.Second
	resendAfter    = 10 * time.Second // when an ack has shown that a collector is there
	blindAfter     = time.Minute      // when none has
	needAfter      = 5 * time.Second  // what is asked for is sent again, unless it was just sent
	helloAfter     = 10 * time.Second // of waiting for an ack
	helloEvery     = time.Minute      // so that clocks are compared
	doubtAfter     = time.Second      // between hellos about an ack that states less than an earlier one
	storeAfter     = 10 * time.Second // when only another store has answered for so long, it counts
	readAgain      = 10 * time.Second // after the spool could not be read
)

// settings of a sender.
type settings struct {
	window  int // batches on their way
	rate    int // backlog records a second; 0: no limit
	program string
	started time.Time
}

// flight is a batch on its way.
type flight struct {
	key
	record.Range
	bytes   int
	at      time.Time
	backlog bool
}

// sender decides what is sent when. It is not safe for concurrent use.
type sender struct {
	settings
	epoch   uint64
	lines   map[key]*line
	order   []*line // in which the spool names them, calls before telemetry
	holding []record.Holding
	flights []flight // oldest first
	bytes   int      // of flights
	picks   uint     // batches that were sent
	beside  bool     // the last one was fresh: the backlog is next
	solo    *key     // has a record that the credit lets go only alone
	tokens  float64  // backlog records that may be sent now
	filled  time.Time

	up      bool
	greeted bool      // an ack came in this connection
	since   time.Time // of the connection
	doubt   bool      // an ack stated less than an earlier one
	helloAt time.Time
	asked   []question
	ackAt   time.Time
	rivalAt time.Time // since when only another store answers; zero: it does not
	credit  uint64
	store   string
	clock   clock
	twins   twins
	n       counts
}

func newSender(set settings, epoch uint64) *sender {
	if set.window <= 0 {
		set.window = defaultWindow
	}
	return &sender{settings: set, epoch: epoch, lines: map[key]*line{}}
}

// hold takes over what the spool has. The slice is kept.
func (s *sender) hold(now time.Time, list []record.Holding) {
	s.holding = list
	named := make(map[key]bool, len(list))
	s.order = s.order[:0]
	for i := range list {
		h := &list[i]
		k := key{h.Epoch, h.Stream}
		if named[k] || k.epoch == 0 || (k.stream != record.Calls && k.stream != record.Telemetry) {
			continue
		}
		named[k] = true
		l := s.lines[k]
		if l == nil {
			l = &line{key: k, current: k.epoch == s.epoch}
			s.lines[k] = l
		}
		l.hold(now, h.Unacked)
		s.order = append(s.order, l)
	}
	slices.SortStableFunc(s.order, func(a, b *line) int { return cmp.Compare(a.stream, b.stream) })
	for k := range s.lines {
		if !named[k] && k.epoch != s.epoch { // the numbers of the running epoch go on
			delete(s.lines, k)
			s.twins.own(k.epoch)
		}
	}
	s.prune()
}

// tooLarge notes that the first record of o has to wait until nothing else is on its way.
func (s *sender) tooLarge(o *order) { s.solo = &o.key }

// busy reports whether anything is on its way.
func (s *sender) busy() bool { return len(s.flights) > 0 }

// prune forgets flights of which nothing is waited for any more.
func (s *sender) prune() {
	s.flights = slices.DeleteFunc(s.flights, func(f flight) bool {
		l := s.lines[f.key]
		return l == nil || len(l.flying.And(record.Ranges{f.Range})) == 0
	})
	s.bytes = 0
	for i := range s.flights {
		s.bytes += s.flights[i].bytes
	}
	for _, l := range s.lines {
		if !l.waiting.IsZero() && len(l.sent.And(l.unacked)) == 0 {
			l.waiting = time.Time{}
		}
	}
}

// connected begins a connection. What was on its way in the last one may be lost.
func (s *sender) connected(now time.Time) {
	s.up, s.greeted, s.since = true, false, now
	s.helloAt, s.doubt = time.Time{}, false
	s.filled, s.tokens = now, 0
	for _, l := range s.lines {
		l.mark = 0
		l.freshAt = time.Time{}
		l.age()
		l.settle(now)
	}
}

// disconnected ends it.
func (s *sender) disconnected() {
	s.up = false
	s.flights, s.bytes = s.flights[:0], 0
	s.asked, s.solo = s.asked[:0], nil
	for _, l := range s.lines {
		l.flying, l.urgent = nil, nil
	}
}

// forget drops all that acks have said: the store has gone back. The spool is
// asked anew after it.
func (s *sender) forget(now time.Time) {
	s.disconnected()
	s.up, s.greeted, s.doubt, s.since, s.helloAt = true, false, false, now, time.Time{}
	for _, l := range s.lines {
		l.acked, l.waiting = nil, time.Time{}
	}
}

// sentBatch notes that the records of r are on their way in a message of so many bytes.
func (s *sender) sentBatch(now time.Time, o *order, r record.Range, bytes int) {
	l := s.lines[o.key]
	if l == nil || r.Len() == 0 {
		return
	}
	again := r.Len() - record.Ranges{r}.Minus(l.sent).Len()
	s.n.sent.add(r.Len(), bytes)
	if again > 0 {
		s.n.resent.add(again, bytes)
	}
	l.sent.Add(r)
	l.flying.Add(r)
	l.urgent.Remove(r)
	if l.waiting.IsZero() {
		l.waiting = now
	}
	if o.kind == fresh {
		l.freshAt = now // for what is left
	}
	l.settle(now)
	s.flights = append(s.flights, flight{o.key, r, bytes, now, o.kind == backlog})
	s.bytes += bytes
	s.picks++
	s.beside = o.kind == fresh
	s.solo = nil
	if o.kind == backlog {
		s.tokens -= float64(r.Len())
	}
}

// absent notes that the spool found nothing of r.
func (s *sender) absent(o *order, r record.Range) {
	if l := s.lines[o.key]; l != nil {
		s.n.absent += l.unacked.And(record.Ranges{r}).Len()
		l.unacked.Remove(r)
		l.urgent.Remove(r)
	}
}

// unread notes that the spool could not be read.
func (s *sender) unread(now time.Time, o *order) {
	if l := s.lines[o.key]; l != nil {
		l.holdTill = now.Add(readAgain)
	}
	s.solo = nil // it does not go before the others while it waits
}
