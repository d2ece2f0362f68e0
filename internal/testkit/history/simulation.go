package history

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/sipward/sipward/agent/outbox"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/party"
)

// tick is how often the agent's clocks are told the time; an agent tells them every second.
const tick = 5 * time.Second

// simulation is one node. Times are nanoseconds since the Unix epoch.
type simulation struct {
	cfg                 *Config
	node                *Node
	rng                 *rand.Rand
	book                *party.Book
	customers, carriers []party.ID
	counters            *counters.Counters
	outbox              *outbox.Outbox
	figures             *Figures
	epoch               uint64
	legs                uint64
	queue               events
	order               uint64
	ends                int64 // until then every call must be recorded
	perHour             float64
}

// event is something that happens at its time; events of one time in the order in which they were made.
type event struct {
	at, order int64
	do        func(at int64)
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

func newSimulation(cfg *Config, n int, to outbox.Spool) (*simulation, error) {
	book, err := cfg.book()
	if err != nil {
		return nil, err
	}
	total := 0.0
	for i := range cfg.Nodes {
		total += cfg.Nodes[i].Share
	}
	node := &cfg.Nodes[n]
	return &simulation{
		cfg: cfg, node: node, rng: rand.New(rand.NewPCG(cfg.Seed, uint64(n))), // an index
		book: book, customers: ids(book, party.Customer, cfg.Customers), carriers: ids(book, party.Carrier, cfg.Carriers),
		counters: counters.New(book.Len()), outbox: outbox.New(outbox.Config{Node: node.Name, Digits: dtmf.Count}, to),
		figures: newFigures(), epoch: to.Epoch(), perHour: cfg.CallsPerHour * node.Share / total,
	}, nil
}

func (s *simulation) at(when int64, do func(at int64)) {
	s.order++
	heap.Push(&s.queue, event{when, int64(s.order), do}) // a count
}

// run lets the time of the node pass, one stretch after the other in which it was there.
func (s *simulation) run() {
	from := s.cfg.From
	for _, away := range append(s.node.Away, Span{s.cfg.To, s.cfg.To}) {
		if away.From.After(from) {
			s.stretch(from.UnixNano(), away.From.UnixNano())
		}
		if away.To.After(from) {
			from = away.To
		}
	}
	s.outbox.Minute(s.counters.Close(), s.book)
}

// stretch begins and ends without a call.
func (s *simulation) stretch(from, to int64) {
	s.ends = to - int64(tick)
	s.at(next(s.rng, from, s.perHour), s.arrive)
	s.at(s.scan(from), s.register)
	for now := from; now < to; now += int64(tick) {
		for len(s.queue) > 0 && s.queue[0].at < now {
			e := heap.Pop(&s.queue).(event)
			e.do(e.at)
		}
		if m := s.counters.Tick(now); len(m) > 0 {
			s.outbox.Minute(m, s.book)
		}
		s.outbox.Ticked(now)
	}
	s.queue = s.queue[:0] // calls and registrations to come only
}

// arrive begins a call, unless it could not end in time, and waits for the next one.
func (s *simulation) arrive(at int64) {
	if later := next(s.rng, at, s.perHour); later < s.ends {
		s.at(later, s.arrive)
	}
	c := s.makeCall(at)
	if over := c.closed - s.ends; over >= 0 && c.last.answered != 0 { // it is cut short
		c.last.ended = max(c.last.answered, c.last.ended-over-int64(time.Second))
		c.end = c.last.ended
		c.closed = c.end + int64(dialog.DefaultSettle)
	}
	if c.closed >= s.ends {
		return
	}
	s.opened(c, at)
	s.step(c, dialog.LegOpened, 0, dialog.Setup, at, 0)
	for i := range c.tries {
		s.at(c.tries[i].invited, func(at int64) { s.tryOpened(c, i, at) })
	}
	s.at(c.closed, func(at int64) { s.close(c, at) })
}

// step has the agent's counters count.
func (s *simulation) step(c *call, kind dialog.EffectKind, was, now dialog.State, at int64, attempt int) {
	s.counters.Step(&dialog.Effect{Kind: kind, Was: was, Now: now, Time: at, Leg: c.leg, Attempt: attempt})
}

func (s *simulation) tryOpened(c *call, i int, at int64) {
	t := &c.tries[i]
	c.leg.Attempts = append(c.leg.Attempts, s.attempt(c, t))
	s.step(c, dialog.AttemptOpened, 0, dialog.Setup, at, i)
	if t.rang != 0 {
		s.at(t.rang, func(at int64) { c.leg.Attempts[i].Rang, c.leg.Rang = at, at })
	}
	if t.answered != 0 {
		s.at(t.answered, func(at int64) { s.answer(c, i, at) })
	}
	s.at(t.ended, func(at int64) { s.end(c, i, at) })
}

func (s *simulation) answer(c *call, i int, at int64) {
	a := &c.leg.Attempts[i]
	a.Answer, a.State, a.Status = at, dialog.Answered, 200
	s.step(c, dialog.AttemptAnswered, dialog.Setup, dialog.Answered, at, i)
	c.leg.Answer, c.leg.State, c.leg.Status, c.leg.Phrase, c.leg.Forks = at, dialog.Answered, 200, "OK", 1
	s.step(c, dialog.LegAnswered, dialog.Setup, dialog.Answered, at, 0)
}

// end ends an attempt, and with the last one the call.
func (s *simulation) end(c *call, i int, at int64) {
	t, a, l := &c.tries[i], &c.leg.Attempts[i], c.leg
	why := dialog.Failed
	switch {
	case t.answered != 0 && c.callerHangs:
		why = dialog.ByeCaller
	case t.answered != 0:
		why = dialog.ByeCallee
	case t.outcome.cancel:
		why, l.Canceled = dialog.Cancelled, true
	}
	was := a.State
	a.State, a.End, a.Release, a.Status = dialog.Ended, at, why, t.outcome.status
	s.step(c, dialog.AttemptReleased, was, dialog.Ended, at, i)
	if t != c.last {
		return
	}
	l.Status, l.Phrase = t.outcome.status, t.outcome.phrase
	l.State, l.End, l.Release = dialog.Ended, at, why
	s.step(c, dialog.LegReleased, was, dialog.Ended, at, 0)
}

// close has the record made.
func (s *simulation) close(c *call, at int64) {
	l := c.leg
	l.Closed = at
	c.media = &counters.MediaResult{}
	if l.Answer != 0 {
		c.media = s.heard(c)
	}
	s.counters.Media(l, c.media)
	s.step(c, dialog.LegClosed, dialog.Ended, dialog.Ended, at, 0)
	s.outbox.Finished(l, c.media, s.book)
	s.figures.add(s, c)
}
