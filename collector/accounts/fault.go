package accounts

// Fault is a value that cannot be taken. It wraps ErrInvalid or ErrPassword.
type Fault struct {
	Field string // as the API names it; empty for a password, which each form names in its own way
	Word  string // what is wrong, for who translates it: a closed set, as "short"
	text  string
	of    error
}

// Error says what is wrong, in English.
func (f *Fault) Error() string { return f.of.Error() + ": " + f.text }

// Text is Error without what it is an error of.
func (f *Fault) Text() string { return f.text }

// Unwrap returns ErrInvalid or ErrPassword.
func (f *Fault) Unwrap() error { return f.of }

func invalid(field, word, text string) error { return &Fault{field, word, text, ErrInvalid} }

func unusable(word, text string) error { return &Fault{"", word, text, ErrPassword} }
