package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// bound sets one of the bounds for a test.
func bound(t *testing.T, of *int, to int) {
	t.Helper()
	was := *of
	*of = to
	t.Cleanup(func() { *of = was })
}

// deskTables are what deskSchema makes.
var deskTables = []string{"accounts", "sessions", "tokens", "links", "audit", "settings", "balances", "alert_rules", "alert_events"}

func line(action accounts.Action, target string) *accounts.Entry {
	return &accounts.Entry{AtUnixMs: noon.UnixMilli(), Actor: "a1", Name: "ann@example.org", From: "192.0.2.1", Action: action, Target: target, Detail: "how\x00"}
}

func auditRows(t *testing.T, s Store, f query.AuditFilter) (out []query.AuditRow) {
	t.Helper()
	if err := s.AuditRows(ctx, f, func(r *query.AuditRow) error { out = append(out, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAudit(t *testing.T) {
	bound(t, &maxAudit, 5)
	both(t, func(t *testing.T, s Store, _ *clock) {
		for i := range 8 {
			if err := s.AddEntries(ctx, []*accounts.Entry{line(accounts.Action([]string{"rule.create", "rule", "ruler", "rule.delete"}[i%4]), fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
		}
		rows := auditRows(t, s, query.AuditFilter{})
		targets := func(f query.AuditFilter) (out string) {
			for _, r := range auditRows(t, s, f) {
				out += r.Target
			}
			return out
		}
		if got := targets(query.AuditFilter{}); got != "76543" {
			t.Errorf("kept are %s", got)
		}
		if got := targets(query.AuditFilter{Action: "rule"}); got != "7543" {
			t.Errorf("of rules: %s", got)
		}
		if got := targets(query.AuditFilter{Before: rows[1].ID, Limit: 2, Actor: "a1", Name: "ann@example.org"}); got != "54" {
			t.Errorf("a page: %s", got)
		}
		if got := targets(query.AuditFilter{Target: "6", FromUnixMs: noon.UnixMilli(), ToUnixMs: noon.UnixMilli() + 1}); got != "6" {
			t.Errorf("of one target: %s", got)
		}
		if got := targets(query.AuditFilter{FromUnixMs: noon.UnixMilli() + 1}) + targets(query.AuditFilter{Actor: "b"}); got != "" {
			t.Errorf("of nobody: %s", got)
		}
		want := query.AuditRow{ID: rows[0].ID, AtUnixMs: noon.UnixMilli(), Actor: "a1", Name: "ann@example.org", From: "192.0.2.1", Action: "rule.delete", Target: "7", Detail: "how"}
		if diff := cmp.Diff(want, rows[0]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSettings(t *testing.T) {
	bound(t, &maxSettings, 2)
	both(t, func(t *testing.T, s Store, c *clock) {
		if _, err := s.Setting(ctx, query.SettingCompany); !errors.Is(err, query.ErrNotFound) {
			t.Errorf("of an empty store: %v", err)
		}
		put := func(want error, x *query.Setting) {
			t.Helper()
			if err := s.PutSetting(ctx, x, line("company.update", x.Key)); !errors.Is(err, want) {
				t.Errorf("%+v: %v, want %v", x, err, want)
			}
		}
		x := &query.Setting{Key: query.SettingCompany, Value: []byte(`{"name":"Ünal"}`)}
		put(nil, x)
		y := *x
		y.Value = []byte(`{"name":"b"}`)
		c.t = c.t.Add(1000)
		put(nil, &y)
		put(query.ErrConflict, x) // made from version 1
		put(query.ErrConflict, &query.Setting{Key: "nothing", Value: []byte("1"), Version: 3})
		put(nil, &query.Setting{Key: query.SettingEmailTested, Value: []byte("1")})
		put(query.ErrFull, &query.Setting{Key: "third", Value: []byte("1")})
		put(query.ErrConflict, &query.Setting{Key: query.SettingEmailTested, Value: []byte("2")}) // it is there
		put(nil, &query.Setting{Key: query.SettingEmailTested, Value: []byte("2"), Version: 1})
		got, err := s.Setting(ctx, query.SettingCompany)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&y, got); diff != "" || got.Version != 2 {
			t.Errorf("%s, version %d", diff, got.Version)
		}
		if got, err := s.Setting(ctx, query.SettingEmailTested); err != nil || got.Version != 2 || string(got.Value) != "2" {
			t.Errorf("%+v, %v", got, err)
		}
		for name, x := range map[string]query.Setting{"no key": {Value: []byte("1")}, "no JSON": {Key: "a", Value: []byte("{")}, "a strange key": {Key: "a\x00", Value: []byte("1")},
			"too long": {Key: "a", Value: []byte(`"` + strings.Repeat("x", maxDocument) + `"`)}} {
			if err := s.PutSetting(ctx, &x, nil); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if n := len(auditRows(t, s, query.AuditFilter{})); n != 4 {
			t.Errorf("%d lines in the audit log; what was refused has none", n)
		}
	})
}

func balances(t *testing.T, s Store, customer string) (out []query.Balance) {
	t.Helper()
	if err := s.Balances(ctx, customer, func(b *query.Balance) error { out = append(out, *b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBalances(t *testing.T) {
	bound(t, &maxBalances, 2)
	both(t, func(t *testing.T, s Store, c *clock) {
		put := func(customer string, amount int64) error {
			return s.PutBalance(ctx, &query.Balance{Customer: customer, AmountMinor: amount, Currency: "EUR", PaymentURL: "https://pay.example.org/" + customer}, nil)
		}
		for _, err := range []error{put("b", 7), put("a", -1<<62), put("b", 8)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		ms := c.t.UnixMilli()
		want := []query.Balance{{Customer: "a", AmountMinor: -1 << 62, Currency: "EUR", PaymentURL: "https://pay.example.org/a", UpdatedUnixMs: ms},
			{Customer: "b", AmountMinor: 8, Currency: "EUR", PaymentURL: "https://pay.example.org/b", UpdatedUnixMs: ms}}
		if diff := cmp.Diff(want, balances(t, s, "")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want[1:], balances(t, s, "b")); diff != "" {
			t.Error(diff)
		}
		if err := put("c", 1); !errors.Is(err, query.ErrFull) {
			t.Errorf("a third: %v", err)
		}
		for _, b := range []query.Balance{{Currency: "EUR"}, {Customer: "a", Currency: "eur"}, {Customer: "a", Currency: "EURO"}, {Customer: "a", Currency: "EUR", PaymentURL: "x\x00"}} {
			if err := s.PutBalance(ctx, &b, nil); err == nil {
				t.Errorf("%+v is taken", b)
			}
		}
		if err := s.DeleteBalance(ctx, "a", line("balance.delete", "a")); err != nil {
			t.Error(err)
		}
		if err := s.DeleteBalance(ctx, "a", line("balance.delete", "a")); !errors.Is(err, query.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		if n := len(auditRows(t, s, query.AuditFilter{})); n != 1 || len(balances(t, s, "a")) != 0 {
			t.Errorf("%d lines in the audit log", n)
		}
	})
}

func rules(t *testing.T, s Store, id string) (out []query.Rule) {
	t.Helper()
	if err := s.Rules(ctx, id, func(r *query.Rule) error { out = append(out, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func events(t *testing.T, s Store, f query.EventFilter) (out []query.Event) {
	t.Helper()
	if err := s.Events(ctx, f, func(x *query.Event) error { out = append(out, *x); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRules(t *testing.T) {
	bound(t, &maxRules, 2)
	both(t, func(t *testing.T, s Store, c *clock) {
		reset := 0.5
		r := &query.Rule{Name: "ASR of a", Area: "asr", Kind: query.KindCustomer, Party: "a", Operator: "below", Threshold: 0.4, Reset: &reset, MinSample: 20, PeriodS: 900,
			RepeatS: 3600, Level: "critical", Mail: []string{"noc@example.org"}, Webhooks: []string{"https://example.org/hook"}}
		if err := s.PutRule(ctx, r, line("rule.create", "ASR of a")); err != nil || len(r.ID) != 32 || r.Version != 1 {
			t.Fatalf("%+v: %v", r, err)
		}
		if diff := cmp.Diff([]query.Rule{*r}, rules(t, s, r.ID)); diff != "" {
			t.Error(diff)
		}
		old := *r
		r.Threshold, r.Disabled = 0.3, true
		c.t = c.t.Add(1e9)
		if err := s.PutRule(ctx, r, nil); err != nil || r.Version != 2 || r.UpdatedUnixMs != c.t.UnixMilli() {
			t.Fatalf("%+v: %v", r, err)
		}
		if err := s.PutRule(ctx, &old, nil); !errors.Is(err, query.ErrConflict) || old.Version != 1 {
			t.Errorf("from version 1: %v", err)
		}
		other := &query.Rule{Name: "any node", Area: "node_down", Level: "warning"}
		if err := s.PutRule(ctx, other, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.PutRule(ctx, &query.Rule{}, nil); !errors.Is(err, query.ErrFull) {
			t.Errorf("a third: %v", err)
		}
		if err := s.RaiseEvent(ctx, &query.Event{Rule: r.ID, RaisedUnixMs: 5}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteRule(ctx, r.ID, 1, line("rule.delete", "")); !errors.Is(err, query.ErrConflict) || len(events(t, s, query.EventFilter{Open: true})) != 1 {
			t.Errorf("of version 1: %v", err)
		}
		if err := s.DeleteRule(ctx, r.ID, 2, line("rule.delete", "")); err != nil || len(events(t, s, query.EventFilter{Open: true})) != 0 {
			t.Error(err)
		}
		if diff := cmp.Diff([]query.Rule{*other}, rules(t, s, "")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEvents(t *testing.T) {
	bound(t, &maxEvents, 6)
	both(t, func(t *testing.T, s Store, c *clock) {
		half := 0.5
		raise := func(rule, party string, ms int64) *query.Event {
			t.Helper()
			x := &query.Event{Rule: rule, RuleName: "r", Level: "warning", Kind: query.KindCarrier, Party: party, Node: "sw1", RaisedUnixMs: ms, Num: 1, Den: 2, Value: &half, Threshold: 0.6, Text: "ASR 50 %", Area: "asr", Operator: "below"}
			if err := s.RaiseEvent(ctx, x); err != nil {
				t.Fatal(err)
			}
			return x
		}
		a, b := raise("r1", "x", 10), raise("r1", "y", 20)
		if err := s.RaiseEvent(ctx, &query.Event{Rule: "r1", Kind: query.KindCarrier, Party: "x", Node: "sw1", RaisedUnixMs: 30}); !errors.Is(err, query.ErrExists) {
			t.Errorf("a second time: %v", err)
		}
		if diff := cmp.Diff([]query.Event{*b, *a}, events(t, s, query.EventFilter{Open: true, Unacked: true})); diff != "" {
			t.Error(diff)
		}
		if err := s.AckEvent(ctx, a.ID, "ann", line("alert.ack", a.ID)); err != nil {
			t.Error(err)
		}
		if err := s.AckEvent(ctx, a.ID, "bob", line("alert.ack", a.ID)); !errors.Is(err, query.ErrConflict) {
			t.Errorf("by two: %v", err)
		}
		if err := s.AckEvent(ctx, "none", "bob", nil); !errors.Is(err, query.ErrNotFound) {
			t.Errorf("of none: %v", err)
		}
		if got := events(t, s, query.EventFilter{Unacked: true}); len(got) != 1 || got[0].ID != b.ID {
			t.Errorf("not acked are %+v", got)
		}
		a.Value, a.ClearedUnixMs, a.Level, a.SentUnixMs = nil, 40, "critical", 41
		if err := s.UpdateEvent(ctx, a); err != nil {
			t.Error(err)
		}
		if err := s.UpdateEvent(ctx, a); !errors.Is(err, query.ErrNotFound) {
			t.Errorf("of one that is over: %v", err)
		}
		a.AckedUnixMs, a.AckedBy = c.t.UnixMilli(), "ann"
		if diff := cmp.Diff([]query.Event{*a}, events(t, s, query.EventFilter{ID: a.ID})); diff != "" {
			t.Error(diff)
		}
		raise("r1", "x", 50) // again
		var page []int64
		for after := (*query.EventPosition)(nil); ; {
			list := events(t, s, query.EventFilter{After: after, Limit: 1, Kind: query.KindCarrier, Rule: "r1"})
			if len(list) == 0 {
				break
			}
			page = append(page, list[0].RaisedUnixMs)
			after = &query.EventPosition{RaisedUnixMs: list[0].RaisedUnixMs, ID: list[0].ID}
		}
		if !slices.Equal(page, []int64{50, 20, 10}) {
			t.Errorf("on pages are %v", page)
		}
		for i := range 5 {
			x := raise("r2", "x", int64(60+i))
			if x.ClearedUnixMs = 100; i < 4 {
				if err := s.UpdateEvent(ctx, x); err != nil {
					t.Fatal(err)
				}
			}
		}
		var kept []int64
		for _, x := range events(t, s, query.EventFilter{}) {
			kept = append(kept, x.RaisedUnixMs)
		}
		if !slices.Equal(kept, []int64{64, 63, 62, 61, 50, 20}) { // what is open stays, the oldest others go
			t.Errorf("kept are %v", kept)
		}
	})
}

// TestOneMakes: of several that make the same setting at once, one does.
func TestOneMakes(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		var group sync.WaitGroup
		var made atomic.Int64
		for range 8 {
			group.Go(func() {
				switch err := s.PutSetting(ctx, &query.Setting{Key: query.SettingFirstRules, Value: []byte("true")}, nil); {
				case err == nil:
					made.Add(1)
				case !errors.Is(err, query.ErrConflict):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if made.Load() != 1 {
			t.Errorf("made %d times", made.Load())
		}
	})
}

// TestOneRaises: of several that find the same at once, one raises the alert.
func TestOneRaises(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		var group sync.WaitGroup
		var raised atomic.Int64
		for range 8 {
			group.Go(func() {
				switch err := s.RaiseEvent(ctx, &query.Event{Rule: "r", RaisedUnixMs: 1}); {
				case err == nil:
					raised.Add(1)
				case !errors.Is(err, query.ErrExists):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if raised.Load() != 1 || len(events(t, s, query.EventFilter{})) != 1 {
			t.Errorf("raised %d times", raised.Load())
		}
	})
}

func TestForgetCustomer(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		for _, customer := range []string{"a", "b"} {
			x := anAccount(customer, accounts.Customer)
			x.Customer = customer
			must(t, s.AddAccount(ctx, x, nil))
			must(t, s.AddSession(ctx, &accounts.Session{Hash: digestOf(customer), Account: x.ID, SecondFactor: accounts.NotAsked}, 5))
			must(t, s.AddLink(ctx, &accounts.Link{Hash: digestOf(customer), Purpose: accounts.NewPassword, Account: x.ID}, nil))
			must(t, s.AddToken(ctx, &accounts.Token{ID: customer, Hash: digestOf(customer), Role: accounts.Customer, Customer: customer}, nil))
			must(t, s.PutBalance(ctx, &query.Balance{Customer: customer, Currency: "EUR"}, nil))
			must(t, s.PutRule(ctx, &query.Rule{Kind: query.KindCustomer, Party: customer}, nil))
			must(t, s.RaiseEvent(ctx, &query.Event{Rule: customer, Kind: query.KindCustomer, Party: customer}))
		}
		must(t, s.RaiseEvent(ctx, &query.Event{Kind: query.KindCarrier, Party: "a"}))
		got, err := s.ForgetCustomer(ctx, "a", line("customer.forget", "a"))
		if want := (query.Forgotten{Accounts: 1, Tokens: 1, Balances: 1, Rules: 1, Events: 1}); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.ForgetCustomer(ctx, "", nil); err == nil {
			t.Error("nobody is forgotten")
		}
		for customer, want := range map[string]error{"a": accounts.ErrNotFound, "b": nil} {
			h := digestOf(customer)
			_, err1 := s.Session(ctx, h)
			_, err2 := s.Link(ctx, h)
			_, err3 := s.Token(ctx, h)
			_, err4 := s.AccountByEmail(ctx, customer+"@example.org")
			for _, err := range []error{err1, err2, err3, err4} {
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", customer, err, want)
				}
			}
		}
		if len(rules(t, s, "")) != 1 || len(events(t, s, query.EventFilter{})) != 2 || len(balances(t, s, "")) != 1 {
			t.Error("too much or too little is left")
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
