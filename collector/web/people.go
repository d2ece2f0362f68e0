package web

import (
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

type account struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	Customer  string `json:"customer"`
	TOTP      bool   `json:"totp"`
	Disabled  bool   `json:"disabled"`
	Locked    int64  `json:"locked_until_unix_ms"`
	LastLogin int64  `json:"last_login_unix_ms"`
}

func (s *Server) accountOf(a *accounts.Account) account {
	x := account{ID: a.ID, Email: a.Email, Name: a.Profile.Name, Role: a.Role.String(), Customer: a.Customer, TOTP: a.TwoFactor(),
		Disabled: a.Disabled, LastLogin: a.LastLoginUnixMs}
	if until := s.cfg.Service.LockedUntil(a); !until.IsZero() {
		x.Locked = until.UnixMilli()
	}
	return x
}

func (s *Server) listAccounts(q *request) (any, error) {
	limit := q.args.limit()
	f := accounts.AccountFilter{Limit: limit + 1}
	if after := q.args.values.Get("after"); after != "" && openPlace(after, &f.After) != nil {
		q.args.fail("after", errPlace.Error())
	}
	if q.args.err != nil {
		return nil, q.args.err
	}
	all, err := s.cfg.Service.List(q.Context(), q.who, f)
	if err != nil {
		return nil, err
	}
	out := page[account]{Items: []account{}}
	for i, a := range all {
		if i == limit {
			out.Next = sealPlace(all[i-1].Email)
			break
		}
		out.Items = append(out.Items, s.accountOf(a))
	}
	return out, nil
}

// role reads a role, which must come.
func role(word string) (accounts.Role, error) {
	r, err := accounts.ParseRole(word)
	if err != nil {
		return 0, wrongAs("role", "role", err.Error())
	}
	return r, nil
}

type accountMade struct {
	Account account `json:"account"`
	Link    string  `json:"link"`
}

// link is what a person opens to set a password.
func (s *Server) link(q *request, l *accounts.Issued) string {
	if l == nil {
		return ""
	}
	if s.public == nil {
		scheme := "http://"
		if s.secure {
			scheme = "https://"
		}
		return scheme + q.Host + "/#/setup/" + l.Token
	}
	return s.Link(l.Token)
}

func (s *Server) addAccount(q *request) (any, error) {
	var in struct {
		Email    string `json:"email"`
		Name     string `json:"name"`
		Role     string `json:"role"`
		Customer string `json:"customer"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	r, err := role(in.Role)
	if err != nil {
		return nil, err
	}
	n := accounts.NewAccount{Email: in.Email, Role: r, Customer: in.Customer, Profile: accounts.Profile{Name: in.Name}}
	a, l, err := s.cfg.Service.Create(q.Context(), q.who, n)
	if err != nil {
		return nil, onField(err, "email", accounts.ErrExists)
	}
	s.checks.drop()
	return accountMade{s.accountOf(a), s.link(q, l)}, nil
}

func (s *Server) changeAccount(q *request) (any, error) {
	var in struct {
		Email     *string `json:"email"`
		Name      *string `json:"name"`
		Role      *string `json:"role"`
		Customer  *string `json:"customer"`
		Disabled  *bool   `json:"disabled"`
		ResetTOTP bool    `json:"reset_totp"`
		Unlock    bool    `json:"unlock"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	c := accounts.Change{Email: in.Email, Customer: in.Customer, Disabled: in.Disabled}
	if in.Role != nil {
		r, err := role(*in.Role)
		if err != nil {
			return nil, err
		}
		c.Role = &r
	}
	id := q.PathValue("id")
	before, err := s.cfg.Service.Get(q.Context(), q.who, id)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		c.Profile = new(before.Profile)
		c.Profile.Name = *in.Name
	}
	a := before
	if c != (accounts.Change{}) {
		if a, err = s.cfg.Service.Update(q.Context(), q.who, id, c); err != nil {
			return nil, onField(err, "email", accounts.ErrExists)
		}
	}
	if in.ResetTOTP && before.TwoFactor() {
		if err := s.cfg.Service.ResetTwoFactor(q.Context(), q.who, id); err != nil {
			return nil, err
		}
		a.TOTP = ""
	}
	if in.Unlock {
		if err := s.cfg.Service.Unlock(q.Context(), q.who, id); err != nil {
			return nil, err
		}
	}
	s.checks.drop()
	return s.accountOf(a), nil
}

