package guard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// fetch asks a page and decodes what it says.
func fetch(t *testing.T, g *Guard, method, path string, to any) (code int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	g.Pages().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	if w.Code == http.StatusOK && to != nil {
		if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
			t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
	}
	return w.Code, w.Body.String()
}

// TestCheckPage explains a verdict, and changes nothing.
func TestCheckPage(t *testing.T) {
	for _, tt := range []struct {
		mode  Mode
		query string
		want  Checked // without steps
		step  string  // part of the last one
	}{
		{NFQueue, "user=1005&source=203.0.113.7", Checked{Verdict: "passed", Reason: "allowed", Customer: "acme", Block: "1000-1999"}, "Nothing speaks against it."},
		{NFQueue, "user=2005&source=203.0.113.7", Checked{Verdict: "refused", Reason: "outside_blocks", Customer: "acme", Block: "2000-2999", Holder: "bob"}, "customer bob"},
		{Monitor, "user=2005&source=203.0.113.7:5060", Checked{Verdict: "would_refuse", Reason: "outside_blocks", Customer: "acme", Block: "2000-2999", Holder: "bob"}, "1000-1999"},
		{NFQueue, "user=1005&source=192.0.2.66&domain=ACME.example", Checked{Verdict: "passed", Reason: "allowed", Customer: "acme", Block: "1000-1999"}, ""},
		{NFQueue, "user=1005&source=192.0.2.66&domain=x&request_host=acme.example", Checked{Verdict: "passed", Reason: "allowed", Customer: "acme", Block: "1000-1999"}, ""},
		{NFQueue, "user=1005&source=203.0.113.7&username=2001", Checked{Verdict: "refused", Reason: "foreign_username", Customer: "acme", Block: "2000-2999", Holder: "bob"}, "2001"},
		{NFQueue, "user=7&source=[2001:db8::1]:5060", Checked{Verdict: "refused", Reason: "unknown_customer", Customer: "unknown"}, "may not register"},
		{NFQueue, "user=7&source=2001:db8::1&expires=0", Checked{Verdict: "passed", Reason: "deregistration", Customer: "unknown"}, "always passes"},
	} {
		g := testGuard(t, Config{Mode: tt.mode})
		var got Checked
		if code, body := fetch(t, g, http.MethodGet, "/guard/check?"+tt.query, &got); code != http.StatusOK {
			t.Fatalf("%s: %d %s", tt.query, code, body)
		}
		steps := got.Steps
		got.Steps, tt.want.Mode = nil, tt.mode
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.query, diff)
		}
		last := steps[len(steps)-1]
		if !last.Decides || !strings.Contains(last.Text, tt.step) {
			t.Errorf("%s: %+v", tt.query, last)
		}
		if s := g.Stats(); len(s.Verdicts) != 0 {
			t.Errorf("%s was counted", tt.query)
		}
	}
}

func TestPagesRefuseNonsense(t *testing.T) {
	g := testGuard(t, Config{})
	for _, tt := range []struct {
		method, path, want string
		code               int
	}{
		{"GET", "/guard/check?source=192.0.2.1", "user is missing", 400},
		{"GET", "/guard/check?user=1", "source is missing", 400},
		{"GET", "/guard/check?user=1&source=here", "is no address", 400},
		{"GET", "/guard/check?user=1&source=192.0.2.1&expires=-1", "no number of seconds", 400},
		{"GET", "/guard/bindings?first=100", "is no range", 400},
		{"GET", "/guard/bindings?first=100&last=20", "is no range", 400},
		{"GET", "/guard/bindings?first=200&last=100", "is no range", 400},
		{"GET", "/guard/bindings?number=1&first=1&last=2", "two selections", 400},
		{"GET", "/guard/bindings?limit=0", "from 1 to 1000", 400},
		{"GET", "/guard/strays?after=x", "not what a page before gave", 400},
		{"DELETE", "/guard/bans?source=", "is no address", 400},
		{"DELETE", "/guard/bans?source=192.0.2.1", "192.0.2.1 is not banned", 404},
		{"POST", "/guard/bans", "", 405},
		{"GET", "/guard/else", "", 404},
	} {
		if code, body := fetch(t, g, tt.method, tt.path, nil); code != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, code, body)
		}
	}
}

type bindingPage struct {
	Bindings []Binding
	Next     uint32
}

