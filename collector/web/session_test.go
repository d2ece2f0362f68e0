package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"github.com/sipward/sipward/collector/accounts"
)

// TestForgery: what changes something needs proof that a page of ours asks.
func TestForgery(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	body := map[string]string{"name": "New"}
	for _, x := range []struct {
		name string
		edit func(*person)
		want int
	}{
		{"our page", func(p *person) { p.site = "same-origin" }, 200},
		{"no browser", func(*person) {}, 200},
		{"without the header", func(p *person) { p.noCSRF = true }, 403},
		{"another session's", func(p *person) { p.csrf = accounts.CSRF(strings.Repeat("A", 43)) }, 403},
		{"another site", func(p *person) { p.site = "cross-site" }, 403},
		{"another host of the site", func(p *person) { p.site = "same-site" }, 403},
		{"another origin", func(p *person) { p.origin = "https://evil.example" }, 403},
		{"our origin", func(p *person) { p.origin = "http://127.0.0.1:8080" }, 200},
	} {
		p := *boss
		x.edit(&p)
		if w := p.ask(patch, "/me", body); w.Code != x.want {
			t.Errorf("%s: %d %s, want %d", x.name, w.Code, w.Body, x.want)
		}
		if w := p.ask(get, "/me", nil); w.Code != 200 {
			t.Errorf("%s: reading: %d", x.name, w.Code)
		}
	}
	if w := (&person{d: d, site: "cross-site"}).ask(post, "/session", map[string]string{"email": "a@b.c", "password": "x"}); w.Code != 403 {
		t.Errorf("a login by another site: %d", w.Code)
	}
	if d.Stats().Forged != 6 {
		t.Errorf("forged: %+v", d.Stats())
	}
	for i := range routes { // every change, without the header
		r := &routes[i]
		p := *boss
		p.noCSRF = true
		if r.access == permitted && changes(r.method) {
			if w := p.ask(r.method, pathOf(r, "x"), nil); w.Code != 403 || !strings.Contains(w.Body.String(), "X-CSRF") {
				t.Errorf("%s %s without X-CSRF: %d %s", r.method, r.path, w.Code, w.Body)
			}
		}
	}
}

func TestSessions(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	state := func(want string) {
		t.Helper()
		if w := boss.ask(get, "/session", nil); !strings.Contains(w.Body.String(), `"state":"`+want+`"`) {
			t.Errorf("%s, want %s", w.Body, want)
		}
	}
	state(sessionIn)
	d.pass(11 * time.Hour)
	if w := boss.ask(get, "/me", nil); w.Code != 200 {
		t.Errorf("after 11 h: %d", w.Code)
	}
	d.pass(13 * time.Hour)
	if w := boss.ask(get, "/me", nil); w.Code != 401 || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("after 13 h without use: %d %v", w.Code, w.Header())
	}
	state(sessionNone)
	login := map[string]string{"email": "boss@example.net", "password": pass}
	boss.take(boss.ask(post, "/session", login))
	state(sessionIn)
	if w := boss.ask(remove, "/session", nil); w.Code != 204 {
		t.Errorf("log out: %d %s", w.Code, w.Body)
	}
	if w := boss.ask(get, "/me", nil); w.Code != 401 {
		t.Errorf("after log out: %d", w.Code)
	}
	for range 5 {
		if w := d.nobody().ask(post, "/session", map[string]string{"email": "none@example.net", "password": "x"}); w.Code != 401 {
			t.Errorf("an unknown name: %d", w.Code)
		}
	}
	if w := d.nobody().ask(post, "/session", map[string]string{"email": "none@example.net", "password": "x"}); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("the sixth time: %d %v", w.Code, w.Header())
	}
}

