package web

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sipward/sipward/collector/accounts"
)

var jsonUnmarshal = json.Unmarshal

// described is the part of the description that these tests read.
type described struct {
	Paths map[string]map[string]struct {
		Summary    string `yaml:"summary"`
		Permission string `yaml:"x-permission"`
		Parameters []struct {
			Name string `yaml:"name"`
			In   string `yaml:"in"`
		} `yaml:"parameters"`
		Responses map[string]struct {
			Content map[string]struct {
				Schema map[string]any `yaml:"schema"`
			} `yaml:"content"`
		} `yaml:"responses"`
	} `yaml:"paths"`
}

// openAPI is the description, read once: that takes long.
var openAPI = sync.OnceValues(func() (d described, doc any) {
	if err := yaml.Unmarshal(openAPIFile, &d); err != nil {
		panic(err)
	}
	raw, err := yaml.YAMLToJSON(openAPIFile)
	if err != nil {
		panic(err)
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw)); err != nil {
		panic(err)
	}
	return d, doc
})

func description(t *testing.T) (described, func(ref string) *jsonschema.Schema) {
	t.Helper()
	d, doc := openAPI()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return d, func(ref string) *jsonschema.Schema {
		s, err := c.Compile("openapi.json" + ref)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestDescriptionHasEveryRoute and nothing else, with its parameters and permission.
func TestDescriptionHasEveryRoute(t *testing.T) {
	d, _ := description(t)
	seen := 0
	for i := range routes {
		r := &routes[i]
		op, ok := d.Paths[r.path][strings.ToLower(r.method)]
		if !ok || op.Summary == "" {
			t.Errorf("%s %s is not described", r.method, r.path)
			continue
		}
		seen++
		var params []string
		for _, p := range op.Parameters {
			if p.In == "query" {
				params = append(params, p.Name)
			}
		}
		if !slices.Equal(params, r.params) {
			t.Errorf("%s %s: described parameters %v, real ones %v", r.method, r.path, params, r.params)
		}
		if want := r.perm.String(); r.access == permitted && op.Permission != want {
			t.Errorf("%s %s: described permission %q, real one %q", r.method, r.path, op.Permission, want)
		}
	}
	n := 0
	for _, ops := range d.Paths {
		n += len(ops)
	}
	if n != seen {
		t.Errorf("%d operations are described, %d are real", n, seen)
	}
}

// TestAnswersAreAsDescribed asks what can be asked, and holds the answers to the schemas.
func TestAnswersAreAsDescribed(t *testing.T) {
	d, compile := description(t)
	k := newDesk(t, func(c *Config) { c.Alarm = new(alarm) })
	boss := k.operator()
	key := firstCall(t, boss)
	hold := func(r *route, w *httptest.ResponseRecorder, code string) {
		t.Helper()
		op := d.Paths[r.path][strings.ToLower(r.method)]
		ref, _ := op.Responses[code].Content["application/json"].Schema["$ref"].(string)
		if ref == "" {
			t.Errorf("%s %s: no schema for %s: %s", r.method, r.path, code, w.Body)
			return
		}
		v, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(ref).Validate(v); err != nil {
			t.Errorf("%s %s: %v", r.method, r.path, err)
		}
	}
	acme := k.person(accounts.Customer, "acme")
	for _, p := range []*person{boss, acme} {
		for i := range routes {
			r := &routes[i]
			if r.method != get || r.stream {
				continue
			}
			path := strings.NewReplacer("{key}", key, "{id}", "sw-one").Replace(r.path)
			w := p.ask(get, path, nil)
			switch w.Code {
			case 200:
				hold(r, w, "200")
			case 403, 404:
				v, err := jsonschema.UnmarshalJSON(w.Body)
				if err != nil || compile("#/components/schemas/Problem").Validate(v) != nil {
					t.Errorf("%s: %v %v", path, v, err)
				}
				if p == boss {
					t.Errorf("%s %d", path, w.Code)
				}
			default:
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
	for name, body := range map[string]any{
		"PATCH /me": map[string]string{"language": "de"}, "POST /me/totp": nil,
		"PUT /me/password":         map[string]string{"current": pass, "new": "another quiet river"},
		"POST /accounts":           map[string]string{"email": "x@example.org", "role": "viewer"},
		"POST /tokens":             map[string]any{"name": "billing", "role": "operator", "expires_unix_ms": k.now().UnixMilli() + 1e6},
		"POST /alerts/rules":       aRule(nil),
		"PUT /alerts/delivery":     deliveryInput{Email: []string{"noc@example.org"}},
		"PATCH /company":           map[string]string{"name": "Example"},
		"PUT /balances/{customer}": map[string]string{"amount": "1.50", "currency": "EUR"},
	} {
		method, path, _ := strings.Cut(name, " ")
		i := slices.IndexFunc(routes, func(r route) bool { return r.method == method && r.path == path })
		w := boss.ask(method, strings.ReplaceAll(path, "{customer}", "acme"), body)
		code := "200"
		if routes[i].made {
			code = "201"
		}
		hold(&routes[i], w, code)
	}
}

func firstCall(t *testing.T, p *person) string {
	t.Helper()
	var got page[callRow]
	if err := json.Unmarshal(p.ask(get, "/calls?limit=1", nil).Body.Bytes(), &got); err != nil || len(got.Items) != 1 {
		t.Fatal(got, err)
	}
	return got.Items[0].Key
}
