// Package virtual moves the clock of a test in a testing/synctest bubble: of
// what depends on time, minutes pass in no time and always alike.
package virtual

import (
	"testing/synctest"
	"time"
)

// Pass lets d pass, and returns when all that it set off has come to rest. Only
// one goroutine of a bubble may call it at a time.
func Pass(d time.Duration) {
	synctest.Wait() // what has begun already belongs to the time before
	<-time.After(d)
	synctest.Wait()
}