// TestWhoIsIn: a session that is in says whose it is, as /me does; no other says anything.
func TestWhoIsIn(t *testing.T) {
	d := newDesk(t)
	for name, p := range map[string]*person{"operator": d.operator(), "customer": d.person(accounts.Customer, "acme")} {
		var own me
		decode(t, p.ask(get, "/me", nil), 200, &own)
		var s session
		decode(t, p.ask(get, "/session", nil), 200, &s)
		if diff := cmp.Diff(&own, s.Me); diff != "" || own.ID == "" || (own.Balance == nil) != (name == "operator") {
			t.Errorf("%s: %s", name, diff)
		}
		if s = p.take(p.ask(post, "/session", map[string]string{"email": own.Email, "password": pass})); cmp.Diff(&own, s.Me) != "" {
			t.Errorf("%s, after the login: %+v", name, s.Me)
		}
		if p.csrf = s.CSRF; p.ask(remove, "/session", nil).Code != 204 {
			t.Errorf("%s stays", name)
		}
		if p.cookie = ""; strings.Contains(p.ask(get, "/session", nil).Body.String(), own.Email) {
			t.Errorf("%s: told to nobody", name)
		}
	}
}

func TestSecondFactor(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	var begin struct{ Secret, URI string }
	decode(t, boss.ask(post, "/me/totp", nil), 200, &begin)
	code := func() map[string]string {
		c, err := totp.GenerateCode(begin.Secret, d.now())
		d.must(err)
		return map[string]string{"code": c}
	}
	if w := boss.ask(put, "/me/totp", map[string]string{"code": "000000"}); w.Code != 422 || !strings.Contains(w.Body.String(), `"fields":{"code"`) {
		t.Errorf("a wrong code: %d %s", w.Code, w.Body)
	}
	var made recoveryCodes
	decode(t, boss.ask(put, "/me/totp", code()), 200, &made)
	if len(made.Codes) != 10 {
		t.Errorf("codes: %v", made)
	}
	p := d.nobody()
	if s := p.take(p.ask(post, "/session", map[string]string{"email": "boss@example.net", "password": pass})); s.State != sessionTOTP || s.Me != nil {
		t.Errorf("%+v", s)
	}
	if w := p.ask(get, "/me", nil); w.Code != 401 {
		t.Errorf("half a login shows /me: %d", w.Code)
	}
	if w := p.ask(post, "/session/totp", code()); w.Code != 422 {
		t.Errorf("a code that was used: %d", w.Code)
	}
	d.pass(time.Minute)
	if s := p.take(p.ask(post, "/session/totp", code())); s.State != sessionIn {
		t.Errorf("%+v", s)
	}
	if w := p.ask(remove, "/me/totp", map[string]string{"password": "wrong"}); w.Code != 422 {
		t.Errorf("a wrong password: %d", w.Code)
	}
	if w := p.ask(remove, "/me/totp", map[string]string{"password": pass}); w.Code != 204 {
		t.Errorf("off: %d %s", w.Code, w.Body)
	}
}

// TestLink: an operator makes an account, its owner sets a password, once.
func TestLink(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	var made accountMade
	decode(t, boss.ask(post, "/accounts", map[string]string{"email": "new@example.org", "role": "customer", "customer": "acme"}), 201, &made)
	_, token, ok := strings.Cut(made.Link, "/#/setup/")
	if !ok || !strings.HasPrefix(made.Link, "http://127.0.0.1:8080/") {
		t.Fatal(made.Link)
	}
	use := map[string]string{"token": token, "email": "new@example.org", "password": pass}
	if s := d.nobody().take(d.nobody().ask(post, "/setup", use)); s.State != sessionNone {
		t.Errorf("%+v", s)
	}
	if w := d.nobody().ask(post, "/setup", use); w.Code != 410 {
		t.Errorf("a second time: %d", w.Code)
	}
	if w := boss.ask(patch, "/accounts/"+d.boss.Account, map[string]bool{"disabled": true}); w.Code != 409 {
		t.Errorf("the last operator: %d %s", w.Code, w.Body)
	}
}

