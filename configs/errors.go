package configs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Error is one problem in a configuration file.
type Error struct {
	File    string
	Line    int // from 1
	Problem string
}

// Error prints file:line: problem.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem) }

// Problems are those of one file, by their lines; one at least.
type Problems []error

// maxErrors is how many problems of a file are named: one wrong line of a large
// table can have thousands.
const maxErrors = 100

// Error has a line for each problem.
func (p Problems) Error() string {
	more := len(p) - maxErrors
	text := errors.Join(p[:min(len(p), maxErrors)]...).Error()
	if more > 0 {
		text += fmt.Sprintf("\nand %d problems more", more)
	}
	return text
}

// Unwrap returns each problem.
func (p Problems) Unwrap() []error { return p }

// inOrder joins problems by their lines.
func inOrder(errs []error) Problems {
	slices.SortStableFunc(errs, func(a, b error) int {
		var x, y *Error
		if errors.As(a, &x) && errors.As(b, &y) {
			return x.Line - y.Line
		}
		return 0
	})
	return errs
}

// suggestion names the known key that was probably meant, or else all.
func suggestion(key string, fields map[string]int) string {
	known := slices.Sorted(maps.Keys(fields))
	best, distance := "", 3
	for _, k := range known {
		if d := edits(strings.ToLower(key), k); d < distance || d == distance-1 && strings.HasPrefix(k, key[:1]) {
			best, distance = k, d
		}
		if len(key) > 2 && (strings.HasPrefix(k, key) || strings.HasPrefix(key, k)) {
			best, distance = k, 0
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; known are " + keysOf(fields)
}

func keysOf(fields map[string]int) string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

// edits is the Levenshtein distance of two keys, two neighbours swapped being
// one edit.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
