package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// TestEveryRouteAsEverybody: a route lets in who has its permission, and nobody else.
func TestEveryRouteAsEverybody(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	people := []struct {
		name string
		*person
		who *accounts.Principal // nil: nobody
	}{
		{"nobody", d.nobody(), nil},
		{"a wrong cookie", &person{d: d, cookie: strings.Repeat("A", 43)}, nil},
		{"a wrong token", &person{d: d, bearer: "spw_" + strings.Repeat("A", 43)}, nil},
		{"viewer", d.person(accounts.Viewer, ""), &accounts.Principal{Role: accounts.Viewer}},
		{"customer", d.person(accounts.Customer, "acme"), &accounts.Principal{Role: accounts.Customer, Customer: "acme"}},
		{"operator's program", d.program(accounts.Operator, ""), &accounts.Principal{Token: "x", Role: accounts.Operator}},
		{"viewer's program", d.program(accounts.Viewer, ""), &accounts.Principal{Token: "x", Role: accounts.Viewer}},
		{"customer's program", d.program(accounts.Customer, "acme"), &accounts.Principal{Token: "x", Role: accounts.Customer, Customer: "acme"}},
		{"operator", boss, &accounts.Principal{Role: accounts.Operator}},
	}
	for i := range routes {
		r := &routes[i]
		if r.access == 0 || r.access == permitted && r.perm == 0 {
			t.Errorf("%s %s: nobody said who may", r.method, r.path)
		}
		if r.access == anybody || r.stream {
			continue // their own tests
		}
		for _, p := range people {
			w := p.ask(r.method, pathOf(r, "none"), nil)
			want := 0
			switch {
			case p.who == nil:
				want = http.StatusUnauthorized
			case !p.who.Can(r.perm):
				want = http.StatusForbidden
			}
			refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
			if want != 0 && w.Code != want || want == 0 && refused || w.Code >= 500 {
				t.Errorf("%s %s as %s: %d %s", r.method, r.path, p.name, w.Code, w.Body)
			}
		}
	}
}

// TestOpenRoutes: the list of what anybody may ask is short, and known.
func TestOpenRoutes(t *testing.T) {
	want := "GET /session, POST /session, DELETE /session, POST /session/totp, POST /setup, GET /openapi.yaml"
	var got []string
	for _, r := range routes {
		if r.access == anybody {
			got = append(got, r.method+" "+r.path)
		}
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", got)
	}
}