// TestBindingPages: every binding is on one page, whatever their size, and
// filters hold.
func TestBindingPages(t *testing.T) {
	g := testGuard(t, Config{Mode: Monitor})
	w, now := &wire{g: g}, time.Now().UnixNano()
	for n := range 300 {
		w.register(strconv.Itoa(1000+n), acme, 3600, now)
		w.register(strconv.Itoa(2000+n), bob, 3600, now)
	}
	w.register("5000", acme, 3600, now) // a stray
	for _, tt := range []struct {
		path string
		want int
	}{
		{"/guard/bindings?limit=1000", 601},
		{"/guard/bindings?limit=7", 601},
		{"/guard/bindings", 601},
		{"/guard/bindings?customer=bob", 300},
		{"/guard/bindings?customer=nobody", 0},
		{"/guard/bindings?first=1100&last=2099&limit=3", 300},
		{"/guard/bindings?first=1100&last=2099&customer=acme", 200},
		{"/guard/bindings?number=%2B1005", 1},
		{"/guard/strays", 1},
		{"/guard/strays?customer=bob", 0},
	} {
		seen := map[string]bool{}
		path, join := tt.path, "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		for {
			var p bindingPage
			if code, body := fetch(t, g, http.MethodGet, path, &p); code != http.StatusOK {
				t.Fatal(code, body)
			}
			for _, b := range p.Bindings {
				if seen[b.Number] {
					t.Errorf("%s: %s is there twice", tt.path, b.Number)
				}
				seen[b.Number] = true
			}
			if p.Next == 0 {
				break
			}
			path = tt.path + join + "after=" + strconv.Itoa(int(p.Next))
		}
		if len(seen) != tt.want {
			t.Errorf("%s: %d bindings, want %d", tt.path, len(seen), tt.want)
		}
	}
	var p bindingPage
	fetch(t, g, http.MethodGet, "/guard/strays", &p)
	want := Binding{
		Number: "5000", Domain: "pbx.example", Customer: "acme", Contact: "sip:5000@203.0.113.7:5060", Source: "203.0.113.7:5060",
		Transport: "udp", Stray: "outside_blocks", SinceUnixMs: p.Bindings[0].SinceUnixMs, ExpiresUnixMs: now/1e6 + 1 + 3600_000,
	}
	if diff := cmp.Diff(want, p.Bindings[0]); diff != "" {
		t.Error(diff)
	}
}

// TestBanPages lists bans and lifts one.
func TestBanPages(t *testing.T) {
	k := &fakeKernel{}
	g := testGuard(t, Config{Ban: Ban{Refusals: 2}, Bans: k})
	now := time.Now().UnixNano()
	for range 3 {
		g.Judge(ask("1", none), at(now, "", 0))
	}
	if err := g.tellAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Bans []struct {
			Site        string
			UntilUnixMs int64 `json:"until_unix_ms"`
			Refusals    int
			Seen        int
			Kernel      bool
		}
	}
	fetch(t, g, http.MethodGet, "/guard/bans", &got)
	if len(got.Bans) != 1 || got.Bans[0].Site != "192.0.2.66" || !got.Bans[0].Kernel || got.Bans[0].Refusals != 2 || got.Bans[0].Seen != 1 || got.Bans[0].UntilUnixMs != (now+600*sec)/1e6 {
		t.Errorf("%+v", got)
	}
	var c Checked
	fetch(t, g, http.MethodGet, "/guard/check?user=1&source=192.0.2.66", &c)
	if c.Reason != register.Banned.String() {
		t.Errorf("%+v", c)
	}
	if code, body := fetch(t, g, http.MethodDelete, "/guard/bans?source=192.0.2.66/32", nil); code != http.StatusOK || len(k.dropped) != 0 {
		t.Errorf("%d %s, %v", code, body, k.dropped)
	}
	if v := g.Judge(ask("1", none), at(now, "", 0)); v.Reason != register.UnknownCustomer {
		t.Errorf("after the lift: %v", v.Reason)
	}
}

// TestCentreAsks for the bindings of a range.
func TestCentreAsks(t *testing.T) {
	g := testGuard(t, Config{Policy: register.Policy{UnknownCustomer: party.Allow}})
	w, now := &wire{g: g}, time.Now().UnixNano()
	for n := range 30 {
		w.register(strconv.Itoa(1029-n), acme, 3600, now)
	}
	list, more, err := g.Bindings("", "1010", "1099", 5)
	if err != nil || more != 15 || len(list) != 5 {
		t.Errorf("%d bindings, %d more, %v", len(list), more, err)
	}
	// Another customer's do not take the room of those that were asked for.
	w.register("2000", bob, 3600, now)
	w.register("2001", bob, 3600, now)
	for _, tt := range []struct {
		customer    string
		limit       int
		found, more int
	}{{"bob", 1, 1, 1}, {"bob", 2, 2, 0}, {"acme", 1, 1, 29}, {"nobody", 5, 0, 0}, {"", 5, 5, 27}} {
		list, more, err := g.Bindings(tt.customer, "", "", tt.limit)
		if err != nil || len(list) != tt.found || more != tt.more || slices.ContainsFunc(list, func(b Binding) bool { return tt.customer != "" && b.Customer != tt.customer }) {
			t.Errorf("%s: %+v, %d more, %v", tt.customer, list, more, err)
		}
	}
	if _, _, err := g.Bindings("", "1", "20", 5); err == nil {
		t.Error("no error of what is no range")
	}
	if list, more, err := g.Bindings("", "1010", "1019", 0); err != nil || len(list) != 0 || more != 10 {
		t.Errorf("%d bindings, %d more, %v", len(list), more, err)
	}
}
