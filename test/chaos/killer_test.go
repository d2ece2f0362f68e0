package chaos

import (
	"context"
	"math/rand/v2"
	"time"
)

// killer kills victims at random moments. Each gets its turn: they are drawn
// like cards, all before any comes again.
type killer struct {
	rng     *rand.Rand
	victims []*victim
	bag     []*victim

	longest time.Duration // between two kills
}

// Times of the killer.
const (
	shortestGap = 50 * time.Millisecond
	longestGap  = 1700 * time.Millisecond // some kill comes at least every 2 s
	longestDown = 1500 * time.Millisecond
	longAway    = 6 * time.Second // now and then somebody is away for longer
)

// run kills until the context ends.
func (k *killer) run(ctx context.Context) {
	last := time.Now()
	gap := k.gap()
	for {
		select {
		case <-time.After(gap):
		case <-ctx.Done():
			return
		}
		if k.strike() == 0 { // all are down, but not for long
			gap = shortestGap
			continue
		}
		k.longest = max(k.longest, time.Since(last))
		last, gap = time.Now(), k.gap()
	}
}

func (k *killer) gap() time.Duration {
	return shortestGap + time.Duration(k.rng.Int64N(int64(longestGap-shortestGap)))
}

// strike kills one victim, sometimes several at once, and returns how many.
func (k *killer) strike() (killed int) {
	most := 1
	switch p := k.rng.IntN(20); {
	case p == 0:
		most = len(k.victims) // the power fails
	case p < 4:
		most = 2 + k.rng.IntN(2)
	}
	for range 2 * len(k.victims) {
		if killed == most {
			break
		}
		if k.draw().kill(k.down()) {
			killed++
		}
	}
	return killed
}

// down is how long a victim stays away.
func (k *killer) down() time.Duration {
	if k.rng.IntN(20) == 0 {
		return longestDown + time.Duration(k.rng.Int64N(int64(longAway-longestDown)))
	}
	return time.Duration(k.rng.Int64N(int64(longestDown)))
}

func (k *killer) draw() *victim {
	if len(k.bag) == 0 {
		k.bag = append(k.bag, k.victims...)
		k.rng.Shuffle(len(k.bag), func(i, j int) { k.bag[i], k.bag[j] = k.bag[j], k.bag[i] })
	}
	v := k.bag[len(k.bag)-1]
	k.bag = k.bag[:len(k.bag)-1]
	return v
}
