package web

import (
	"cmp"
	"sync"

	"github.com/sipward/sipward/internal/site"
)

// portions hands out what there is only so much of, such that nobody has all of it: one
// account that opens a thousand streams must not keep the others from their dashboards.
type portions struct {
	all, each int // at once

	mu   sync.Mutex // guards what follows
	n    int
	held map[string]int // by who
}

// take reports whether there was one left for who. It is followed by give when there was.
func (p *portions) take(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= p.all || p.held[who] >= p.each {
		return false
	}
	if p.held == nil {
		p.held = map[string]int{}
	}
	p.n++
	p.held[who]++
	return true
}

func (p *portions) give(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n--
	if p.held[who]--; p.held[who] == 0 {
		delete(p.held, who)
	}
}

// sharer is whose portion a request takes: all accounts and tokens of a customer have
// one together, whoever is not logged in has that of its address.
func (q *request) sharer() string {
	if q.who == nil {
		return "address " + site.Name(q.from)
	}
	if customer, own := q.who.Scope(); own {
		return "customer " + customer
	}
	return "account " + cmp.Or(q.who.Token, q.who.Account)
}
