package query

import "errors"

// Errors that callers tell apart.
var (
	// ErrTableChanged says that somebody else has changed the table meanwhile.
	ErrTableChanged = errors.New("the table was changed by somebody else meanwhile: look at it again, and repeat")
)
