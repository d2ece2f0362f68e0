package accounts

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// policy says how many failures are too many, and what follows.
type policy struct {
	free   int           // failures that are free within window
	window time.Duration // a failure is forgotten after it
	lock   time.Duration // the first lock; each further one is twice as long
	most   time.Duration // the longest lock
	calm   time.Duration // so long after a lock the next one is a first one again
}

// limiter counts failures by key. It knows no clock: now comes in.
type limiter struct {
	policy
	max int

	mu        sync.Mutex // guards what follows
	entries   map[string]*failures
	locks     uint64
	discarded uint64
}

type failures struct {
	n     int       // since first
	first time.Time // when the window began
	until time.Time // the end of the lock; zero: none
	locks int       // how often it was locked without a calm time between
	last  time.Time
}

func newLimiter(p policy, limit int) *limiter {
	return &limiter{policy: p, max: limit, entries: map[string]*failures{}}
}

// begin counts a try as a failure before it is known to be one: a thousand tries at the
// same time are a thousand, not one. It refuses with the time to wait. A begin that is
// not refused is followed by success or undo, or by nothing when the try failed.
func (l *limiter) begin(key string, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.entries[key]
	if f == nil {
		l.makeRoom(now)
		f = &failures{}
		l.entries[key] = f
	}
	if now.Before(f.until) {
		return f.until.Sub(now)
	}
	if f.locks > 0 && now.Sub(f.until) >= l.calm {
		*f = failures{}
	}
	if now.Sub(f.first) >= l.window || now.Before(f.first) {
		f.n, f.first = 0, now
	}
	f.n++
	f.last = now
	if f.n >= l.free {
		f.until = now.Add(l.length(f.locks))
		f.locks++
		f.n = 0
		l.locks++
	}
	return 0
}

// length is how long the lock after n others is.
func (l *limiter) length(n int) time.Duration {
	d := l.lock
	for ; n > 0 && d < l.most; n-- {
		d *= 2
	}
	return min(d, l.most)
}

// success forgets the key's failures: who knows the password is no guesser.
func (l *limiter) success(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, key)
}

// undo takes one begin back: the try came to no answer.
func (l *limiter) undo(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.entries[key]
	switch {
	case f == nil:
	case f.n > 0:
		f.n--
	case f.locks > 0: // the lock was this try's
		f.until, f.n = time.Time{}, l.free-1
		f.locks--
	}
}

// over reports whether f says nothing any more.
func (l *limiter) over(f *failures, now time.Time) bool {
	if f.locks > 0 {
		return now.Sub(f.until) >= l.calm
	}
	return now.Sub(f.first) >= l.window
}

// makeRoom keeps the map within its bound: what is over goes first, then who
// is not locked and was quiet for longest, and where all are locked the locks
// that end first. An eighth goes at once, so that a flood of new keys does not
// look at all of them for each.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.entries) < l.max {
		return
	}
	maps.DeleteFunc(l.entries, func(_ string, f *failures) bool { return l.over(f, now) })
	if len(l.entries) < l.max {
		return
	}
	all := slices.SortedFunc(maps.Keys(l.entries), func(a, b string) int { return order(l.entries[a], l.entries[b]) })
	locked := now.Before(l.entries[all[0]].until)
	for i, k := range all[:max(l.max/8, 1)] {
		if i > 0 && !locked && now.Before(l.entries[k].until) {
			break
		}
		delete(l.entries, k)
		l.discarded++
	}
}

// order says who is given up first.
func order(a, b *failures) int {
	return cmp.Or(a.until.Compare(b.until), a.last.Compare(b.last))
}

// sweep removes what is over.
func (l *limiter) sweep(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, f := range l.entries {
		if l.over(f, now) {
			delete(l.entries, k)
		}
	}
}

// until returns when the key's lock ends or ended; zero: it has none.
func (l *limiter) until(key string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.entries[key]; f != nil {
		return f.until
	}
	return time.Time{}
}

func (l *limiter) stats() (keys int, locks, discarded uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries), l.locks, l.discarded
}
