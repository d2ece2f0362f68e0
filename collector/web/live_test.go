package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

// run serves d until the test ends.
func (d *desk) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	select {
	case <-d.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

// stream opens /live and returns how to read its next frame.
func (p *person) stream(t *testing.T) (next func() (live, bool), end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, get, "http://"+p.d.Addr().String()+apiPrefix+"/live", nil)
	p.d.must(err)
	r.AddCookie(&http.Cookie{Name: p.d.cookie, Value: p.cookie})
	res, err := http.DefaultClient.Do(r)
	p.d.must(err)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	return func() (live, bool) {
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					var l live
					p.d.must(json.Unmarshal([]byte(data), &l))
					return l, true
				}
			}
			return live{}, false
		}, func() {
			cancel()
			_ = res.Body.Close()
		}
}

func TestLive(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	d.run(t)
	nextBoss, endBoss := boss.stream(t)
	defer endBoss()
	nextAcme, endAcme := acme.stream(t)
	defer endAcme()
	for range 2 { // the first at once, the second by the hub
		l, ok := nextBoss()
		if !ok || l.Setup != 3 || l.Answered != 5 || l.CPS != 2 || *l.Configured != 30 || l.Nodes != 2 || l.NodesUp != 1 || len(l.Parties) != 3 || l.Open == 0 {
			t.Errorf("operator: %+v %v", l, ok)
		}
		l, ok = nextAcme()
		if !ok || l.Setup != 1 || l.Answered != 2 || *l.Configured != 10 || l.Nodes != 0 || len(l.Parties) != 1 || l.Parties[0].ID != "acme" {
			t.Errorf("customer: %+v %v", l, ok)
		}
	}
	if s := d.Stats(); s.Streams != 2 {
		t.Errorf("%+v", s)
	}
	if w := acme.ask(remove, "/session", nil); w.Code != 204 {
		t.Error(w.Code)
	}
	for ok := true; ok; _, ok = nextAcme() { // until it ends with the session
	}
	if _, ok := nextBoss(); !ok {
		t.Error("the other stream ended as well")
	}
}

// TestFanOut: a frame is made once, however many look, and a slow reader gets the newest.
func TestFanOut(t *testing.T) {
	d := newDesk(t)
	d.operator()
	var all []*client
	for range 200 {
		all = append(all, d.hub.join("", ""))
	}
	one := d.hub.join("acme", "")
	d.hub.tick(t.Context())
	d.hub.tick(t.Context())
	s := d.Stats()
	if s.Frames != 4 || s.Skipped != 201 || s.Streams != 201 {
		t.Errorf("%+v", s)
	}
	if first := <-all[0].frames; &first[0] != &(<-all[199].frames)[0] {
		t.Error("two readers got two copies")
	}
	if strings.Contains(string(<-one.frames), "globex") {
		t.Error("acme was told of globex")
	}
}

func TestStatic(t *testing.T) {
	js := strings.Repeat("x", 2000)
	s, err := newStatic(fstest.MapFS{"index.html": {Data: []byte("<page>")}, "assets/a-CVkUENYi.js": {Data: []byte(js)},
		"assets/a-CVkUENYi.js.br": {Data: []byte("br")}, "assets/a-CVkUENYi.js.gz": {Data: []byte("gz")}, "icon.svg": {Data: []byte("<svg>")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		path, accept string
		code         int
		body, cache  string
	}{
		{"/", "", 200, "<page>", "no-cache"},
		{"/graphs", "", 200, "<page>", "no-cache"},
		{"/assets/a-CVkUENYi.js", "gzip, br", 200, "br", "immutable"},
		{"/assets/a-CVkUENYi.js", "gzip", 200, "gz", "immutable"},
		{"/assets/a-CVkUENYi.js", "br;q=0, gzip;q=0.5", 200, "gz", "immutable"},
		{"/assets/a-CVkUENYi.js", "", 200, js, "immutable"},
		{"/assets/a-CVkUENYi.js.gz", "", 404, "", ""},
		{"/assets/a-old.js", "", 404, "", "no-store"},
		{"/assets/", "", 200, "<page>", ""}, // no list
		{"/../static.go", "", 404, "", ""},
		{"/icon.svg", "", 200, "<svg>", "no-cache"},
	} {
		r := newRequest(t, x.path)
		r.Header.Set("Accept-Encoding", x.accept)
		w := serve(s, r)
		if w.Code != x.code || x.code == 200 && w.Body.String() != x.body || !strings.Contains(w.Header().Get("Cache-Control"), x.cache) {
			t.Errorf("%s (%s): %d %.20q %s", x.path, x.accept, w.Code, w.Body, w.Header().Get("Cache-Control"))
		}
		if tag := w.Header().Get("ETag"); x.code == 200 {
			r.Header.Set("If-None-Match", tag)
			if again := serve(s, r); again.Code != 304 {
				t.Errorf("%s again: %d", x.path, again.Code)
			}
		}
	}
	d := newDesk(t)
	w := serve(d, newRequest(t, "/"))
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Error(csp)
	}
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<html") {
		t.Errorf("the embedded page: %d", w.Code)
	}
}

// TestFresh: a node that went silent has no live calls.
func TestFresh(t *testing.T) {
	d := newDesk(t)
	if l := allLive(d.live(), d.now()); l.Answered != 5 {
		t.Errorf("%+v", l)
	}
	if l := allLive(d.live(), d.now().Add(time.Minute)); l.Answered != 0 || l.Setup != 0 || len(l.Parties) != 3 {
		t.Errorf("%+v", l)
	}
}
