package web

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

// versions is a history in memory.
type versions struct {
	list  []*table.Version
	stage []string // of the newest
	fault error    // of adding one
}

func (h *versions) Newest(context.Context) (*table.Version, error) {
	if len(h.list) == 0 {
		return nil, nil //nolint:nilnil // as it says
	}
	v := *h.list[len(h.list)-1]
	v.Stage = h.stage
	return &v, nil
}

func (h *versions) Put(_ context.Context, _ uint64, v *table.Version) error {
	if h.fault != nil {
		return h.fault
	}
	h.list = append(h.list, v)
	return nil
}

func (*versions) Stage(context.Context, uint64, []string) error { return errors.New("not asked for") }

// editable is a desk whose table is a real one; version 1 has acme, globex and carrier-x.
func editable(t *testing.T, change ...func(*Config)) (*desk, *versions) {
	t.Helper()
	h := &versions{}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var d *desk
	e := &table.Editor{History: h, Key: func() (ed25519.PrivateKey, error) { return key, nil }}
	d = newDesk(t, append([]func(*Config){func(c *Config) {
		e.Now = c.Now
		first, err := c.Table.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Save(context.Background(), &table.Draft{Old: &configs.Table{}, Table: table.Clone(first.Old)}, table.Save{Who: "setup"}); err != nil {
			t.Fatal(err)
		}
		c.Table = e
	}}, change...)...)
	return d, h
}

// holdTo checks an answer against its description.
func holdTo(t *testing.T, method, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	d, compile := description(t)
	ref := "#/components/schemas/Problem"
	if w.Code < 300 {
		ref, _ = d.Paths[path][strings.ToLower(method)].Responses[fmt.Sprint(w.Code)].Content["application/json"].Schema["$ref"].(string)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(w.Body.String()))
	if err != nil || ref == "" {
		t.Fatalf("%s %s: %d %s: %v, schema %q", method, path, w.Code, w.Body, err, ref)
	}
	if err := compile(ref).Validate(v); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
}

type form map[string]any

// TestEditTable: each change is one version, or none at all.
func TestEditTable(t *testing.T) {
	const customers, carriers, one = "/parties/customers/{id}", "/parties/carriers/{id}", "?version=1"
	blocksOf := "/blocks?version=1&customer=acme"
	for _, x := range []struct {
		name, method, path, id, query string
		body                          any
		want                          int
		version                       uint64 // that it answers
		field                         string // that it blames
		says                          string // the audit log
	}{
		{"limit", put, customers, "acme", "", form{"version": 1, "channels": 12, "domains": []string{"acme.example"}}, 200, 2, "", "changed channels"},
		{"same again", put, customers, "acme", "", form{"version": 1, "channels": 10, "domains": []string{"acme.example"}}, 200, 1, "", ""},
		{"new customer", put, customers, "initech", "", form{"version": 1, "new": true, "addresses": []string{"10.9.0.0/16", "2001:db8::1"}, "non_numeric": "deny", "max_contacts": 3}, 200, 2, "", "added"},
		{"there already", put, customers, "acme", "", form{"version": 1, "new": true}, 422, 0, "id", ""},
		{"old version", put, customers, "acme", "", form{"version": 0}, 409, 0, "", ""},
		{"address", put, customers, "acme", "", form{"version": 1, "addresses": []string{"10.0.0.1/8"}}, 422, 0, "addresses", ""},
		{"another's address", put, customers, "acme", "", form{"version": 1, "addresses": []string{"10.2.0.0/16"}}, 422, 0, "addresses", ""},
		{"domain", put, customers, "acme", "", form{"version": 1, "domains": []string{`x"], channels: 7`}}, 422, 0, "domains", ""},
		{"channels", put, customers, "acme", "", form{"version": 1, "channels": -1}, 422, 0, "channels", ""},
		{"contacts", put, customers, "acme", "", form{"version": 1, "max_contacts": 1 << 30}, 422, 0, "max_contacts", ""},
		{"rule", put, customers, "acme", "", form{"version": 1, "non_numeric": "maybe"}, 422, 0, "non_numeric", ""},
		{"id", put, customers, "unknown", "", form{"version": 1}, 422, 0, "id", ""},
		{"comment", put, customers, "acme", "", form{"version": 1, "comment": "a\nb"}, 422, 0, "comment", ""},
		{"what is not there", put, customers, "acme", "", form{"version": 1, "blocks": []string{}}, 400, 0, "", ""},
		{"remove customer", remove, customers, "globex", one, nil, 200, 2, "", "removed -2000-2999"},
		{"remove nobody", remove, customers, "nobody", one, nil, 404, 0, "", ""},
		{"remove without version", remove, customers, "globex", "", nil, 400, 0, "", ""},
		{"carrier", put, carriers, "carrier-y", "", form{"version": 1, "channels": 5, "new": true}, 200, 2, "", "added"},
		{"carrier's limit", put, carriers, "carrier-x", "", form{"version": 1, "channels": 31}, 200, 2, "", "changed channels"},
		{"carrier's rule", put, carriers, "carrier-x", "", form{"version": 1, "non_numeric": "deny"}, 422, 0, "non_numeric", ""},
		{"remove carrier", remove, carriers, "carrier-x", one, nil, 200, 2, "", "removed"},
		{"next block", post, "/blocks", "", "", form{"version": 1, "customer": "acme", "count": 2}, 201, 2, "", "changed +3000-3999 +4000-4999"},
		{"range", post, "/blocks", "", "", form{"version": 1, "customer": "acme", "range": block{"+70", "79"}}, 201, 2, "", "changed +70-79"},
		{"taken", post, "/blocks", "", "", form{"version": 1, "customer": "acme", "range": block{"2500", "3500"}}, 422, 0, "first", ""},
		{"backwards", post, "/blocks", "", "", form{"version": 1, "customer": "acme", "range": block{"9", "1"}}, 422, 0, "first", ""},
		{"too many", post, "/blocks", "", "", form{"version": 1, "customer": "acme", "count": 99}, 422, 0, "count", ""},
		{"for nobody", post, "/blocks", "", "", form{"version": 1, "customer": "nobody"}, 422, 0, "customer", ""},
		{"old map", post, "/blocks", "", "", form{"version": 7, "customer": "acme"}, 409, 0, "", ""},
		{"part", remove, blocksOf, "", "&first=1500&last=1599", nil, 200, 2, "", "changed -1500-1599"},
		{"not its own", remove, blocksOf, "", "&first=2000&last=2999", nil, 422, 0, "first", ""},
		{"no range", remove, blocksOf, "", "", nil, 422, 0, "first", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			d, h := editable(t)
			boss := d.operator()
			w := boss.ask(x.method, strings.ReplaceAll(x.path, "{id}", x.id)+x.query, x.body)
			pattern, _, _ := strings.Cut(x.path, "?")
			var got struct {
				Version uint64            `json:"version"`
				Fields  map[string]string `json:"fields"`
			}
			d.must(json.Unmarshal(w.Body.Bytes(), &got))
			if w.Code != x.want || got.Version != x.version || x.field != "" && got.Fields[x.field] == "" || x.field == "" && len(got.Fields) > 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			holdTo(t, x.method, pattern, w)
			made := 1
			if x.says != "" {
				made = 2
			}
			if len(h.list) != made {
				t.Errorf("%d versions", len(h.list))
			}
			var said []string
			d.must(d.store.AuditRows(t.Context(), query.AuditFilter{Limit: 10}, func(r *query.AuditRow) error {
				if r.Name == "boss@example.net" && (strings.HasPrefix(r.Action, "party.") || strings.HasPrefix(r.Action, "blocks.")) {
					said = append(said, r.Detail)
				}
				return nil
			}))
			if x.says == "" && len(said) > 0 || x.says != "" && !slices.Equal(said, []string{"version 2: " + x.says}) {
				t.Errorf("the audit log says %q", said)
			}
			if x.says != "" && h.list[1].Who != "boss@example.net" {
				t.Errorf("made by %q", h.list[1].Who)
			}
		})
	}
}

