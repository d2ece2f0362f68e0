// Package seldom logs what others, or a failing disk, can bring about as often as
// they like.
package seldom

import (
	"log/slog"
	"sync"
	"time"
)

// Every is the least time between two equal messages.
const Every = 10 * time.Second

// Logger logs each message at most once in Every, with the number of those that
// were left out. All of them should be counted elsewhere. It is safe for
// concurrent use.
type Logger struct {
	log  *slog.Logger
	mu   sync.Mutex       // guards said
	said map[string]*said // by message
}

type said struct {
	at   time.Time
	left int
}

// New returns a logger that writes to log.
func New(log *slog.Logger) *Logger {
	return &Logger{log: log, said: map[string]*said{}}
}

// Warn logs message, which must be a constant of the program, so that there are
// few, unless it did so less than Every before now.
func (l *Logger) Warn(now time.Time, message string, args ...any) {
	if left, due := l.due(now, message); due {
		l.log.Warn(message, more(args, left)...)
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
		x = &said{at: now.Add(-2 * Every)}
		l.said[message] = x
	}
	if now.Sub(x.at) < Every {
		x.left++
		return 0, false
	}
	left = x.left
	x.at, x.left = now, 0
	return left, true
}

func more(args []any, left int) []any {
	if left == 0 {
		return args
	}
	return append(args, "more_like_this", left)
}
