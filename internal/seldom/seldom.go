// Package seldom logs what others, or a failing disk, can bring about as often as
// they like.
package seldom

import (
	"log/slog"
	"sync"
	"time"
)

// Every is the least time between two equal messages at first. It doubles with each
// that follows, up to Most, and is as at first after Most without any.
const (
	Every = 10 * time.Second
	Most  = 10 * time.Minute
)

// Logger logs each message once in Every to Most, with the number of those that were
// left out. All of them should be counted elsewhere. It is safe for concurrent use.
type Logger struct {
	log  *slog.Logger
	mu   sync.Mutex       // guards said
	said map[string]*said // by message
}

type said struct {
	at   time.Time
	wait time.Duration // until it may be said again
	left int
}

// New returns a logger that writes to log.
func New(log *slog.Logger) *Logger {
	return &Logger{log: log, said: map[string]*said{}}
}

// Warn logs message, which must be a constant of the program, so that there are
// few, unless it did so just before now.
func (l *Logger) Warn(now time.Time, message string, args ...any) {
	if left, due := l.due(now, message); due {
		l.log.Warn(message, more(args, left)...)
	}
}

// Info is Warn for what may be all right.
func (l *Logger) Info(now time.Time, message string, args ...any) {
	if left, due := l.due(now, message); due {
		l.log.Info(message, more(args, left)...)
	}
}

// Error is Warn for what somebody has to look after.
func (l *Logger) Error(now time.Time, message string, args ...any) {
	if left, due := l.due(now, message); due {
		l.log.Error(message, more(args, left)...)
	}
}

// due reports whether message is to be logged, and how often it was left out.
func (l *Logger) due(now time.Time, message string) (left int, yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.said[message]
	if x == nil {
		x = &said{}
		l.said[message] = x
	}
	gone := now.Sub(x.at)
	if x.wait > 0 && gone < x.wait {
		x.left++
		return 0, false
	}
	if x.wait == 0 || gone > x.wait+Most {
		x.wait = Every / 2
	}
	left = x.left
	x.at, x.wait, x.left = now, min(2*x.wait, Most), 0
	return left, true
}

func more(args []any, left int) []any {
	if left == 0 {
		return args
	}
	return append(args, "more_like_this", left)
}

// Repeats is for what is tried again and again and fails as before: that is said
// when it changes, or after Most. The zero value has said nothing. It is not safe for
// concurrent use.
type Repeats struct {
	what string
	at   time.Time
}

// Again reports whether what was said last, less than Most before now. If not, what
// counts as said now.
func (r *Repeats) Again(now time.Time, what string) bool {
	if what == r.what && now.Sub(r.at) < Most {
		return true
	}
	r.what, r.at = what, now
	return false
}
