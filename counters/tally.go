package counters

import (
	"hash/maphash"
	"slices"

	"github.com/sipward/sipward/sip/dialog"
)

// TallyFigures are the calls of one capture, merged by Call-ID: the two legs of
// a proxy that changes tags, and a Call-ID used again, are one.
type TallyFigures struct {
	Total       int `json:"total"`        // Call-IDs with an initial INVITE
	Answered    int `json:"answered"`     // of those, with a 2xx to it
	Cancelled   int `json:"cancelled"`    // of those, with a CANCEL on any hop
	EndedByBye  int `json:"ended_by_bye"` // answered, and every answered dialog ended by a BYE
	OpenAtEnd   int `json:"open_at_end"`  // answered, and not ended by a BYE
	SeenMidcall int `json:"seen_midcall"` // Call-IDs with a re-INVITE, a 2xx or a BYE and no initial INVITE
	Forked      int `json:"forked"`       // with more than one To tag before or at the answer
	Reinvites   int `json:"reinvites"`    // in calls joined midway too
	MaxLive     int `json:"max_live"`     // most calls at once, first INVITE to end
	MaxAnswered int `json:"max_answered"` // most calls at once, answer to end
	Overflow    int `json:"-"`            // legs left out because MaxTally was reached
}

// MaxTally bounds the Call-IDs of a Tally: about 80 bytes each.
const MaxTally = 1 << 24

// open stands for the end of a call that does not end within the capture.
const open = int64(1<<63 - 1)

// tallied is one Call-ID. Times are nanoseconds since the Unix epoch.
type tallied struct {
	invited  int64 // first initial INVITE
	answer   int64 // first 2xx; 0: none
	ended    int64 // last BYE of its answered legs, open when one has none
	resumed  int64 // last BYE of a part that was joined midway; 0: none
	failed   int64 // last refusal of a leg that was not answered, sent again or not; 0: none
	forks    uint16
	initial  bool
	canceled bool
	lost     bool // a timer gave an answered leg up, which may have gone on
}

// Tally folds finished legs into the figures of one capture. Where Counters say
// what an operator wants to know, with timers that give up on lost calls, a
// Tally says only what the packets say: an answered call without a BYE, or an
// INVITE without a final response, is open to the end. It is not safe for
// concurrent use.
type Tally struct {
	calls     map[uint64]int32 // by hash of the Call-ID
	list      []tallied
	seed      maphash.Seed
	reinvites int
	overflow  int
	limit     int
}

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{calls: map[uint64]int32{}, seed: maphash.MakeSeed(), limit: MaxTally}
}

// Add takes one leg that was closed. Legs of one Call-ID may come in any order.
func (t *Tally) Add(l *dialog.Leg) {
	t.reinvites += int(l.Reinvites)
	c := t.of(l.CallID)
	if c == nil {
		t.overflow++
		return
	}
	c.canceled = c.canceled || l.Canceled
	c.forks += uint16(l.Forks)
	if !l.Initial {
		if byBye(l) {
			c.resumed = max(c.resumed, l.End)
		}
		return
	}
	if !c.initial || l.Invited < c.invited {
		c.initial, c.invited = true, l.Invited
	}
	switch {
	case l.Answer != 0:
		if c.answer == 0 || l.Answer < c.answer {
			c.answer = l.Answer
		}
		switch {
		case byBye(l):
			c.ended = max(c.ended, l.End)
		case givenUp(l):
			c.lost = true
		default:
			c.ended = open
		}
	case l.Refused != 0:
		c.failed = max(c.failed, l.Refused)
	}
}

func byBye(l *dialog.Leg) bool { return l.Release == dialog.ByeCaller || l.Release == dialog.ByeCallee }

// givenUp reports whether a timer ended l. What comes of it after that is a
// leg joined midway.
func givenUp(l *dialog.Leg) bool {
	return l.Release == dialog.SessionTimer || l.Release == dialog.MediaSilence || l.Release == dialog.MaxAge ||
		l.Release == dialog.EndMissed
}

// end returns when an answered call ended, open if it did not.
func (c *tallied) end() int64 {
	switch {
	case !c.lost:
		return c.ended
	case c.resumed <= c.answer:
		return open
	}
	return max(c.ended, c.resumed)
}

// of returns the entry of a Call-ID, adding it; nil when there is no room.
func (t *Tally) of(callID string) *tallied {
	key := maphash.String(t.seed, callID)
	i, known := t.calls[key]
	if !known {
		if len(t.list) >= t.limit {
			return nil
		}
		i = int32(len(t.list)) // below MaxTally
		t.calls[key] = i
		t.list = append(t.list, tallied{})
	}
	return &t.list[i]
}

// Figures returns the figures of all legs added so far.
func (t *Tally) Figures() TallyFigures {
	f := TallyFigures{Reinvites: t.reinvites, Overflow: t.overflow}
	var live, answered sweep
	for i := range t.list {
		c := &t.list[i]
		if !c.initial {
			f.SeenMidcall++
			continue
		}
		f.Total++
		if c.canceled {
			f.Cancelled++
		}
		if c.forks > 1 {
			f.Forked++
		}
		switch {
		case c.answer == 0 && c.failed == 0:
			live.add(c.invited, open)
		case c.answer == 0:
			live.add(c.invited, c.failed)
		default:
			f.Answered++
			end := c.end()
			if end == open {
				f.OpenAtEnd++
			} else {
				f.EndedByBye++
			}
			live.add(c.invited, end)
			answered.add(c.answer, end)
		}
	}
	f.MaxLive, f.MaxAnswered = live.most(), answered.most()
	return f
}

// sweep finds how many of its intervals overlap at most. An interval is open
// at its end: one that ends when another starts does not overlap it.
type sweep struct{ starts, ends []int64 }

func (s *sweep) add(start, end int64) {
	s.starts = append(s.starts, start)
	if end != open {
		s.ends = append(s.ends, max(end, start))
	}
}

func (s *sweep) most() int {
	slices.Sort(s.starts)
	slices.Sort(s.ends)
	most, e := 0, 0
	for i, start := range s.starts {
		for e < len(s.ends) && s.ends[e] <= start {
			e++
		}
		most = max(most, i+1-e)
	}
	return most
}
