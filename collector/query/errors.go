package query

import "errors"

// Errors that callers tell apart.
var (
	// ErrTableChanged says that somebody else has changed the table meanwhile.
	ErrTableChanged = errors.New("the table was changed by somebody else meanwhile: look at it again, and repeat")

	ErrNotFound = errors.New("there is no such entry")
	ErrExists   = errors.New("there is one already")
	ErrConflict = errors.New("it was changed by somebody else meanwhile: look at it again, and repeat")
	ErrFull     = errors.New("there are too many already")
)
