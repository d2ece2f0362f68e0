package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

// States of a session in the API.
const (
	sessionNone = "none"
	sessionTOTP = "totp" // the password was right, the code is missing
	sessionIn   = "in"
)

type session struct {
	State string `json:"state"`
	CSRF  string `json:"csrf,omitempty"`
	Me    *me    `json:"me,omitempty"` // who is in: a page that opens need not ask again

	PasswordMin int `json:"password_min"` // characters of a new password, for forms to say
}

func sessionOf(state, csrf string) session {
	return session{State: state, CSRF: csrf, PasswordMin: accounts.MinPassword}
}

// inside is the session of somebody who is logged in, with the account.
func (s *Server) inside(q *request, csrf string, p *accounts.Principal, a *accounts.Account) (any, error) {
	if !p.Can(accounts.EditSelf) {
		return nil, accounts.ErrForbidden
	}
	m, err := s.meOf(q, newView(s, p), a)
	if err != nil {
		return nil, err
	}
	out := sessionOf(sessionIn, csrf)
	out.Me = m
	return out, nil
}

func (s *Server) setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: value, Path: "/", MaxAge: age, Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (s *Server) forget(w http.ResponseWriter) { s.setCookie(w, "", -1) }

// keep hands a session to the browser.
func (s *Server) keep(q *request, l *accounts.Login) (any, error) {
	s.setCookie(q.w, l.Token, int(l.Ends.Sub(s.cfg.Now())/time.Second))
	if l.Pending {
		return sessionOf(sessionTOTP, l.CSRF), nil
	}
	a := l.Account
	return s.inside(q, l.CSRF, &accounts.Principal{Account: a.ID, Name: a.Email, Role: a.Role, Customer: a.Customer, From: q.from}, a)
}

func (s *Server) getSession(q *request) (any, error) {
	if q.token == "" {
		return sessionOf(sessionNone, ""), nil
	}
	p, err := s.cfg.Service.Still(q.Context(), q.token, q.from)
	switch {
	case errors.Is(err, accounts.ErrSecondFactor):
		return sessionOf(sessionTOTP, accounts.CSRF(q.token)), nil
	case errors.Is(err, accounts.ErrUnauthenticated):
		s.forget(q.w)
		return sessionOf(sessionNone, ""), nil
	case err != nil:
		return nil, err
	}
	a, err := s.cfg.Service.Me(q.Context(), p)
	if err != nil {
		return nil, err
	}
	return s.inside(q, accounts.CSRF(q.token), p, a)
}

func (s *Server) login(q *request) (any, error) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	l, err := s.cfg.Service.Login(q.Context(), accounts.Credentials{Email: in.Email, Password: in.Password, From: q.from, Agent: q.UserAgent()})
	if err != nil {
		return nil, err
	}
	return s.keep(q, l)
}

func (s *Server) secondFactor(q *request) (any, error) {
	var in struct {
		Code string `json:"code"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if err := s.genuine(q); err != nil {
		return nil, err
	}
	l, err := s.cfg.Service.SecondFactor(q.Context(), q.token, in.Code, q.from)
	if err != nil {
		return nil, onField(err, "code", accounts.ErrCode)
	}
	return s.keep(q, l)
}

func (s *Server) logout(q *request) (any, error) {
	if err := s.genuine(q); err != nil {
		return nil, err
	}
	if err := s.cfg.Service.Logout(q.Context(), q.token, q.from); err != nil {
		return nil, err
	}
	s.hub.end(q.token)
	s.forget(q.w)
	return nil, nil //nolint:nilnil // 204
}

// setup takes a one-time link: it makes the first account, or sets the password of one
// that an operator made.
func (s *Server) setup(q *request) (any, error) {
	var in struct {
		Token    string `json:"token"`
		Name     string `json:"name"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	purpose, email, err := s.cfg.Service.Opened(q.Context(), in.Token)
	if err != nil {
		return nil, err
	}
	if purpose == accounts.NewPassword {
		if in.Email != "" && !strings.EqualFold(strings.TrimSpace(in.Email), email) {
			return nil, wrongAs("other-account", "email", "this link is for another account")
		}
		if _, err := s.cfg.Service.SetPassword(q.Context(), in.Token, in.Password, q.from); err != nil {
			return nil, onField(err, "password", accounts.ErrPassword)
		}
		return sessionOf(sessionNone, ""), nil
	}
	n := accounts.NewAccount{Email: in.Email, Password: in.Password, Profile: accounts.Profile{Name: in.Name}}
	l, err := s.cfg.Service.FirstOperator(q.Context(), in.Token, n, q.from, q.UserAgent())
	if err != nil {
		return nil, onField(err, "password", accounts.ErrPassword)
	}
	return s.keep(q, l)
}