// TestCustomerScope asks every page that a customer may open, with each of its parameters
// set to what is another's: nothing of that may come back.
func TestCustomerScope(t *testing.T) {
	d := newDesk(t)
	d.operator()
	var foreign string // key of a call of globex
	d.must(d.store.Calls(context.Background(), query.CallFilter{Customer: "globex", Limit: 1}, func(r *query.CallRow) error {
		foreign = sealPlace(d.placeOf(r.Position()))
		return nil
	}))
	values := []string{"", "globex", "customer:globex", "carrier:carrier-x", "customer", "carrier", "total", "carrier-x", "sw-one", "sw-one-b", "4930222", "4930*", "2*",
		"globex-1", foreign, "2000", "2999", "1", "true", "daily", "channels", "refused", "carrier_leg", "*", "%", "0", sealPlace(sumPlace{noon.Unix(), ""}), sealPlace("")}
	for n, p := range []*person{d.person(accounts.Customer, "acme"), d.program(accounts.Customer, "acme")} {
		seen := 0
		for i := range routes {
			r := &routes[i]
			if r.access != permitted || r.stream || r.method != get {
				continue
			}
			check := func(path string) {
				w := p.ask(get, path, nil)
				if w.Code >= 500 {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
				if w.Code >= 300 {
					return
				}
				seen++
				for _, s := range secrets {
					if strings.Contains(plain(w.Body.String()), s) {
						t.Errorf("%s shows %q to acme: %s", path, s, w.Body)
					}
				}
			}
			for _, in := range values {
				path := pathOf(r, url.PathEscape(in))
				if in == "" && path != r.path {
					continue
				}
				check(path)
				if n > 0 && in != "globex" {
					continue // a program is kept in the same way: one value shows it
				}
				for _, name := range r.params {
					check(path + "?" + url.Values{name: {in}}.Encode())
				}
			}
		}
		if seen < 20 {
			t.Errorf("only %d answers were looked at", seen)
		}
	}
}

var opaque = regexp.MustCompile(`"(key|next)":"([^"]*)"`)

// plain adds to an answer what is in its keys: they are no lock.
func plain(body string) string {
	for _, m := range opaque.FindAllStringSubmatch(body, -1) {
		b, _ := base64.RawURLEncoding.DecodeString(m[2])
		body += string(b)
	}
	return body
}

// TestScopeShows: a customer sees its own, and the operator sees all.
func TestScopeShows(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	for path, want := range map[string][2]int{ // operator, customer
		"/calls?limit=1000": {20, 10}, "/attempts?limit=1000": {20, 10}, "/registrations?limit=1000": {20, 10}, "/bindings": {2, 1}, "/balances": {2, 1},
		"/summaries?by=customer": {2, 1},
	} {
		for i, p := range []*person{boss, acme} {
			var got page[json.RawMessage]
			w := p.ask(get, path, nil)
			d.must(json.Unmarshal(w.Body.Bytes(), &got))
			if len(got.Items) != want[i] {
				t.Errorf("%s as %d: %d rows, want %d: %s", path, i, len(got.Items), want[i], w.Body)
			}
		}
	}
	if w := acme.ask(get, "/calls?customer=globex", nil); w.Code != http.StatusForbidden {
		t.Errorf("another customer: %d", w.Code)
	}
}

// TestHiddenNumber: what is taken out of rows cannot be found by a filter either.
func TestHiddenNumber(t *testing.T) {
	d := newDesk(t)
	people := map[*person]int{d.operator(): http.StatusOK, d.person(accounts.Viewer, ""): http.StatusOK,
		d.person(accounts.Customer, "acme"): http.StatusForbidden, d.program(accounts.Customer, "acme"): http.StatusForbidden}
	for p, want := range people {
		for _, number := range []string{"4930*", "4930222"} {
			if w := p.ask(get, "/attempts?number="+number, nil); w.Code != want {
				t.Errorf("attempts at %s: %d, want %d", number, w.Code, want)
			}
			if w := p.ask(get, "/calls?number="+number, nil); w.Code != http.StatusOK {
				t.Errorf("calls of %s: %d", number, w.Code)
			}
		}
	}
}

// TestPages: all rows come once, whatever the page's length.
func TestPages(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	for _, path := range []string{"/calls?limit=3", "/attempts?limit=3", "/registrations?limit=3", "/summaries?by=customer&limit=1", "/summaries?tab=daily&by=customer&limit=1"} {
		seen, after, pages := map[string]bool{}, "", 0
		for ; pages < 40; pages++ {
			w := boss.ask(get, path+"&after="+after, nil)
			var got page[json.RawMessage]
			d.must(json.Unmarshal(w.Body.Bytes(), &got))
			for _, x := range got.Items {
				if seen[string(x)] {
					t.Errorf("%s: %s came twice", path, x)
				}
				seen[string(x)] = true
			}
			if after = got.Next; after == "" {
				break
			}
		}
		want := 20
		if strings.HasPrefix(path, "/summaries") {
			want = 2
		}
		if len(seen) != want {
			t.Errorf("%s: %d rows in %d pages, want %d", path, len(seen), pages, want)
		}
	}
}

func TestNothingElse(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	for _, x := range []struct {
		method, path string
		want         int
	}{
		{get, "/nothing", 404}, {post, "/calls", 405}, {"TRACE", "/calls", 405}, {get, "/calls?custmer=acme", 400}, {get, "/calls?limit=0", 400}, {get, "/calls?limit=1001", 400},
		{get, "/calls?limit=1&limit=2", 400}, {get, "/calls?from=5&to=4", 400}, {get, "/calls?after=x", 400}, {get, "/calls/x", 404}, {get, "/nodes/x", 404},
		{get, "/series?by=x", 400}, {get, "/series?step=7", 400}, {get, "/series?figure=x", 400}, {get, "/summaries?tab=x", 400}, {get, "/calls?answered=maybe", 400}, {get, "/calls?node=%00", 400},
	} {
		w := boss.ask(x.method, x.path, nil)
		var p problem
		if w.Code != x.want || json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != x.want || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s, want %d", x.method, x.path, w.Code, w.Body, x.want)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("customer=acme&after=eyJ0IjoxfQ&limit=5")
	f.Add("by=customer:acme&from=1&to=2&step=60")
	f.Add("tab=daily&after=" + sealPlace(sumPlace{1, "x"}))
	f.Add("first=1000&last=1999")
	d := newDesk(f)
	d.operator()
	acme := d.program(accounts.Customer, "acme")
	f.Fuzz(func(t *testing.T, raw string) {
		d.t = t
		for i := range routes {
			r := &routes[i]
			if r.method != get || len(r.params) == 0 {
				continue
			}
			u := url.URL{Path: r.path, RawQuery: strings.ToValidUTF8(strings.Map(printable, raw), "")}
			w := acme.ask(get, u.Path+"?"+u.RawQuery, nil)
			if w.Code >= 500 {
				t.Errorf("%s?%s: %d %s", r.path, raw, w.Code, w.Body)
			}
			for _, s := range secrets {
				if w.Code < 300 && strings.Contains(plain(w.Body.String()), s) {
					t.Errorf("%s?%s shows %q", r.path, raw, s)
				}
			}
		}
	})
}

// printable leaves what a request line may have.
func printable(r rune) rune {
	if r <= ' ' || r >= 0x7f || r == '#' {
		return -1
	}
	return r
}
