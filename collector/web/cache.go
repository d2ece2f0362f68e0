package web

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sipward/sipward/collector/query"
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

// drawn keeps graphs for a moment: the four of a page are made of the same counters, and
// those change once a minute.
type drawn struct {
	mu   sync.Mutex // guards what follows
	kept map[query.SeriesFilter]drawing
}

type drawing struct {
	at     time.Time
	series *query.Series // nobody changes it
}

const (
	drawnLife = 5 * time.Second
	maxDrawn  = 200_000 // points that are kept
)

func (d *drawn) series(ctx context.Context, s *Server, f query.SeriesFilter) (*query.Series, error) {
	now := s.cfg.Now()
	d.mu.Lock()
	x, ok := d.kept[f]
	d.mu.Unlock()
	if age := now.Sub(x.at); ok && age >= 0 && age < drawnLife {
		return x.series, nil
	}
	out, err := s.cfg.Reads.Series(ctx, f)
	if err != nil {
		return nil, err
	}
	d.keep(f, drawing{now, out})
	return out, nil
}

// keep makes room by what is old, and keeps nothing that is larger than the room.
func (d *drawn) keep(f query.SeriesFilter, x drawing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = map[query.SeriesFilter]drawing{}
	}
	points := len(x.series.Points)
	for k, old := range d.kept {
		if x.at.Sub(old.at) >= drawnLife {
			delete(d.kept, k)
			continue
		}
		points += len(old.series.Points)
	}
	if points <= maxDrawn {
		d.kept[f] = x
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
