package web

import (
	"context"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/query"
)

// alarm notes what it is asked to do.
type alarm struct {
	changed int
	sent    []string
	fail    error
}

func (a *alarm) Check(r *query.Rule) map[string]string {
	bad := map[string]string{}
	for name, wrong := range map[string]bool{"name": r.Name == "", "kind": r.Kind == "nobody", "party": r.Party == "?", "mail": strings.Contains(strings.Join(r.Mail, ""), " "), "webhooks": len(r.Webhooks) == 1 && r.Webhooks[0] == "x"} {
		if wrong {
			bad[name] = "it is wrong"
		}
	}
	return bad
}
func (a *alarm) CheckDelivery(r *query.Rule) map[string]string {
	if slices.Contains(r.Mail, "nobody") {
		return map[string]string{"mail": "it is wrong"}
	}
	return nil
}
func (a *alarm) Sender() string { return "sipward@example.org" }
func (a *alarm) Changed()       { a.changed++ }
func (a *alarm) TestMail(_ context.Context, to string) error {
	a.sent = append(a.sent, "mail "+to)
	return a.fail
}
func (a *alarm) TestWebhook(_ context.Context, to string) error {
	a.sent = append(a.sent, "webhook "+to)
	return a.fail
}

func aRule(change map[string]any) map[string]any {
	r := map[string]any{"name": "Few answers", "enabled": true, "area": "asr", "by": "carrier:carrier-x", "operator": "below", "threshold": 40, "reset": 45.5,
		"min_sample": 20, "period_s": 900, "repeat_s": 3600, "level": "warning", "email": []string{"noc@example.org"}, "webhook": "https://example.org/hook"}
	maps.Copy(r, change)
	return r
}

func TestRulesAreKept(t *testing.T) {
	a := new(alarm)
	d := newDesk(t, func(c *Config) { c.Alarm = a })
	boss := d.operator()
	get1 := func() (p page[ruleRow]) {
		d.must(jsonUnmarshal(boss.ask(get, "/alerts/rules", nil).Body.Bytes(), &p))
		return p
	}
	var made ruleRow
	w := boss.ask(post, "/alerts/rules", aRule(nil))
	if d.must(jsonUnmarshal(w.Body.Bytes(), &made)); w.Code != http.StatusCreated || len(made.ID) != 32 || a.changed != 1 {
		t.Fatalf("%d %s, %d", w.Code, w.Body, a.changed)
	}
	d.must(d.store.RaiseEvent(t.Context(), &query.Event{Rule: made.ID, RaisedUnixMs: 5}))
	got := get1().Items
	if len(got) != 1 || got[0].By != "carrier:carrier-x" || got[0].Reset != 45.5 || !got[0].Enabled || got[0].Firing != 1 || got[0].Email[0] != "noc@example.org" || got[0].Webhook != "https://example.org/hook" {
		t.Errorf("%+v", got)
	}
	w = boss.ask(put, "/alerts/rules/"+made.ID, aRule(map[string]any{"by": "total", "enabled": false, "webhook": ""}))
	if got = get1().Items; w.Code != http.StatusOK || a.changed != 2 || got[0].By != "total" || got[0].Enabled || got[0].Webhook != "" {
		t.Errorf("%d %s: %+v", w.Code, w.Body, got)
	}
	if w := boss.ask(put, "/alerts/rules/none", aRule(nil)); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
	w = boss.ask(remove, "/alerts/rules/"+made.ID, nil)
	if w.Code != http.StatusNoContent || len(get1().Items) != 0 || a.changed != 3 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w = boss.ask(get, "/audit?action=alert.rule", nil); strings.Count(w.Body.String(), "Few answers") != 3 {
		t.Errorf("in the audit log: %s", w.Body)
	}
}

func TestRulesAreSorted(t *testing.T) {
	boss := newDesk(t, func(c *Config) { c.Alarm = new(alarm) }).operator()
	for _, name := range []string{"zebra", "Bee", "ant"} {
		boss.ask(post, "/alerts/rules", aRule(map[string]any{"name": name}))
	}
	var p page[ruleRow]
	if err := jsonUnmarshal(boss.ask(get, "/alerts/rules", nil).Body.Bytes(), &p); err != nil || len(p.Items) != 3 || p.Items[0].Name != "ant" || p.Items[2].Name != "zebra" {
		t.Errorf("%+v, %v", p.Items, err)
	}
}

func TestWrongRules(t *testing.T) {
	a := new(alarm)
	boss := newDesk(t, func(c *Config) { c.Alarm = a }).operator()
	for field, bad := range map[string]any{"name": "", "by": "nobody", "email": []string{"a b"}, "webhook": "x"} {
		w := boss.ask(post, "/alerts/rules", aRule(map[string]any{field: bad}))
		var p problem
		if err := jsonUnmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnprocessableEntity || p.Fields[field] == "" || len(p.Fields) != 1 || p.Words[field] != ruleWords[field] {
			t.Errorf("%s: %d %+v %v", field, w.Code, p, err)
		}
	}
	for _, by := range []string{"node:", "customer:?"} {
		if w := boss.ask(post, "/alerts/rules", aRule(map[string]any{"by": by})); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"by"`) {
			t.Errorf("%s: %d %s", by, w.Code, w.Body)
		}
	}
	if a.changed != 0 {
		t.Error("something was changed")
	}
}

func TestNoAlarm(t *testing.T) {
	boss := newDesk(t).operator()
	for _, path := range []string{"/alerts/rules", "/alerts/test"} {
		if w := boss.ask(post, path, aRule(nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestRuleWords: whatever field of a rule is refused, the pages have a sentence for it in
// the language of the account.
func TestRuleWords(t *testing.T) {
	source, err := os.ReadFile("../alerts/rule.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`x\["(\w+)"\]|x\.text\("(\w+)"|\{"(\w+)", (?:r\.|reset\()`).FindAllSubmatch(source, -1) {
		name := string(m[1]) + string(m[2]) + string(m[3])
		if form := formFields[name]; form != "" {
			name = form
		}
		found[name] = true
		if ruleWords[name] == "" {
			t.Errorf("%s has no word", name)
		}
	}
	if len(found) != len(ruleWords) {
		t.Errorf("%v are refused, %v have words", found, ruleWords)
	}
	p := asProblem(notValid(map[string]string{"kind": "it is about others", "period_s": "7: calls are counted in whole minutes"}))
	if p.Words["by"] != "scope" || p.Words["period_s"] != "period" || p.Fields["by"] == "" {
		t.Errorf("%+v", p)
	}
}