// TestEditShows: what was changed is seen at once, and nothing else was.
func TestEditShows(t *testing.T) {
	d, _ := editable(t)
	boss := d.operator()
	boss.ask(get, "/parties", nil) // remembered for a moment
	if w := boss.ask(put, "/parties/carriers/carrier-x", form{"version": 1, "channels": 31}); w.Code != 200 {
		t.Fatal(w.Body)
	}
	var p parties
	d.must(json.Unmarshal(boss.ask(get, "/parties", nil).Body.Bytes(), &p))
	if p.Version != 2 || p.Carriers[0].Channels != 31 || len(p.Customers) != 2 || len(p.Customers[0].Blocks) != 1 || p.Customers[1].Addresses[0] != "10.2.0.0/16" {
		t.Errorf("%+v", p)
	}
}

// TestReleaseStrays: a dry run changes nothing, and names phones that lose their number
// and nodes that did not say.
func TestReleaseStrays(t *testing.T) {
	var asked []Range
	d, h := editable(t, func(c *Config) {
		c.Ask = func(ctx context.Context, f BindingFilter) ([]NodeBindings, error) {
			asked = f.Ranges
			return ask(ctx, f)
		}
	})
	boss := d.operator()
	const path = "/blocks?version=1&customer=acme&first=1000&last=1499"
	w := boss.ask(remove, path+"&dry_run=true", nil)
	holdTo(t, remove, "/blocks", w)
	var got released
	d.must(json.Unmarshal(w.Body.Bytes(), &got))
	if got.Version != 1 || len(got.Strays) != 1 || got.Strays[0].Number != "1001" || got.More != 4 || len(got.Unreached) != 1 || got.Unreached[0].Node != "sw-one-b" {
		t.Errorf("%s", w.Body)
	}
	if len(h.list) != 1 || !slices.Equal(asked, []Range{{"1000", "1499"}}) {
		t.Errorf("%d versions, asked for %v", len(h.list), asked)
	}
	if w := boss.ask(remove, path+"&dry_run=false", nil); w.Code != 200 || len(h.list) != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := boss.ask(remove, path, nil); w.Code != 409 || len(h.list) != 2 {
		t.Errorf("twice: %d %s", w.Code, w.Body)
	}
}

// TestEditRefused: who may not, and tables that are not to be changed from here.
func TestEditRefused(t *testing.T) {
	d, h := editable(t)
	boss := d.operator()
	body := form{"version": 1, "channels": 11}
	for _, p := range []*person{d.person(accounts.Viewer, ""), d.person(accounts.Customer, "acme")} {
		if w := p.ask(put, "/parties/customers/acme", body); w.Code != 403 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	h.stage = []string{"sw-one"}
	if w := boss.ask(put, "/parties/customers/acme", body); w.Code != 409 || !strings.Contains(w.Body.String(), "sw-one") {
		t.Errorf("staged: %d %s", w.Code, w.Body)
	}
	h.stage, h.fault = nil, query.ErrTableChanged // somebody was faster
	if w := boss.ask(put, "/parties/customers/acme", body); w.Code != 409 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(h.list) != 1 {
		t.Errorf("%d versions", len(h.list))
	}
	h.list, h.fault = nil, nil // the first table of all
	if w := boss.ask(put, "/parties/customers/acme", form{"version": 0, "new": true}); w.Code != 200 || len(h.list) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
