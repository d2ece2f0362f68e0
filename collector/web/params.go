package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of lists.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxText      = 256     // bytes of a parameter
	maxUnix      = 1 << 33 // seconds: a time beyond is a mistake in units
)

// args are the parameters of a request. The first mistake is kept, so that a handler
// asks once.
type args struct {
	values url.Values
	err    error
}

// parseArgs refuses what the route does not know, and what comes twice: a parameter that
// is silently ignored shows more than was asked for.
func parseArgs(raw string, known []string) (*args, error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "the query cannot be read")
	}
	for name, list := range v {
		if !slices.Contains(known, name) {
			return nil, fault(http.StatusBadRequest, fmt.Sprintf("there is no parameter %.64q here; there are: %s", name, strings.Join(known, ", ")))
		}
		if len(list) > 1 {
			return nil, fault(http.StatusBadRequest, fmt.Sprintf("the parameter %s comes %d times", name, len(list)))
		}
	}
	return &args{values: v}, nil
}

func (a *args) fail(name, detail string) {
	if a.err == nil {
		a.err = fault(http.StatusBadRequest, "the parameter "+name+" "+detail)
	}
}

func (a *args) text(name string) string {
	s := a.values.Get(name)
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		a.fail(name, fmt.Sprintf("has more than %d bytes, or some that do not print", maxText))
		return ""
	}
	return s
}

// word is one of some words; the first one when it was not given.
func (a *args) word(name string, words ...string) string {
	s := a.values.Get(name)
	switch {
	case s == "":
		return words[0]
	case slices.Contains(words, s):
		return s
	}
	a.fail(name, "must be one of "+strings.Join(words, ", "))
	return words[0]
}

// number is within [least, most]; otherwise when it was not given.
func (a *args) number(name string, otherwise, least, most int64) int64 {
	s := a.values.Get(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		a.fail(name, fmt.Sprintf("must be a number from %d to %d", least, most))
		return otherwise
	}
	return n
}

func (a *args) limit() int { return int(a.number("limit", defaultLimit, 1, maxLimit)) }

// flag is nil when it was not given.
func (a *args) flag(name string) *bool {
	switch s := a.values.Get(name); s {
	case "":
		return nil
	case "true", "false":
		return new(s == "true")
	}
	a.fail(name, "must be true or false")
	return nil
}

// times reads from and to in Unix milliseconds; to 0 is no end.
func (a *args) times() (from, to int64) {
	from = a.number("from", 0, 0, maxUnix*1000)
	to = a.number("to", 0, 0, maxUnix*1000)
	if to != 0 && to <= from {
		a.fail("to", "must be later than from")
	}
	return from, to
}

// A place is where a list goes on, or one entry of it. It is opaque to the asker, and
// believed no further than a filter: whose rows they are is for the view to say.
func sealPlace(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var errPlace = errors.New("is not one that was given out here")

func openPlace(s string, to any) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > 4*maxText || json.Unmarshal(b, to) != nil {
		return errPlace
	}
	return nil
}
