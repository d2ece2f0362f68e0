package web

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
)

// taken is how many portions are out.
func (p *portions) taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func TestPortions(t *testing.T) {
	p := &portions{all: 3, each: 2}
	for i, x := range []struct {
		who  string
		want bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"c", false}} {
		if got := p.take(x.who); got != x.want {
			t.Errorf("%d: %s got %v", i, x.who, got)
		}
	}
	p.give("a")
	if !p.take("c") || p.taken() != 3 {
		t.Errorf("%d are taken", p.taken())
	}
	for _, who := range []string{"a", "b", "c"} {
		p.give(who)
	}
	if p.taken() != 0 || len(p.held) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestNobodyTakesAll: a customer with all of its portion is turned away, by whichever of
// its accounts it asks; others are not.
func TestNobodyTakesAll(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme, program, globex := d.person(accounts.Customer, "acme"), d.program(accounts.Customer, "acme"), d.person(accounts.Customer, "globex")
	for path, p := range map[string]*portions{"/parties": &d.places, "/balances": &d.places, exportPath: &d.exports, "/live": &d.streams} {
		n := 0
		for p.take("customer acme") {
			n++
		}
		if n != p.each || n > p.all/2 {
			t.Errorf("%s: %d of %d for one", path, n, p.all)
		}
		for _, who := range []*person{acme, program} {
			if w := who.ask(get, path, nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if path != "/live" {
			for _, who := range []*person{boss, globex} {
				if w := who.ask(get, path, nil); w.Code != http.StatusOK {
					t.Errorf("%s of another: %d %s", path, w.Code, w.Body)
				}
			}
		} else if !d.streams.take("account x") {
			t.Error("nothing is left for others")
		}
		for range n {
			p.give("customer acme")
		}
	}
	if w := acme.ask(get, exportPath, nil); w.Code != http.StatusOK || d.exports.taken() != 0 || d.places.taken() != 0 {
		t.Errorf("afterwards: %d, %d and %d are taken", w.Code, d.exports.taken(), d.places.taken())
	}
}

// TestSlowBodies: who begins to send a body and goes no further keeps nobody out.
func TestSlowBodies(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	d.run(t)
	before := d.Stats().Requests
	for range maxConcurrent + 10 {
		c, err := net.Dial("tcp", d.Addr().String())
		d.must(err)
		defer c.Close()
		_, err = fmt.Fprintf(c, "POST %s/session HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", apiPrefix, d.Addr())
		d.must(err)
	}
	for d.Stats().Requests < before+maxConcurrent+10 || d.entries.taken() > 0 {
		runtime.Gosched()
	}
	if w := boss.ask(get, "/me", nil); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := d.nobody().ask(post, "/session", map[string]string{"email": "boss@example.net", "password": pass}); w.Code != http.StatusOK {
		t.Errorf("logging in: %d %s", w.Code, w.Body)
	}
}
