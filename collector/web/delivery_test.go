package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

func TestDeliveryIsKept(t *testing.T) {
	a := new(alarm)
	d := newDesk(t, func(c *Config) { c.Alarm = a })
	boss := d.operator()
	now := func() (x delivery) {
		t.Helper()
		d.must(jsonUnmarshal(boss.ask(get, "/alerts/delivery", nil).Body.Bytes(), &x))
		return x
	}
	if x := now(); x.Email == nil || len(x.Email) != 0 || x.Webhook != "" || x.Sender != "sipward@example.org" || x.Tested != 0 {
		t.Errorf("at first %+v", x)
	}
	for _, in := range []deliveryInput{{Email: []string{"noc@example.org", "b@example.org"}, Webhook: "https://hooks.example.org/secret"}, {}} {
		w := boss.ask(put, "/alerts/delivery", in)
		x := now()
		if w.Code != http.StatusOK || strings.Join(x.Email, " ") != strings.Join(in.Email, " ") || x.Webhook != in.Webhook || x.Email == nil {
			t.Errorf("%d %s: %+v", w.Code, w.Body, x)
		}
	}
	if a.changed != 2 {
		t.Errorf("the alarm was told %d times", a.changed)
	}
	w := boss.ask(put, "/alerts/delivery", deliveryInput{Email: []string{"nobody"}})
	var p problem
	if d.must(jsonUnmarshal(w.Body.Bytes(), &p)); w.Code != http.StatusUnprocessableEntity || p.Fields["email"] == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := d.audited("alert.delivery"); len(got) != 2 || got[1].Detail != "2 e-mail addresses, webhook hooks.example.org" || got[1].Name != "boss@example.net" {
		t.Errorf("%+v", got)
	}
}

// audited lists lines of the audit log, the newest first.
func (d *desk) audited(action string) (out []query.AuditRow) {
	d.t.Helper()
	d.must(d.store.AuditRows(d.t.Context(), query.AuditFilter{Action: action}, func(r *query.AuditRow) error { out = append(out, *r); return nil }))
	return out
}

// TestWebhookIsASecret: whoever cannot set a webhook sees where it leads to, and not the
// path that lets write there.
func TestWebhookIsASecret(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Alarm = new(alarm) })
	boss := d.operator()
	if w := boss.ask(put, "/alerts/delivery", deliveryInput{Webhook: "https://hooks.example.org/T01/key"}); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := boss.ask(post, "/alerts/rules", aRule(map[string]any{"webhook": "https://hooks.example.org/T01/key"})); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/alerts/delivery", "/alerts/rules"} {
		for _, x := range []struct {
			p    *person
			want string
		}{{boss, "https://hooks.example.org/T01/key"}, {d.program(accounts.Viewer, ""), "https://hooks.example.org/..."}} {
			if w := x.p.ask(get, path, nil); !strings.Contains(w.Body.String(), `"webhook":"`+x.want+`"`) {
				t.Errorf("%s: %s, want %s", path, w.Body, x.want)
			}
		}
	}
}

func TestDeliveryTests(t *testing.T) {
	a := new(alarm)
	d := newDesk(t, func(c *Config) { c.Alarm = a })
	boss := d.operator()
	tested := func() bool {
		_, err := d.store.Setting(t.Context(), query.SettingEmailTested)
		return err == nil
	}
	try := func(email, webhook string, want int) string {
		t.Helper()
		in := deliveryInput{Webhook: webhook}
		if email != "" {
			in.Email = strings.Fields(email)
		}
		w := boss.ask(post, "/alerts/test", in)
		if w.Code != want {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
		return w.Body.String()
	}
	try("", "", http.StatusUnprocessableEntity)
	try("nobody", "", http.StatusUnprocessableEntity)
	try("", "https://example.org/secret", http.StatusNoContent)
	a.fail = errors.New("the server is full")
	if said := try("a@b.example", "", http.StatusUnprocessableEntity); !strings.Contains(said, `"email":"the server is full"`) || tested() {
		t.Errorf("%s", said)
	}
	a.fail = nil
	try("a@b.example c@b.example", "https://example.org/", http.StatusNoContent)
	if !tested() {
		t.Error("the test is not noted")
	}
	try("a@b.example", "", http.StatusNoContent)
	if got := strings.Join(a.sent, ", "); got != "webhook https://example.org/secret, mail a@b.example, mail a@b.example, mail c@b.example, webhook https://example.org/, mail a@b.example" {
		t.Error(got)
	}
	said := ""
	for _, r := range d.audited("alert.test") {
		said += r.Target + " " + r.Detail + "\n"
	}
	if said != "a@b.example e-mail: delivered\nexample.org webhook: delivered\nc@b.example e-mail: delivered\na@b.example e-mail: delivered\na@b.example e-mail: failed\nexample.org webhook: delivered\n" {
		t.Errorf("audited: %s", said)
	}
}

// TestDeliveryTestsAreBounded for each account by itself, and for a while.
func TestDeliveryTestsAreBounded(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Alarm = new(alarm) })
	boss := d.operator()
	in := deliveryInput{Email: []string{"a@b.example"}}
	for range testBurst {
		d.pass(time.Second)
		if w := boss.ask(post, "/alerts/test", in); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := boss.ask(post, "/alerts/test", in)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "56" {
		t.Errorf("%d %s, %q", w.Code, w.Body, w.Header().Get("Retry-After"))
	}
	if w := d.program(accounts.Operator, "").ask(post, "/alerts/test", in); w.Code == http.StatusTooManyRequests {
		t.Error("another account waits too")
	}
	d.pass(56 * time.Second)
	if w := boss.ask(post, "/alerts/test", in); w.Code != http.StatusNoContent {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
