package ingest

import (
	"log/slog"
	"sync"
	"time"
)

// seldom logs what nodes can bring about: each message at most once in ten
// seconds, with the number of those that were left out. All of them are counted
// elsewhere.
type seldom struct {
	log  *slog.Logger
	mu   sync.Mutex       // guards said
	said map[string]*said // by message, which are constants of this program, so that there are few
}

type said struct {
	at   time.Time
	left int
}

const seldomEvery = 10 * time.Second

func newSeldom(log *slog.Logger) *seldom {
	return &seldom{log: log, said: map[string]*said{}}
}

func (s *seldom) warn(now time.Time, message string, args ...any) {
	s.mu.Lock()
	x := s.said[message]
	if x == nil {
		x = &said{at: now.Add(-2 * seldomEvery)}
		s.said[message] = x
	}
	if now.Sub(x.at) < seldomEvery {
		x.left++
		s.mu.Unlock()
		return
	}
	if x.left > 0 {
		args = append(args, "more_like_this", x.left)
	}
	x.at, x.left = now, 0
	s.mu.Unlock()
	s.log.Warn(message, args...)
}
