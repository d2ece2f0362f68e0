package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
)

// problem is an error as the API shows it (RFC 9457). Its type ends in a word that the
// pages have a text for in every language; without one the title is that of the status.
type problem struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail,omitempty"`
	RetryAfter int64             `json:"retry_after_s,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"` // what is wrong with a form
	Words      map[string]string `json:"words,omitempty"`  // the same, for who translates it; not of all fields

	Values map[string]map[string]string `json:"values,omitempty"` // of a field, what its sentence names
}

// Error is what the asker is told.
func (p *problem) Error() string { return p.Detail }

// typed is what a problem's type is, before its word. The description of the API lists them.
const typed = apiPrefix + "/openapi.yaml#"

func fault(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// faultOf is a fault that the pages know by a word.
func faultOf(word string, status int, detail string) *problem {
	p := fault(status, detail)
	if word != "" {
		p.Type = typed + word
	}
	return p
}

// wrong says what is wrong with one field of a form.
func wrong(field, detail string) *problem {
	p := fault(http.StatusUnprocessableEntity, detail)
	p.Fields = map[string]string{field: detail}
	return p
}

// wrongAs is wrong with a word that the pages have a text for.
func wrongAs(word, field, detail string) *problem {
	p := wrong(field, detail)
	p.Words = map[string]string{field: word}
	return p
}

// refusedOn says for which field of a form numbers were not given or taken.
func refusedOn(field string, err error) *problem {
	p := wrong(field, err.Error())
	var r *table.Refused
	if errors.As(err, &r) {
		p.named(r.Word, field, r.Values)
	}
	return p
}

// named gives a field's sentence its word, and what it names.
func (p *problem) named(word, field string, values map[string]string) {
	p.Words, p.Values = map[string]string{field: word}, map[string]map[string]string{field: values}
}

// onField names the field that an error of accounts is about.
func onField(err error, field string, of ...error) error {
	for _, is := range of {
		if !errors.Is(err, is) {
			continue
		}
		p := wrong(field, err.Error())
		word := wordOf(is)
		var f *accounts.Fault
		if errors.As(err, &f) {
			p.Type, p.Fields[field] = typed+word, f.Text()
			word = f.Word
		}
		p.Words = map[string]string{field: word}
		return p
	}
	return err
}

// answers says which status and word an error has. Their texts are for the asker to read.
var answers = []struct {
	err    error
	status int
	word   string
}{
	{accounts.ErrLogin, http.StatusUnauthorized, "bad-credentials"},
	{accounts.ErrUnauthenticated, http.StatusUnauthorized, "logged-out"},
	{accounts.ErrSecondFactor, http.StatusUnauthorized, "code-missing"},
	{accounts.ErrForbidden, http.StatusForbidden, "forbidden"},
	{accounts.ErrCode, http.StatusUnprocessableEntity, "bad-code"},
	{accounts.ErrWrongPassword, http.StatusUnprocessableEntity, "bad-password"},
	{accounts.ErrInvalid, http.StatusUnprocessableEntity, ""}, // its text says what
	{accounts.ErrPassword, http.StatusUnprocessableEntity, "weak-password"},
	{accounts.ErrLastOperator, http.StatusConflict, "last-operator"},
	{accounts.ErrTwoFactorOn, http.StatusConflict, "two-factor-on"},
	{accounts.ErrTwoFactorOff, http.StatusConflict, "two-factor-off"},
	{accounts.ErrLink, http.StatusGone, "bad-token"},
	{accounts.ErrBusy, http.StatusServiceUnavailable, "busy"},
	{ErrBusy, http.StatusServiceUnavailable, "busy"},
	{accounts.ErrNotFound, http.StatusNotFound, "not-found"},
	{accounts.ErrExists, http.StatusConflict, "taken"},
	{accounts.ErrConflict, http.StatusConflict, "conflict"},
	{accounts.ErrFull, http.StatusConflict, "full"},
	{query.ErrNotFound, http.StatusNotFound, "not-found"},
	{query.ErrExists, http.StatusConflict, "exists"},
	{query.ErrConflict, http.StatusConflict, "conflict"},
	{query.ErrTableChanged, http.StatusConflict, "conflict"},
	{query.ErrFull, http.StatusConflict, "full"},
	{table.ErrStaged, http.StatusConflict, "staged"},
	{table.ErrOtherKey, http.StatusConflict, "other-key"},
	{table.ErrNoGrid, http.StatusUnprocessableEntity, "no-grid"},
}

func wordOf(err error) string {
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.word
		}
	}
	return ""
}

// asProblem says what the asker is told of an error; nil for what is none of its
// business.
func asProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var locked *accounts.LockedError
	if errors.As(err, &locked) {
		p := faultOf("locked", http.StatusTooManyRequests, locked.Error())
		p.RetryAfter = int64((locked.Wait + time.Second - 1) / time.Second)
		return p
	}
	var f *accounts.Fault
	if errors.As(err, &f) && f.Field != "" {
		return wrongAs(f.Word, f.Field, f.Text())
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			p := faultOf(a.word, a.status, a.err.Error())
			if a.status == http.StatusUnprocessableEntity {
				p.Detail = err.Error() // says which value
			}
			if a.status == http.StatusServiceUnavailable {
				p.RetryAfter = 1
			}
			return p
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return faultOf("slow", http.StatusServiceUnavailable, "the database took too long: ask for less, or try again")
	}
	return nil
}

// fail answers with an error, and counts it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := asProblem(err)
	switch {
	case p == nil && r.Context().Err() != nil:
		return // the asker is gone: nobody to tell, and nothing that went wrong here
	case p == nil:
		s.count.failed.Add(1)
		s.seldom.Error(s.cfg.Now(), "a page of the API failed", "method", r.Method, "path", r.URL.Path, "error", err)
		p = fault(http.StatusInternalServerError, "the collector's log says more")
	case p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden:
		s.count.refused.Add(1)
	case p.Status >= http.StatusInternalServerError:
		s.count.failed.Add(1)
	default:
		s.count.bad.Add(1)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(p.RetryAfter, 10))
	}
	write(w, r, p.Status, "application/problem+json", p)
}
