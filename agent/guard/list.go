package guard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Binding is a registered contact as people are shown it.
type Binding struct {
	Number        string `json:"number"`
	Domain        string `json:"domain"`
	Customer      string `json:"customer"`
	Contact       string `json:"contact"`
	Source        string `json:"source"` // "" when nobody was seen registering it
	Transport     string `json:"transport"`
	Username      string `json:"username,omitempty"`
	Stray         string `json:"stray,omitempty"` // why the table would refuse its number
	SinceUnixMs   int64  `json:"since_unix_ms"`
	ExpiresUnixMs int64  `json:"expires_unix_ms"`
}

func (g *Guard) shown(b *register.Binding) Binding {
	s := Binding{
		Number: text(b.Number), Domain: text(b.Domain), Customer: partyName(g.book, b.Customer), Contact: text(contactText(&b.Contact)),
		Transport: b.Transport.String(), Username: text(b.Username), SinceUnixMs: b.Since / 1e6, ExpiresUnixMs: b.Expires / 1e6,
	}
	if b.Source.IsValid() {
		s.Source = b.Source.String()
	}
	if b.Stray != 0 {
		s.Stray = b.Stray.String()
	}
	return s
}

// page lists some bindings, holding the lock for a moment.
func (g *Guard) page(from register.Cursor, want register.Select, to []register.Binding, most int) ([]register.Binding, register.Cursor) {
	g.yield()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.registry.List(from, want, time.Now().UnixNano(), most, to)
}

// list lists up to limit bindings and says where to go on; 0 at the end.
func (g *Guard) list(from register.Cursor, want register.Select, limit int) ([]Binding, register.Cursor) {
	out := []Binding{}
	page := make([]register.Binding, 0, step)
	for {
		page, from = g.page(from, want, page[:0], min(step, limit-len(out)))
		g.mu.Lock()
		for i := range page {
			out = append(out, g.shown(&page[i]))
		}
		g.mu.Unlock()
		if from == 0 || len(out) >= limit {
			return out, from
		}
	}
}

// Bindings lists up to limit bindings of a customer with the numbers first to last,
// by number, and says how many more there are. No customer stands for all of them,
// two empty numbers for all numbers. It is an error when they are no range.
func (g *Guard) Bindings(customer, first, last string, limit int) (list []Binding, more int, err error) {
	want := register.Select{First: first, Last: last, Customer: customer}
	if err := checkRange(first, last); err != nil {
		return nil, 0, err
	}
	list, at := g.list(0, want, max(limit, 0))
	page := make([]register.Binding, 0, step)
	for at != 0 {
		page, at = g.page(at, want, page[:0], step)
		more += len(page)
	}
	byNumber(list)
	return list, more, nil
}

func byNumber(list []Binding) {
	slices.SortFunc(list, func(a, b Binding) int {
		if d := len(a.Number) - len(b.Number); d != 0 {
			return d
		}
		return strings.Compare(a.Number+" "+a.Domain+" "+a.Contact, b.Number+" "+b.Domain+" "+b.Contact)
	})
}

func checkRange(first, last string) error {
	if asked := (party.Block{First: first, Last: last}); asked != (party.Block{}) && !asked.Valid() {
		return fmt.Errorf("%q to %q is no range: give two numbers of equal length, the smaller first", first, last)
	}
	return nil
}

// Bounds of a page of bindings.
const (
	pageDefault = 100
	pageMost    = 1000
)

func (g *Guard) bindingsPage(w http.ResponseWriter, r *http.Request, strays bool) {
	want, from, limit, err := selection(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	want.Strays = strays
	list, next := g.list(from, want, limit)
	byNumber(list)
	show(w, struct {
		Bindings []Binding `json:"bindings"`
		Next     uint32    `json:"next,omitempty"` // what after is to be for the next page
	}{list, uint32(next)})
}

// selection reads what somebody wants to see: number, or first and last, and
// customer; limit and after.
func selection(r *http.Request) (want register.Select, from register.Cursor, limit int, err error) {
	v := r.URL.Query()
	want = register.Select{First: v.Get("first"), Last: v.Get("last"), Customer: v.Get("customer")}
	if n := v.Get("number"); n != "" {
		if want.First != "" || want.Last != "" {
			return want, 0, 0, errors.New("number and first or last are two selections: give one")
		}
		want.First, want.Last = n, n
	}
	want.First, want.Last = strings.TrimPrefix(want.First, "+"), strings.TrimPrefix(want.Last, "+")
	if err := checkRange(want.First, want.Last); err != nil {
		return want, 0, 0, err
	}
	limit = pageDefault
	if s := v.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > pageMost {
			return want, 0, 0, fmt.Errorf("limit %q is no number from 1 to %d", s, pageMost)
		}
	}
	if s := v.Get("after"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return want, 0, 0, fmt.Errorf("after %q is not what a page before gave as next", s)
		}
		from = register.Cursor(n)
	}
	return want, from, limit, nil
}
