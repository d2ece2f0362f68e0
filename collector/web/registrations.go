package web

import (
	"net/http"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/sync/record"
)

type registration struct {
	Key       string `json:"key"`
	Node      string `json:"node"`
	At        int64  `json:"at_unix_ms"`
	Verdict   string `json:"verdict"`
	Reason    string `json:"reason"`
	Mode      string `json:"mode"`
	Customer  string `json:"customer"`
	Number    string `json:"number"`
	Domain    string `json:"domain"`
	Src       string `json:"src"`
	Transport string `json:"transport"`
	UserAgent string `json:"user_agent"`
	Username  string `json:"username"`
	Block     string `json:"block"`
	Holder    string `json:"holder"`
	Repeated  uint64 `json:"repeated"`
}

func registrationOf(v *view, r *query.RegistrationRow) registration {
	x := r.Registration
	out := registration{Key: sealPlace(v.s.placeOf(r.Position())), Node: v.node(r.Node), At: r.AtUnixMs, Verdict: x.GetVerdict(), Reason: x.GetReason(),
		Mode: v.hide(x.GetMode()), Customer: x.GetCustomer(), Number: x.GetNumber(), Domain: x.GetDomain(), Src: x.GetSrc(), Transport: x.GetTransport(),
		UserAgent: x.GetUserAgent(), Username: x.GetUsername(), Block: x.GetBlock(), Holder: v.holder(x.GetHolder()), Repeated: x.GetRepeated()}
	if out.Holder != x.GetHolder() {
		out.Block = "" // another customer's
	}
	return out
}

func (s *Server) registrations(q *request) (any, error) {
	a := q.args
	limit := a.limit()
	f := query.RegistrationFilter{Node: a.text("node"), Customer: a.text("customer"), Verdict: a.word("verdict", "", "refused", "would_refuse", "stray"),
		Reason: a.text("reason"), Prefix: a.text("number"), Source: a.text("source"), Newest: true, Limit: limit + 1}
	f.FromUnixMs, f.ToUnixMs = a.times()
	if a.err != nil {
		return nil, a.err
	}
	var err error
	if f.After, err = q.after(); err != nil {
		return nil, err
	}
	out := page[registration]{Items: []registration{}}
	var last query.Position
	err = q.view.registrations(q.Context(), f, func(r *query.RegistrationRow) error {
		if len(out.Items) == limit {
			out.Next = sealPlace(s.placeOf(last))
			return nil
		}
		last = r.Position()
		out.Items = append(out.Items, registrationOf(q.view, r))
		return nil
	})
	return out, err
}

type binding struct {
	Node      string `json:"node"`
	Number    string `json:"number"`
	Domain    string `json:"domain"`
	Customer  string `json:"customer"`
	Contact   string `json:"contact"`
	Source    string `json:"source"`
	Transport string `json:"transport"`
	Username  string `json:"username,omitempty"`
	Stray     string `json:"stray,omitempty"`
	Since     int64  `json:"since_unix_ms"`
	Expires   int64  `json:"expires_unix_ms"`
}

type unreached struct {
	Node  string `json:"node"`
	Error string `json:"error"`
}

type bindings struct {
	Items     []binding   `json:"items"`
	More      int         `json:"more"`
	Unreached []unreached `json:"unreached"`
}

func (s *Server) bindings(q *request) (any, error) {
	a := q.args
	r := Range{a.text("first"), a.text("last")}
	limit := int(a.number("limit", defaultLimit, 1, record.MaxBindings))
	if a.err != nil {
		return nil, a.err
	}
	if r != (Range{}) {
		if _, err := table.ParseRange(r.First + "-" + r.Last); err != nil {
			return nil, fault(http.StatusBadRequest, err.Error())
		}
	}
	return s.askBindings(q, []Range{r}, limit)
}

// askBindings asks nodes. A customer's account is kept to its own phones twice: by what is
// asked for, and by what of the answers is shown.
func (s *Server) askBindings(q *request, ranges []Range, limit int) (*bindings, error) {
	if s.cfg.Ask == nil {
		return nil, fault(http.StatusNotFound, "this collector cannot ask its nodes")
	}
	v := q.view
	f := BindingFilter{Ranges: ranges, Limit: limit}
	if v.own {
		f.Customer, f.Limit = v.customer, record.MaxBindings // older nodes answer with everybody's: of these, others' are left out
	}
	all, err := s.cfg.Ask(q.Context(), f)
	if err != nil {
		return nil, err
	}
	out := &bindings{Items: []binding{}, Unreached: []unreached{}}
	for _, n := range all {
		if n.Error != "" && (!v.own || len(out.Unreached) == 0) { // that there are such, not how many
			out.Unreached = append(out.Unreached, unreached{v.node(n.Node), v.hide(n.Error)})
		}
		for i := range n.Bindings {
			if b := &n.Bindings[i]; !v.own || b.Customer == v.customer {
				out.Items = append(out.Items, binding{v.node(n.Node), b.Number, b.Domain, b.Customer, b.Contact, b.Source, b.Transport, b.Username,
					v.hide(b.Stray), b.SinceUnixMs, b.ExpiresUnixMs})
			}
		}
		out.More += n.More
	}
	if n := len(out.Items) - limit; v.own && n > 0 {
		out.Items, out.More = out.Items[:limit], out.More+n
	}
	return out, nil
}
