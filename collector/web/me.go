package web

import (
	"strings"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

type me struct {
	ID           string   `json:"id"`
	Email        string   `json:"email"`
	Role         string   `json:"role"`
	Customer     string   `json:"customer"`
	Name         string   `json:"name"`
	Phone        string   `json:"phone"`
	Mobile       string   `json:"mobile"`
	Department   string   `json:"department"`
	Language     string   `json:"language"`
	TimeZone     string   `json:"time_zone"`
	TOTP         bool     `json:"totp"`
	RecoveryLeft int      `json:"recovery_left"`
	Balance      *balance `json:"balance,omitempty"`
}

func (s *Server) meOf(q *request, v *view, a *accounts.Account) (*me, error) {
	m := &me{ID: a.ID, Email: a.Email, Role: a.Role.String(), Customer: a.Customer, Name: a.Profile.Name, Phone: a.Profile.Phone,
		Mobile: a.Profile.Mobile, Department: a.Profile.Department, Language: a.Profile.Language, TimeZone: a.Profile.TimeZone,
		TOTP: a.TwoFactor(), RecoveryLeft: len(a.Recovery)}
	if m.Language == "" {
		m.Language = "en"
		if strings.HasPrefix(strings.ToLower(q.Header.Get("Accept-Language")), "de") {
			m.Language = "de"
		}
	}
	if m.TimeZone == "" {
		m.TimeZone = "UTC"
	}
	if a.Customer != "" {
		err := v.balances(q.Context(), func(b *query.Balance) error {
			m.Balance = new(balanceOf(b))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (s *Server) getMe(q *request) (any, error) {
	a, err := s.cfg.Service.Me(q.Context(), q.who)
	if err != nil {
		return nil, err
	}
	return s.meOf(q, q.view, a)
}

func (s *Server) patchMe(q *request) (any, error) {
	var in struct {
		Name       *string `json:"name"`
		Phone      *string `json:"phone"`
		Mobile     *string `json:"mobile"`
		Department *string `json:"department"`
		Language   *string `json:"language"`
		TimeZone   *string `json:"time_zone"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	a, err := s.cfg.Service.Me(q.Context(), q.who)
	if err != nil {
		return nil, err
	}
	f := a.Profile
	for _, x := range []struct{ from, to *string }{{in.Name, &f.Name}, {in.Phone, &f.Phone}, {in.Mobile, &f.Mobile},
		{in.Department, &f.Department}, {in.Language, &f.Language}, {in.TimeZone, &f.TimeZone}} {
		if x.from != nil {
			*x.to = strings.TrimSpace(*x.from)
		}
	}
	if in.Language != nil && f.Language != "en" && f.Language != "de" {
		return nil, wrongAs("language", "language", "there are en and de")
	}
	if a, err = s.cfg.Service.UpdateProfile(q.Context(), q.who, f); err != nil {
		return nil, err
	}
	return s.meOf(q, q.view, a)
}

// putPassword ends all other sessions; this one goes on.
func (s *Server) putPassword(q *request) (any, error) {
	var in struct {
		Current string `json:"current"`
		New     string `json:"new"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if err := s.cfg.Service.ChangePassword(q.Context(), q.who, in.Current, in.New); err != nil {
		return nil, onField(onField(err, "current", accounts.ErrWrongPassword), "new", accounts.ErrPassword)
	}
	a, err := s.cfg.Service.Me(q.Context(), q.who)
	if err != nil {
		return nil, err
	}
	return s.inside(q, accounts.CSRF(q.token), q.who, a)
}

func (s *Server) beginTOTP(q *request) (any, error) {
	secret, url, err := s.cfg.Service.StartTwoFactor(q.Context(), q.who)
	if err != nil {
		return nil, err
	}
	return struct {
		Secret string `json:"secret"`
		URI    string `json:"uri"`
	}{secret, url}, nil
}

type recoveryCodes struct {
	Codes []string `json:"codes"`
}

func (s *Server) confirmTOTP(q *request) (any, error) {
	var in struct {
		Code string `json:"code"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	codes, err := s.cfg.Service.ConfirmTwoFactor(q.Context(), q.who, in.Code)
	if err != nil {
		return nil, onField(err, "code", accounts.ErrCode)
	}
	s.checks.drop()
	return recoveryCodes{codes}, nil
}

// password reads a body that has a password only.
func password(q *request) (string, error) {
	var in struct {
		Password string `json:"password"`
	}
	err := q.body(&in)
	return in.Password, err
}

func (s *Server) disableTOTP(q *request) (any, error) {
	p, err := password(q)
	if err != nil {
		return nil, err
	}
	s.checks.drop()
	return nil, onField(s.cfg.Service.DisableTwoFactor(q.Context(), q.who, p), "password", accounts.ErrWrongPassword)
}

func (s *Server) newRecovery(q *request) (any, error) {
	p, err := password(q)
	if err != nil {
		return nil, err
	}
	codes, err := s.cfg.Service.NewRecoveryCodes(q.Context(), q.who, p)
	if err != nil {
		return nil, onField(err, "password", accounts.ErrWrongPassword)
	}
	return recoveryCodes{codes}, nil
}
