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

// problem is an error as the API shows it (RFC 9457). Without a type of its own the
// title is that of the status.
type problem struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail,omitempty"`
	RetryAfter int64             `json:"retry_after_s,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"` // what is wrong with a form
}

// Error is what the asker is told.
func (p *problem) Error() string { return p.Detail }

func fault(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// wrong says what is wrong with one field of a form.
func wrong(field, detail string) *problem {
	p := fault(http.StatusUnprocessableEntity, detail)
	p.Fields = map[string]string{field: detail}
	return p
}

// onField names the field that an error of accounts is about.
func onField(err error, field string, of ...error) error {
	for _, is := range of {
		if errors.Is(err, is) {
			return wrong(field, err.Error())
		}
	}
	return err
}

// answers says which status an error has. Their texts are for the asker to read.
var answers = []struct {
	err    error
	status int
}{
	{accounts.ErrLogin, http.StatusUnauthorized},
	{accounts.ErrUnauthenticated, http.StatusUnauthorized},
	{accounts.ErrSecondFactor, http.StatusUnauthorized},
	{accounts.ErrForbidden, http.StatusForbidden},
	{accounts.ErrCode, http.StatusUnprocessableEntity},
	{accounts.ErrWrongPassword, http.StatusUnprocessableEntity},
	{accounts.ErrInvalid, http.StatusUnprocessableEntity},
	{accounts.ErrPassword, http.StatusUnprocessableEntity},
	{accounts.ErrLastOperator, http.StatusConflict},
	{accounts.ErrTwoFactorOn, http.StatusConflict},
	{accounts.ErrTwoFactorOff, http.StatusConflict},
	{accounts.ErrLink, http.StatusGone},
	{accounts.ErrBusy, http.StatusServiceUnavailable},
	{accounts.ErrNotFound, http.StatusNotFound},
	{accounts.ErrExists, http.StatusConflict},
	{accounts.ErrConflict, http.StatusConflict},
	{query.ErrNotFound, http.StatusNotFound},
	{query.ErrExists, http.StatusConflict},
	{query.ErrConflict, http.StatusConflict},
	{query.ErrTableChanged, http.StatusConflict},
	{query.ErrFull, http.StatusConflict},
	{table.ErrStaged, http.StatusConflict},
	{table.ErrOtherKey, http.StatusConflict},
	{table.ErrNoGrid, http.StatusUnprocessableEntity},
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
		p := fault(http.StatusTooManyRequests, locked.Error())
		p.RetryAfter = int64((locked.Wait + time.Second - 1) / time.Second)
		return p
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			p := fault(a.status, a.err.Error())
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
		return fault(http.StatusServiceUnavailable, "the database took too long: ask for less, or try again")
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
