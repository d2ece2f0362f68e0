package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// view is the data as one asker may see it. Every question of a handler goes through
// it, and here alone a customer's account is kept to its own customer: what it asks for
// is put into each filter, and what is the operator's business is taken out of each row.
type view struct {
	s        *Server
	who      *accounts.Principal
	customer string // whose data alone; empty when own is false
	own      bool
}

func newView(s *Server, p *accounts.Principal) *view {
	v := &view{s: s, who: p}
	v.customer, v.own = p.Scope()
	if v.own && v.customer == "" {
		panic("a principal that is kept to no customer") // Can refuses it before
	}
	return v
}

// refuse says that a parameter is not for this asker. To leave it out in silence would
// show more, or other things, than were asked for.
func refuse(what string) error {
	return faultOf("forbidden", http.StatusForbidden, what+" is not for this account to see")
}

// only puts the own customer into a filter.
func (v *view) only(customer *string) error {
	switch {
	case !v.own:
		return nil
	case *customer != "" && *customer != v.customer:
		return refuse("another customer")
	}
	*customer = v.customer
	return nil
}

// hidden refuses a filter on what the asker does not get to see.
func (v *view) hidden(name, value string) error {
	if v.own && value != "" {
		return refuse(name)
	}
	return nil
}

func (v *view) calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error {
	if err := v.callFilter(&f); err != nil {
		return err
	}
	return v.s.cfg.Reads.Calls(ctx, f, each)
}

// attempts are found by the number that a carrier was called by, which hide takes out of
// each row: whoever may ask for one that begins so finds it digit by digit.
func (v *view) attempts(ctx context.Context, f query.CallFilter, each func(*query.AttemptRow) error) error {
	if err := v.hidden("the number of an attempt", f.Number+f.Prefix); err != nil {
		return err
	}
	if err := v.callFilter(&f); err != nil {
		return err
	}
	return v.s.cfg.Reads.Attempts(ctx, f, each)
}

// liveCalls are checked once more: nodes are trusted with figures, not with whose they are.
func (v *view) liveCalls(ctx context.Context, f LiveFilter) ([]NodeCalls, error) {
	if err := v.hidden("a carrier", f.Carrier); err != nil {
		return nil, err
	}
	if err := v.only(&f.Customer); err != nil {
		return nil, err
	}
	all, err := v.s.cfg.Calls(ctx, f)
	if v.own {
		for i := range all {
			all[i].Calls = slices.DeleteFunc(all[i].Calls, func(c record.LiveCall) bool { return c.Customer != v.customer })
		}
	}
	return all, err
}

func (v *view) callFilter(f *query.CallFilter) error {
	if err := v.hidden("a carrier", f.Carrier); err != nil {
		return err
	}
	if err := v.hidden("a node", f.Node); err != nil {
		return err
	}
	return v.only(&f.Customer)
}

func (v *view) registrations(ctx context.Context, f query.RegistrationFilter, each func(*query.RegistrationRow) error) error {
	if err := v.hidden("a node", f.Node); err != nil {
		return err
	}
	if err := v.only(&f.Customer); err != nil {
		return err
	}
	return v.s.cfg.Reads.Registrations(ctx, f, each)
}

// party puts the own customer in the place of the total.
func (v *view) party(kind, party *string) error {
	if !v.own {
		return nil
	}
	if *kind == query.KindTotal || *kind == query.KindCustomer && *party == "" {
		*kind, *party = query.KindCustomer, v.customer
	}
	if *kind != query.KindCustomer {
		return refuse("a carrier")
	}
	return v.only(party)
}

// series draws parties of one kind; a customer's account has but its own.
func (v *view) series(ctx context.Context, f query.SeriesFilter, parties []string) (*graph, error) {
	if err := v.hidden("a node", f.Node); err != nil {
		return nil, err
	}
	all, kind := make([]string, len(parties)), f.Kind
	for i, party := range parties {
		f.Kind = kind
		if err := v.party(&f.Kind, &party); err != nil {
			return nil, err
		}
		all[i] = party
	}
	return v.s.graph(ctx, f, all)
}

