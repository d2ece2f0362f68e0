package web

import (
	"context"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
)

// TestCompanies: the operator edits its own profile and those of customers, a customer its
// own alone, and a viewer none.
func TestCompanies(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	viewer := d.person(accounts.Viewer, "")
	acme, globex := d.person(accounts.Customer, "acme"), d.person(accounts.Customer, "globex")
	name := func(p *person, path string) string {
		t.Helper()
		var c company
		decode(t, p.ask(get, path, nil), 200, &c)
		return c.Name
	}
	edit := func(p *person, path, name string, want int) {
		t.Helper()
		if w := p.ask(patch, path, map[string]string{"name": name}); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	edit(boss, "/company", "The Operator", 200)
	edit(acme, "/company", "Acme by itself", 200)
	edit(boss, "/company?customer=globex", "Globex by the operator", 200)
	edit(acme, "/company?customer=globex", "stolen", 403)
	edit(viewer, "/company", "seen", 403)
	edit(viewer, "/company?customer=acme", "seen", 403)
	for _, x := range []struct {
		p          *person
		path, want string
	}{
		{boss, "/company", "The Operator"}, {viewer, "/company", "The Operator"}, {boss, "/company?customer=acme", "Acme by itself"},
		{acme, "/company", "Acme by itself"}, {acme, "/company?customer=acme", "Acme by itself"}, {globex, "/company", "Globex by the operator"},
		{boss, "/company?customer=nobody", ""},
	} {
		if got := name(x.p, x.path); got != x.want {
			t.Errorf("%s: %q, want %q", x.path, got, x.want)
		}
	}
	if w := acme.ask(get, "/company?customer=globex", nil); w.Code != 403 {
		t.Errorf("another's profile: %d %s", w.Code, w.Body)
	}
	if w := acme.ask(patch, "/company", map[string]string{"website": "javascript:x"}); w.Code != 422 {
		t.Errorf("no link: %d %s", w.Code, w.Body)
	}
	for text, want := range map[string]int{"a\r\nBcc: b@example.org": 422, "a\x00": 422, "a\nb": 422, "Straße <b>": 200} {
		edit(acme, "/company", text, want)
	}
	if w := acme.ask(patch, "/company", map[string]string{"address": "Street 1\nCity"}); w.Code != 200 {
		t.Errorf("an address of two lines: %d %s", w.Code, w.Body)
	}
	edit(acme, "/company", "Acme by itself", 200)
	w := boss.ask(get, "/audit?action=company.update", nil)
	for _, want := range []string{`"who":"customeracme@example.org"`, `"object":"globex"`, `"detail":"name"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the audit log has no %s: %s", want, w.Body)
		}
	}
	forgotten, err := d.store.ForgetCustomer(context.Background(), "globex", nil)
	if err != nil || forgotten.Accounts != 1 || name(boss, "/company?customer=globex") != "" || name(boss, "/company?customer=acme") == "" {
		t.Errorf("after globex was forgotten: %+v %v", forgotten, err)
	}
}