func TestCookie(t *testing.T) {
	plain := newDesk(t).operator()
	if plain.d.cookie != "sipward" || !plain.plainHeaders() {
		t.Error("over plain HTTP a browser must not be told to use TLS")
	}
	d := newDesk(t, func(c *Config) { c.BehindProxy, c.Listen = true, "0.0.0.0:0" })
	w := d.nobody().ask(post, "/session", map[string]string{"email": "x@example.org", "password": "y"})
	if d.cookie != "__Host-sipward" || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %v", d.cookie, w.Header())
	}
	l := httptest.NewRecorder()
	d.setCookie(l, "x", 60)
	for _, want := range []string{"__Host-sipward=x", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(l.Header().Get("Set-Cookie"), want) {
			t.Errorf("%s without %s", l.Header().Get("Set-Cookie"), want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), get, "/", nil)
	r.Header.Set("X-Forwarded-For", "198.51.100.9, 203.0.113.5")
	if got := d.address(r).String(); got != "203.0.113.5" {
		t.Errorf("address behind the proxy: %s", got)
	}
	if got := plain.d.address(r).String(); got != "192.0.2.1" {
		t.Errorf("address without a proxy: %s", got)
	}
}

func (p *person) plainHeaders() bool {
	return p.ask(get, "/session", nil).Header().Get("Strict-Transport-Security") == ""
}

func TestBodies(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	if w := boss.ask(patch, "/me", map[string]string{"role": "operator"}); w.Code != 400 {
		t.Errorf("an unknown name: %d", w.Code)
	}
	if w := boss.ask(patch, "/me", map[string]string{"name": strings.Repeat("x", maxBody)}); w.Code != 413 {
		t.Errorf("a long body: %d", w.Code)
	}
	if w := boss.ask(patch, "/me", nil); w.Code != 415 {
		t.Errorf("no type: %d", w.Code)
	}
}

// TestPanic: a bug of ours is an answer, and is counted.
func TestPanic(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Ask = func(context.Context, BindingFilter) ([]NodeBindings, error) { panic("bug") } })
	boss := d.operator()
	if w := boss.ask(get, "/bindings", nil); w.Code != 500 || strings.Contains(w.Body.String(), "bug") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s := d.Stats(); s.Panics != 1 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
	d.cfg.Ask = func(context.Context, BindingFilter) ([]NodeBindings, error) { return nil, errors.New("secret") }
	if w := boss.ask(get, "/bindings", nil); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		"in the clear":   func(c *Config) { c.Listen = "0.0.0.0:8080" },
		"address:port":   func(c *Config) { c.Listen = "8080" },
		"go together":    func(c *Config) { c.CertFile = "x" },
		"write https://": func(c *Config) { c.PublicURL = "dashboard.example" },
	} {
		cfg := newDesk(t).cfg
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, x := range []struct {
		amount, currency string
		minor            int64
		back             string
	}{{"12.50", "EUR", 1250, "12.50"}, {"-0.05", "EUR", -5, "-0.05"}, {"7", "EUR", 700, "7.00"}, {"7", "JPY", 7, "7"}, {"1.5", "BHD", 1500, "1.500"}, {"0", "EUR", 0, "0.00"}} {
		got, err := minorOf(x.amount, x.currency)
		if err != nil || got != x.minor || amountOf(got, x.currency) != x.back {
			t.Errorf("%+v: %d %s %v", x, got, amountOf(got, x.currency), err)
		}
	}
	for _, bad := range []string{"", ".", "1.", "1.234", "1,5", "1e3", "--1", "99999999999999999999", "+1"} {
		if n, err := minorOf(bad, "EUR"); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

func decode(t *testing.T, w *httptest.ResponseRecorder, code int, to any) {
	t.Helper()
	if w.Code != code {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := jsonUnmarshal(w.Body.Bytes(), to); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", w.Header())
	}
}

var _ http.Handler = (*Server)(nil)