func (s *Server) removeAccount(q *request) (any, error) {
	s.checks.drop()
	return nil, s.cfg.Service.Remove(q.Context(), q.who, q.PathValue("id"))
}

// linkAccount makes a new link to set a password with.
func (s *Server) linkAccount(q *request) (any, error) {
	id := q.PathValue("id")
	a, err := s.cfg.Service.Get(q.Context(), q.who, id)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Service.ResetPassword(q.Context(), q.who, id)
	if err != nil {
		return nil, err
	}
	return accountMade{s.accountOf(a), s.link(q, l)}, nil
}

type token struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Customer string `json:"customer"`
	Made     int64  `json:"made_unix_ms"`
	Expires  int64  `json:"expires_unix_ms"`
	LastUsed int64  `json:"last_used_unix_ms"`
}

func tokenOf(t *accounts.Token) token {
	return token{t.ID, t.Name, t.Role.String(), t.Customer, t.CreatedUnixMs, t.ExpiresUnixMs, t.UsedUnixMs}
}

func (s *Server) listTokens(q *request) (any, error) {
	all, err := s.cfg.Service.Tokens(q.Context(), q.who)
	out := page[token]{Items: []token{}}
	for _, t := range all {
		out.Items = append(out.Items, tokenOf(t))
	}
	return out, err
}

func (s *Server) addToken(q *request) (any, error) {
	var in struct {
		Name     string `json:"name"`
		Role     string `json:"role"`
		Customer string `json:"customer"`
		Expires  int64  `json:"expires_unix_ms"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	r, err := role(in.Role)
	if err != nil {
		return nil, err
	}
	plain, t, err := s.cfg.Service.CreateToken(q.Context(), q.who, accounts.NewToken{Name: in.Name, Role: r, Customer: in.Customer, Expires: time.UnixMilli(in.Expires)})
	if err != nil {
		return nil, err
	}
	return struct {
		Token  token  `json:"token"`
		Secret string `json:"secret"`
	}{tokenOf(t), plain}, nil
}

func (s *Server) removeToken(q *request) (any, error) {
	return nil, s.cfg.Service.RemoveToken(q.Context(), q.who, q.PathValue("id"))
}

type auditRow struct {
	ID      string `json:"id"`
	At      int64  `json:"at_unix_ms"`
	Who     string `json:"who"`
	Address string `json:"address"`
	Action  string `json:"action"`
	Object  string `json:"object"`
	Detail  string `json:"detail"`
}

func (s *Server) audit(q *request) (any, error) {
	a := q.args
	limit := a.limit()
	f := query.AuditFilter{Name: a.text("who"), Action: a.text("action"), Target: a.text("object"), Limit: limit + 1}
	f.FromUnixMs, f.ToUnixMs = a.times()
	if after := a.values.Get("after"); after != "" && (openPlace(after, &f.Before) != nil || f.Before <= 0) {
		a.fail("after", errPlace.Error())
	}
	if a.err != nil {
		return nil, a.err
	}
	out := page[auditRow]{Items: []auditRow{}}
	var last int64
	err := s.cfg.Desk.AuditRows(q.Context(), f, func(r *query.AuditRow) error {
		if len(out.Items) == limit {
			out.Next = sealPlace(last)
			return nil
		}
		last = r.ID
		out.Items = append(out.Items, auditRow{sealPlace(r.ID), r.AtUnixMs, r.Name, r.From, r.Action, r.Target, r.Detail})
		return nil
	})
	return out, err
}
