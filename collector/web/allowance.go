package web

import (
	"slices"
	"sync"
	"time"
)

// allowance bounds how often somebody may do something that costs others.
type allowance struct {
	burst  int
	window time.Duration

	mu   sync.Mutex             // guards done
	done map[string][]time.Time // within the window, by who did it
}

// take notes that somebody does it now. It returns how long to wait when that is once too
// often, and notes nothing then.
func (a *allowance) take(who string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, at := range a.done { // few accounts do this at all, so that all are looked at
		at = slices.DeleteFunc(at, func(t time.Time) bool { age := now.Sub(t); return age < 0 || age >= a.window })
		if a.done[name] = at; len(at) == 0 {
			delete(a.done, name)
		}
	}
	at := a.done[who]
	if len(at) >= a.burst {
		return a.window - now.Sub(at[0])
	}
	if a.done == nil {
		a.done = map[string][]time.Time{}
	}
	a.done[who] = append(at, now)
	return 0
}