func (v *view) summaries(ctx context.Context, f query.SummaryFilter, each func(*query.Summary) error) error {
	if err := v.hidden("a node", f.Node); err != nil {
		return err
	}
	if err := v.party(&f.Kind, &f.Party); err != nil {
		return err
	}
	f.AllNodes = true
	return v.s.cfg.Reads.Summaries(ctx, f, each)
}

// completeness is of all nodes; how many there are is not for a customer to see, so it is
// told of hours in the place of hours of nodes.
func (v *view) completeness(ctx context.Context, f query.SummaryFilter, each func(*query.Completeness) error) error {
	if !v.own {
		return v.s.cfg.Reads.Completeness(ctx, f, each)
	}
	hours := f
	hours.Step = query.ByHour
	var at query.Completeness
	err := v.s.cfg.Reads.Completeness(ctx, hours, func(c *query.Completeness) error {
		if begin := f.Step.Begin(c.TimeUnixS); begin != at.TimeUnixS || at.Hours == 0 {
			if at.Hours > 0 {
				if err := each(&at); err != nil {
					return err
				}
			}
			at = query.Completeness{TimeUnixS: begin}
		}
		at.Add(&query.Hour{State: c.State(), LateSinceUnixS: c.LateSinceUnixS})
		return nil
	})
	if err == nil && at.Hours > 0 {
		err = each(&at)
	}
	return err
}

func (v *view) balances(ctx context.Context, each func(*query.Balance) error) error {
	return v.s.cfg.Desk.Balances(ctx, v.customer, each)
}

// node hides which switch it was.
func (v *view) node(id string) string { return v.hide(id) }

// hide returns a text that is not for a customer to read: a node, a carrier, an address
// of the operator's network.
func (v *view) hide(text string) string {
	if v.own {
		return ""
	}
	return text
}

// webhook leaves of a URL where it leads to, unless the asker can set it: whoever knows
// its path can write there.
func (v *view) webhook(raw string) string {
	u, err := url.Parse(raw)
	if raw == "" || v.who.Can(accounts.EditAlerts) {
		return raw
	}
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/..."
}

// holder hides other customers.
func (v *view) holder(customer string) string {
	if v.own && customer != v.customer {
		return ""
	}
	return customer
}

// all asks for what a customer never sees.
func (v *view) all() (*everything, error) {
	if v.own {
		return nil, accounts.ErrForbidden
	}
	return &everything{v.s}, nil
}

// everything is what the operator alone sees. Only view.all hands it out.
type everything struct{ s *Server }

func (e *everything) nodes(ctx context.Context) ([]query.Node, error) {
	return e.s.cfg.Reads.Nodes(ctx)
}

func (e *everything) hours(ctx context.Context, from, to time.Time, each func(*query.Hour) error) error {
	return e.s.cfg.Reads.Hours(ctx, from, to, each)
}

func (e *everything) losses(ctx context.Context, f query.LossFilter, each func(*query.Loss) error) error {
	return e.s.cfg.Reads.Losses(ctx, f, each)
}

func (e *everything) live() []Now { return e.s.cfg.Live() }

// splitBy reads total, customer, carrier, customer:ID or carrier:ID.
func splitBy(by string) (kind, party string, each bool, err error) {
	for _, k := range []string{query.KindCustomer, query.KindCarrier} {
		if by == k {
			return k, "", true, nil
		}
		if id, ok := cutPrefix(by, k+":"); ok {
			return k, id, false, nil
		}
	}
	if by == query.KindTotal || by == "" {
		return query.KindTotal, "", false, nil
	}
	return "", "", false, fault(http.StatusBadRequest, fmt.Sprintf("the parameter by is %.64q; write total, customer, carrier, customer:ID or carrier:ID", by))
}
