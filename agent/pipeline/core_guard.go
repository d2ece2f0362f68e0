package pipeline

import (
	"fmt"
	"runtime/debug"
)

// guard runs f. A panic in it is a bug of ours: it is counted, and costs no
// more than what f had still to do.
func (c *Core) guard(f func()) {
	defer c.caught()
	f()
}

func (c *Core) caught() {
	r := recover()
	if r == nil {
		return
	}
	c.stats.Panics++
	// One bug can come up with every frame; its stack is written once.
	if what := fmt.Sprint(r); what != c.stats.LastPanic {
		c.stats.LastPanic, c.stats.LastStack = what, string(debug.Stack())
	}
}
