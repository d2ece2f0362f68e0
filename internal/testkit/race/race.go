// Package race lets tests do less while the race detector watches, which makes
// them ten times slower. It is for sizes and rounds that no race depends on: never
// for what a test checks.
package race

// Of returns all without the race detector, and watched with it.
func Of[T any](all, watched T) T {
	if On {
		return watched
	}
	return all
}
