package counters

import (
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/party"
)

// Counters keep the figures of every party. They are not safe for concurrent
// use; others read what Snapshot returns.
//
// A call is counted as started when it opens, its answer when it is answered,
// and a failure when its leg is closed, because until then it can come back: a
// 401, a redirect or a failover is no outcome. An attempt that fails is final
// at once, but for a challenge, which its switch may answer.
type Counters struct {
	total     account
	customers []*account // by party.ID; nil before its first call
	carriers  []*account
	skew      uint64
	now       int64
	minutes   minutes
}

// New returns counters with room for parties IDs (party.Book.Len); they grow
// when a later book has more.
func New(parties int) *Counters {
	return &Counters{customers: make([]*account, parties), carriers: make([]*account, parties)}
}

// Step counts one effect. Media effects change nothing here.
func (c *Counters) Step(e *dialog.Effect) {
	switch e.Kind {
	case dialog.LegOpened, dialog.LegAnswered, dialog.LegReleased:
		if e.Leg.Call {
			c.leg(&c.total.Figures, e)
			c.leg(c.customer(e.Leg.Customer), e)
		}
	case dialog.LegClosed:
		c.closed(e.Leg)
	case dialog.AttemptOpened, dialog.AttemptAnswered, dialog.AttemptReleased:
		c.attempt(e)
	case dialog.MediaOpened:
	}
}

// Tick lets time pass until now (nanoseconds since the Unix epoch), for the
// rates of parties without a call. When now is in another minute than the last
// Tick, be that later or earlier, it lists what that one's minute gained; the
// list is valid until the next call. What is counted between two ticks is in
// the minute of the first.
func (c *Counters) Tick(now int64) []Minute {
	c.now = max(c.now, now)
	c.total.Rate.roll(now)
	for _, of := range [][]*account{c.customers, c.carriers} {
		for _, f := range of {
			if f != nil {
				f.Rate.roll(now)
			}
		}
	}
	if turned, watched := c.minutes.tick(now); turned {
		return c.turn(now, watched)
	}
	return nil
}

func (c *Counters) leg(f *Figures, e *dialog.Effect) {
	c.move(f, e)
	l := e.Leg
	switch {
	case e.Kind == dialog.LegOpened && !e.Again:
		c.opened(f, e)
	case e.Kind == dialog.LegAnswered && l.Initial:
		t := trialOfLeg(l)
		f.answer(&t, false)
	}
}

func (c *Counters) opened(f *Figures, e *dialog.Effect) {
	if !e.Leg.Initial {
		f.SeenMidcall++
		return
	}
	f.Started++
	f.Rate.add(e.Time)
	if e.Leg.Inbound {
		f.Inbound++
	}
	if e.Now == dialog.Answered { // found to be a customer's only after its answer
		t := trialOfLeg(e.Leg)
		f.answer(&t, false)
	}
}

// closed counts the end of a leg and, when nobody answered, its outcome.
func (c *Counters) closed(l *dialog.Leg) {
	if l.Call && l.Initial {
		t := trialOfLeg(l)
		finish(&c.total.Figures, &t)
		finish(c.customer(l.Customer), &t)
	}
	for i := range l.Attempts {
		a := &l.Attempts[i]
		f, t := c.carrier(a.Carrier), trialOfAttempt(a)
		if a.Answer == 0 && a.Challenged() { // nobody answered the challenge
			f.outcome(&t)
		}
		f.over(&t)
	}
}

func finish(f *Figures, t *trial) {
	if t.answer == 0 {
		f.outcome(t)
	}
	f.over(t)
}

func (c *Counters) attempt(e *dialog.Effect) {
	a := &e.Leg.Attempts[e.Attempt]
	f, t := c.carrier(a.Carrier), trialOfAttempt(a)
	c.move(f, e)
	switch {
	case e.Kind == dialog.AttemptOpened && !e.Again:
		f.Started++
		f.Rate.add(e.Time)
		if e.Leg.Inbound {
			f.Inbound++
		}
	case e.Kind == dialog.AttemptAnswered:
		f.answer(&t, e.Was == dialog.Ended)
	case e.Kind == dialog.AttemptReleased && a.Answer == 0 && !a.Challenged():
		f.outcome(&t)
	}
}

// move keeps the live gauges. They never go below zero, whatever comes: what
// would take them there is counted instead.
func (c *Counters) move(f *Figures, e *dialog.Effect) {
	if g := f.gauge(e.Was); g != nil {
		if *g > 0 {
			*g--
		} else {
			c.skew++
		}
	}
	if g := f.gauge(e.Now); g != nil {
		*g++
	}
	f.Peak = max(f.Peak, f.Live())
	f.PeakAnswered = max(f.PeakAnswered, f.LiveAnswered)
	f.high = max(f.high, f.Live())
	f.highAnswered = max(f.highAnswered, f.LiveAnswered)
}

// gauge returns the live gauge of a state, nil for those that are not live.
func (f *Figures) gauge(s dialog.State) *uint64 {
	switch s {
	case dialog.Setup:
		return &f.LiveSetup
	case dialog.Answered:
		return &f.LiveAnswered
	case dialog.Ended:
	}
	return nil
}

func (c *Counters) customer(id party.ID) *Figures { return at(&c.customers, id) }
func (c *Counters) carrier(id party.ID) *Figures  { return at(&c.carriers, id) }

// at returns the figures of id. IDs come from the book, which bounds them.
func at(of *[]*account, id party.ID) *Figures {
	for int(id) >= len(*of) {
		*of = append(*of, nil)
	}
	f := (*of)[id]
	if f == nil {
		f = new(account)
		(*of)[id] = f
	}
	return &f.Figures
}
