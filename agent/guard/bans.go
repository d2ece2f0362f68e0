package guard

import (
	"net/netip"
	"slices"
	"time"
)

// Ban says when a source is dropped in the kernel.
type Ban struct {
	Refusals int            // within Window that lead to a ban; 0: none does
	Window   time.Duration  // in which they are counted
	Time     time.Duration  // that a ban lasts
	Allow    []netip.Prefix // are never banned
}

// Bounds of what is known of sources.
const (
	maxCounted = 1 << 16 // sites whose refusals are counted in one window
	maxBans    = 1 << 16 // as many as a set of the kernel has by default
)

// bans count refusals and know who is banned.
type bans struct {
	cfg       Ban
	protected protected
	kernel    bool // there is one to tell

	young, old map[address]uint32 // refusals by site in this window, and in the one before
	turned     int64

	banned map[address]*ban
	due    []address            // of banned, in the order in which they began
	todo   map[address]struct{} // of which the kernel has yet to hear

	begun   uint64
	spared  uint64 // sources that would have been banned but for the allow list
	evicted uint64 // sites whose count was forgotten before its time
	refused uint64 // bans that there was no room for
}

type ban struct {
	since, until int64
	refusals     uint32 // that led to it
	dropped      uint64 // REGISTERs that came all the same
}

func newBans(cfg Ban, p protected, kernel bool) bans {
	return bans{cfg: cfg, protected: p, kernel: kernel, young: map[address]uint32{}, banned: map[address]*ban{}, todo: map[address]struct{}{}}
}

// holds reports whether a source is banned, and counts that it was asked.
func (b *bans) holds(source netip.Addr, now int64) bool {
	if len(b.banned) == 0 || !source.IsValid() {
		return false
	}
	x := b.banned[siteOf(source)]
	if x == nil || x.until <= now {
		return false
	}
	x.dropped++
	return true
}

// refusal counts one, and bans the source for which it was one too many.
func (b *bans) refusal(source netip.Addr, now int64) {
	if b.cfg.Refusals == 0 {
		return
	}
	b.turn(now)
	key := siteOf(source)
	if _, known := b.young[key]; !known && len(b.young) >= maxCounted {
		b.evict()
	}
	b.young[key]++
	if n := b.level(key, now); n >= b.cfg.Refusals {
		b.begin(source, key, n, now)
	}
}

// level is how many refusals a site had within the window that ends now. Of
// those in the last window, it takes as large a part as that window reaches into.
func (b *bans) level(key address, now int64) int {
	part := max(0, 1-float64(now-b.turned)/float64(b.cfg.Window))
	return int(b.young[key]) + int(part*float64(b.old[key]))
}

func (b *bans) begin(source netip.Addr, key address, n int, now int64) {
	delete(b.young, key) // the next ban takes as many again
	delete(b.old, key)
	switch x := b.banned[key]; {
	case b.protected.holds(source):
		b.spared++
	case x != nil && x.until > now:
	case x == nil && len(b.banned) >= maxBans:
		b.refused++
	default:
		if x == nil {
			b.due = append(b.due, key)
		}
		b.banned[key] = &ban{since: now, until: now + int64(b.cfg.Time), refusals: uint32(n)} // at most two windows' counts
		b.tell(key)
		b.begun++
	}
}

// turn begins another window when it is time.
func (b *bans) turn(now int64) {
	switch age := now - b.turned; {
	case age >= 2*int64(b.cfg.Window):
		b.old, b.young, b.turned = nil, map[address]uint32{}, now
	case age >= int64(b.cfg.Window):
		b.old, b.young, b.turned = b.young, map[address]uint32{}, b.turned+int64(b.cfg.Window)
	case age < -int64(b.cfg.Window):
		b.turned = now // the clock was set back
	}
}

// evict forgets the lowest of a few counts, so that many sources with one refusal
// each do not hide the one with many.
func (b *bans) evict() {
	var lowest address
	seen := 0
	for key, n := range b.young {
		if seen == 0 || n < b.young[lowest] {
			lowest = key
		}
		if seen++; seen == 8 {
			break
		}
	}
	delete(b.young, lowest)
	b.evicted++
}

// tick forgets bans that are over, at most so many at a time; the kernel forgets
// them by itself. It reports whether it left some.
func (b *bans) tick(now int64, most int) bool {
	for range most {
		if len(b.due) == 0 {
			b.due = nil
			return false
		}
		key := b.due[0]
		if x := b.banned[key]; x.until > now {
			x.until = min(x.until, now+int64(b.cfg.Time)) // more than that when the clock was set back
			return false
		}
		b.due = b.due[1:]
		delete(b.banned, key)
		delete(b.todo, key)
	}
	return true
}

// lift ends the bans that end says, and returns how many.
func (b *bans) lift(end func(address) bool) (n int) {
	b.due = slices.DeleteFunc(b.due, func(key address) bool {
		if !end(key) {
			return false
		}
		delete(b.banned, key)
		delete(b.young, key)
		delete(b.old, key)
		b.tell(key)
		n++
		return true
	})
	return n
}

// tell has the kernel told of a site, whether it is banned or not.
func (b *bans) tell(key address) {
	if b.kernel {
		b.todo[key] = struct{}{}
	}
}
