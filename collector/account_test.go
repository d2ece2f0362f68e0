package main

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/admin"
)

// TestAccountLink goes the whole way of who lost the password and the phone: a running
// collector, the link of the command line, and a login.
func TestAccountLink(t *testing.T) {
	c, config := startWith(t, "web: {listen: '127.0.0.1:0'}\n")
	s, ctx, from := c.parts.Load().web.service, t.Context(), netip.MustParseAddr("192.0.2.1")
	cmd := accountLinkCmd{accountPlace: accountPlace{Config: config}, Email: "Anna@example.org"}
	link := func() (string, error) {
		var out strings.Builder
		err := cmd.run(ctx, &out)
		return out.String(), err
	}
	if _, err := link(); err == nil || !strings.Contains(err.Error(), "there is no account yet") {
		t.Errorf("before the first account: %v", err)
	}
	setup, err := s.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.FirstOperator(ctx, setup.Token, accounts.NewAccount{Email: "anna@example.org", Password: "a quiet river in may"}, from, "")
	if err != nil {
		t.Fatal(err)
	}
	a := in.Account
	a.TOTP, a.SessionEpoch, a.Version = "JBSWY3DPEHPK3PXP", a.SessionEpoch+1, a.Version+1
	if err := c.parts.Load().store.UpdateAccount(ctx, a, nil); err != nil {
		t.Fatal(err)
	}
	out, err := link()
	if err != nil || !strings.Contains(out, "Its second factor stays") {
		t.Errorf("%v\n%s", err, out)
	}
	cmd.ResetSecondFactor = true
	if out, err = link(); err != nil || !strings.Contains(out, "Its second factor is gone") {
		t.Fatalf("%v\n%s", err, out)
	}
	token := regexp.MustCompile(`(?m)^http://127\.0\.0\.1:[0-9]+/#/setup/(\S+)$`).FindStringSubmatch(out)
	if token == nil {
		t.Fatalf("no link:\n%s", out)
	}
	phrase := "a loud river in june"
	if _, err := s.SetPassword(ctx, token[1], phrase, from); err != nil {
		t.Fatal(err)
	}
	if in, err = s.Login(ctx, accounts.Credentials{Email: "anna@example.org", Password: phrase, From: from}); err != nil || in.Pending {
		t.Errorf("%+v %v", in, err)
	}

	cmd.Email = "bob@example.org"
	if _, err := link(); err == nil || !strings.Contains(err.Error(), `no account "bob@example.org"; there are anna@example.org`) {
		t.Errorf("nobody: %v", err)
	}
	host := accounts.CommandLine("test")
	bob, _, err := s.Create(ctx, host, accounts.NewAccount{Email: "bob@example.org", Role: accounts.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, host, bob.ID, accounts.Change{Disabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := link(); err == nil || !strings.Contains(err.Error(), "is disabled; --enable") {
		t.Errorf("disabled: %v", err)
	}
	for want, w := range map[string]admin.LinkWanted{"there is no such account": {ID: "x", Who: "x"}, "the account is disabled": {ID: bob.ID, Who: "x"}} {
		if _, err := admin.FetchLink(ctx, c.cfg.Admin.Socket, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the collector itself: %v, want %s", err, want)
		}
	}
	cmd.Enable = true
	if out, err := link(); err != nil || !strings.Contains(out, "The account is enabled.") || strings.Contains(out, "factor") || strings.Contains(out, "old password") {
		t.Errorf("%v\n%s", err, out)
	}
	all, err := admin.FetchAccounts(ctx, c.cfg.Admin.Socket)
	if err != nil || len(all) != 2 || all[0].SecondFactor || !all[0].Password || all[0].LastLoginUnixMs == 0 || all[1].Disabled || all[1].Password || all[1].Role != "viewer" {
		t.Errorf("%+v %v", all, err)
	}
}

// TestAccountsWithoutDashboard: there is nobody to let in.
func TestAccountsWithoutDashboard(t *testing.T) {
	_, config := start(t)
	if err := (&accountListCmd{accountPlace: accountPlace{Config: config}}).Run(); err == nil || !strings.Contains(err.Error(), "this collector has no dashboard") {
		t.Errorf("%v", err)
	}
}

func TestWriteAccounts(t *testing.T) {
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	all := []admin.Account{
		{Email: "a@example.org", Role: "operator", Password: true, SecondFactor: true, LastLoginUnixMs: now.UnixMilli(), LockedUnixMs: now.Add(time.Minute).UnixMilli()},
		{Email: "b@example.org", Role: "customer", Customer: "acme", Password: true, LockedUnixMs: now.UnixMilli()},
		{Email: "c@example.org", Role: "viewer"},
		{Email: "d@example.org", Role: "viewer", Disabled: true},
	}
	for want, list := range map[string][]admin.Account{
		noAccounts + "\n": nil,
		`account        role      customer  second factor  last login            state
a@example.org  operator  -         on             2026-01-31T08:00:00Z  locked until 2026-01-31T08:01:00Z
b@example.org  customer  acme      off            never                 enabled
c@example.org  viewer    -         off            never                 no password yet
d@example.org  viewer    -         off            never                 disabled
`: all,
	} {
		var out strings.Builder
		if err := writeAccounts(&out, list, false, now); err != nil || out.String() != want {
			t.Errorf("%v\n%s", err, out.String())
		}
	}
	var out strings.Builder
	if err := writeAccounts(&out, all[:2], true, now); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), `"email":"b@example.org"`) {
		t.Errorf("%v\n%s", err, out.String())
	}
	many := make([]admin.Account, 12)
	for i := range many {
		many[i].Email = string(rune('a'+i)) + "@x"
	}
	if _, err := findAccount(many, "z@x"); err == nil || !strings.HasSuffix(err.Error(), "j@x and 2 more (sipward-collector account list)") {
		t.Errorf("%v", err)
	}
}
