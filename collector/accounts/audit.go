package accounts

import (
	"context"
	"strings"
	"unicode/utf8"
)

// Action names a kind of change in the audit log. Those of accounts are below;
// other parts of the collector add their own in the same form.
type Action string

// Actions of this package.
const (
	ActionSetup          Action = "account.setup"
	ActionCreate         Action = "account.create"
	ActionUpdate         Action = "account.update"
	ActionDisable        Action = "account.disable"
	ActionEnable         Action = "account.enable"
	ActionUnlock         Action = "account.unlock"
	ActionRemove         Action = "account.remove"
	ActionProfile        Action = "account.profile"
	ActionPassword       Action = "account.password"
	ActionLink           Action = "account.link"
	ActionTwoFactorOn    Action = "account.two_factor.on"
	ActionTwoFactorOff   Action = "account.two_factor.off"
	ActionRecovery       Action = "account.recovery_codes"
	ActionLogin          Action = "session.login"
	ActionLoginFailed    Action = "session.login_failed"
	ActionLogout         Action = "session.logout"
	ActionEndSessions    Action = "session.end_all"
	ActionTokenCreate    Action = "token.create"
	ActionTokenRemove    Action = "token.remove"
	maxTarget, maxDetail        = 256, 1024
)

// Record writes a change that another part of the collector made for p into
// the audit log. Detail is for people to read; the caller keeps secrets out of it.
func (s *Service) Record(ctx context.Context, p *Principal, a Action, target, detail string) error {
	return s.repo.AddEntries(ctx, []*Entry{s.entry(p, a, target, detail)})
}

func (s *Service) entry(p *Principal, a Action, target, detail string) *Entry {
	e := &Entry{AtUnixMs: s.now().UnixMilli(), Actor: p.actor(), Name: p.Name, Action: a,
		Target: cut(target, maxTarget), Detail: cut(detail, maxDetail)}
	if p.From.IsValid() {
		e.From = p.From.String()
	}
	return e
}

// cut makes a text fit for one line of the log: valid, without control
// characters, at most n bytes.
func cut(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
