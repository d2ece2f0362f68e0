package register

import "time"

// generations remembers values by hash for one to two times `life`: what is
// young grows old together, and is forgotten together. It is bounded by the
// weight of what is young, so what is remembered is bounded twice over.
type generations[V any] struct {
	young, old map[uint64]V
	life       time.Duration
	most       int // weight of the young
	weight     int
	turned     int64
	forgotten  uint64 // for their weight, before their time
}

func newGenerations[V any](life time.Duration, most int) generations[V] {
	return generations[V]{young: map[uint64]V{}, life: life, most: most}
}

func (g *generations[V]) get(key uint64) (v V, ok bool) {
	if v, ok = g.young[key]; !ok {
		v, ok = g.old[key]
	}
	return v, ok
}

// put remembers v at now, in nanoseconds since the Unix epoch. The weight of
// what was there before is not given back: the young turn old a little sooner.
func (g *generations[V]) put(key uint64, v V, weight int, now int64) {
	delete(g.old, key) // it is young again
	switch aged := now-g.turned >= int64(g.life); {
	case aged, g.weight+weight > g.most:
		if !aged {
			g.forgotten += uint64(len(g.old)) // the last of them are less old than a generation
		}
		g.old, g.young, g.turned, g.weight = g.young, map[uint64]V{}, now, 0
	case g.turned-now > int64(g.life):
		g.turned = now // the clock was set back: age from here
	}
	g.young[key] = v
	g.weight += weight
}

func (g *generations[V]) remove(key uint64) {
	delete(g.young, key)
	delete(g.old, key)
}

func (g *generations[V]) len() int { return len(g.young) + len(g.old) }
