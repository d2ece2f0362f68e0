package web

import (
	"container/list"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// cached keeps one answer for a short while: two hundred dashboards ask for the same at
// once. A failure is not kept.
type cached[T any] struct {
	mu  sync.Mutex // guards what follows; held while the answer is made
	at  time.Time
	v   T
	has bool
}

func (c *cached[T]) get(now time.Time, life time.Duration, read func() (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.at); c.has && age >= 0 && age < life {
		return c.v, nil
	}
	v, err := read()
	if err != nil {
		return v, err
	}
	c.v, c.at, c.has = v, now, true
	return v, nil
}

// drop forgets the answer: what it is made of was changed here.
func (c *cached[T]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.has = false
}

// shared keeps answers for a moment, and lets those who ask for the same at the same time
// wait for the one that is being made: two hundred dashboards cost what one does.
type shared[K comparable, V any] struct {
	mu   sync.Mutex // guards what follows; not held while an answer is made
	kept map[K]*making[V]
	made list.List // keys of those that are made, in the order in which they were
	size int       // of what is kept
}

// making is an answer, or one that is on its way.
type making[V any] struct {
	at    time.Time     // when it was begun
	ready chan struct{} // closed when what follows is set
	v     V
	err   error
	size  int
	turn  *list.Element // its key in made
}

// keeping says for how long answers are kept, and how much of them together.
type keeping struct {
	life time.Duration
	most int
}

var (
	keepAnswers = keeping{5 * time.Second, 64 << 20}  // bytes
	keepOld     = keeping{5 * time.Minute, 2_000_000} // points
)

// get returns a kept answer, or makes one. Whoever leaves meanwhile does not take it from
// those who wait for it. A failure is told to those who waited, and not kept.
func (c *shared[K, V]) get(ctx context.Context, now time.Time, keep keeping, k K, read func(context.Context) (V, int, error)) (V, error) {
	c.mu.Lock()
	if m := c.kept[k]; m != nil && m.good(now, keep.life) {
		c.mu.Unlock()
		select {
		case <-m.ready:
			return m.v, m.err
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
	m := &making[V]{at: now, ready: make(chan struct{}), err: errPanicked}
	c.put(k, m)
	c.mu.Unlock()

	defer c.finish(k, m, keep)
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleTimeout)
	defer cancel()
	m.v, m.size, m.err = read(within)
	return m.v, m.err
}

// errPanicked is for those who waited for somebody with a bug.
var errPanicked = errors.New("making this answer panicked")

func (m *making[V]) busy() bool {
	select {
	case <-m.ready:
		return false
	default:
		return true
	}
}

func (m *making[V]) good(now time.Time, life time.Duration) bool {
	age := now.Sub(m.at)
	return m.busy() || age >= 0 && age < life
}

func (c *shared[K, V]) put(k K, m *making[V]) {
	if c.kept == nil {
		c.kept = map[K]*making[V]{}
	}
	c.take(k)
	c.kept[k] = m
}

func (c *shared[K, V]) take(k K) {
	if old := c.kept[k]; old != nil {
		c.size -= old.size
		c.made.Remove(old.turn)
		delete(c.kept, k)
	}
}

// finish hands an answer out, and keeps it if there is room beside those that are not old.
func (c *shared[K, V]) finish(k K, m *making[V], keep keeping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(m.ready)
	c.size += m.size
	m.turn = c.made.PushBack(k)
	c.sweep(m.at, keep.life)
	if m.err != nil || c.size > keep.most {
		c.take(k)
	}
}

// maxSwept bounds for how long one answer holds up the others. Each comes with one, so that
// old ones do not gather.
const maxSwept = 64

// sweep forgets old answers, those that were made first first. One that took longer than
// the one before it may be older, and then stays until that one goes. What is of the future
// by more than an answer takes is from before the clock was set.
func (c *shared[K, V]) sweep(now time.Time, life time.Duration) {
	for range maxSwept {
		first := c.made.Front()
		if first == nil {
			return
		}
		k, _ := first.Value.(K)
		if age := now.Sub(c.kept[k].at); age < life && age >= -handleTimeout {
			return
		}
		c.take(k)
	}
}

// sameFor answers with what somebody who sees the same data got a moment ago.
func sameFor(do handler) handler {
	return func(s *Server, q *request) (any, error) {
		k := q.view.customer + "\x00" + q.URL.Path + "?" + q.args.values.Encode()
		return s.answers.get(q.Context(), s.cfg.Now(), keepAnswers, k, func(ctx context.Context) (*encoded, int, error) {
			own := *q
			own.Request = q.WithContext(ctx)
			v, err := do(s, &own)
			if err != nil {
				return nil, 0, err
			}
			e := encode(v)
			return e, len(e.plain) + len(e.packed), nil
		})
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	id, ok := strings.CutPrefix(s, prefix)
	return id, ok && id != ""
}

func cutSuffix(s, suffix string) (string, bool) {
	id, ok := strings.CutSuffix(s, suffix)
	return id, ok && id != ""
}

func trimSlash(s string) string { return strings.TrimSuffix(s, "/") }
