//go:build race

package parse

// Under the race detector a sync.Pool forgets a quarter of what it is given.
const forgetful = 1.25
