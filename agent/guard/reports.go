package guard

import (
	"hash/maphash"
	"strings"
	"time"
	"unicode"

	"github.com/sipward/sipward/sip/register"
)

const (
	// reportEvery is the least time between two reports of one source, number
	// and reason.
	reportEvery = time.Minute
	// maxSaid bounds how many reports are remembered for that long, and so how many are
	// made in that time.
	maxSaid = 8192
	// maxNumbers is how many numbers of one source are reported by themselves
	// within reportEvery. Those beyond are one report: a scanner tries them all.
	maxNumbers = 64
	// maxWaiting is how many reports may wait for whoever takes them.
	maxWaiting = 1024
	// maxText bounds each text of a report, in bytes.
	maxText = 255
)

// reports makes one report of many like it: the first is said at once, the
// others at most once in reportEvery, with their number.
type reports struct {
	out     chan *register.Report
	said    map[reportKey]*said
	numbers map[address]int // how many keys of said each source has
	due     []reportKey     // of said, in the order in which they were said last
	seed    maphash.Seed

	given     uint64 // into out
	coalesced uint64 // REGISTERs that were counted in another's report
	discarded uint64 // of which nobody will hear: there was no room
}

// reportKey is what makes two reports one.
type reportKey struct {
	source address
	number uint64 // a hash; 0: any
	reason register.Reason
	kind   register.Kind
}

// said is a report that was given out.
type said struct {
	at    int64
	more  uint64 // that came since
	first *register.Report
}

func newReports() reports {
	return reports{
		out: make(chan *register.Report, maxWaiting), seed: maphash.MakeSeed(),
		said: map[reportKey]*said{}, numbers: map[address]int{},
	}
}

// refusal takes one refused transaction. make is called when it needs a report
// of its own; what it returns is kept.
func (r *reports) refusal(source address, number string, reason register.Reason, kind register.Kind, now int64, make func() *register.Report) {
	key := reportKey{source: source, reason: reason, kind: kind}
	if reason != register.Banned { // that is about the source alone
		key.number = max(maphash.String(r.seed, number), 1)
	}
	if r.more(key, now) {
		return
	}
	if r.numbers[source] >= maxNumbers || len(r.said) >= maxSaid*3/4 {
		key.number = 0
		if r.more(key, now) {
			return
		}
	}
	if len(r.said) >= maxSaid {
		r.discarded++
		return
	}
	s := &said{at: now, first: make()}
	if !r.give(s.first) {
		s.more = 1 // it comes with those that follow
	}
	r.said[key] = s
	r.numbers[source]++
	r.due = append(r.due, key)
}

// more counts one more of what was said already.
func (r *reports) more(key reportKey, now int64) bool {
	s := r.said[key]
	if s == nil {
		return false
	}
	s.more++
	r.coalesced++
	s.first.At = max(s.first.At, now)
	return true
}

// give hands a report over, unless nobody takes them.
func (r *reports) give(p *register.Report) bool {
	c := *p // the taker's own
	select {
	case r.out <- &c:
		r.given++
		return true
	default:
		return false
	}
}

// alone hands over a report that is never repeated, and reports whether there was room.
func (r *reports) alone(p *register.Report) bool {
	if r.give(p) {
		return true
	}
	r.discarded++
	return false
}

// room is how many reports can be handed over now.
func (r *reports) room() int { return cap(r.out) - len(r.out) }

// tick says what has to be said again and forgets what has not, at most so many
// of both. It reports whether it left some.
func (r *reports) tick(now int64, most int) bool {
	for range most {
		if len(r.due) == 0 {
			r.due = nil // what was popped is free
			return false
		}
		s := r.said[r.due[0]]
		age := now - s.at // far below zero when the clock was set back
		if age < int64(reportEvery) && age > -int64(reportEvery) || s.more > 0 && r.room() == 0 {
			return false
		}
		r.say(r.due[0], s, now)
	}
	return true
}

// say takes the first of those that are due, and says or forgets it.
func (r *reports) say(key reportKey, s *said, now int64) {
	r.due = r.due[1:]
	if s.more == 0 {
		r.forget(key)
		return
	}
	p := *s.first
	p.Repeated = s.more - 1 // beside this one
	if !r.give(&p) {
		r.discarded += s.more
	}
	s.at, s.more = now, 0
	r.due = append(r.due, key)
}

func (r *reports) forget(key reportKey) {
	delete(r.said, key)
	if r.numbers[key.source]--; r.numbers[key.source] <= 0 {
		delete(r.numbers, key.source)
	}
}

// flush says or forgets the first of what is held back, at most so many:
// nothing comes any more.
func (r *reports) flush(now int64, most int) {
	for ; most > 0 && len(r.due) > 0; most-- {
		key := r.due[0]
		s := r.said[key]
		r.say(key, s, now)
	}
}

// text is s as a report keeps it and people are shown it: not too long, valid for any
// record, a copy, and without control characters for terminals: phones write it.
func text(s string) string {
	return strings.Clone(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s[:min(len(s), maxText)]))
}
