package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/sipward/sipward/sync/record"
)

// LiveFilter says which calls in progress are wanted: at most Limit of each node, the newest.
type LiveFilter struct {
	Customer, Carrier string // "": any
	Limit             int
}

// NodeCalls is what one node says of its calls in progress.
type NodeCalls struct {
	Node  string
	Error string // why there is no answer; empty when there is
	Calls []record.LiveCall
	More  int // that it has beside these
}

// CallsFunc asks all nodes for calls in progress.
type CallsFunc func(ctx context.Context, f LiveFilter) ([]NodeCalls, error)

type liveCall struct {
	Key        string `json:"key"`
	Node       string `json:"node"`
	Kind       string `json:"kind"`
	Customer   string `json:"customer"`
	Carrier    string `json:"carrier"`
	Direction  string `json:"direction"`
	Caller     string `json:"caller"`
	Called     string `json:"called"`
	CallID     string `json:"call_id"`
	State      string `json:"state"`
	Started    int64  `json:"started_unix_ms"`
	Ringing    int64  `json:"ringing_unix_ms"`
	Answered   int64  `json:"answered_unix_ms"`
	Held       bool   `json:"held"`
	MediaClass string `json:"media_class"`
	Digits     int    `json:"digits"`
}

type liveCalls struct {
	Items     []liveCall  `json:"items"`
	More      int         `json:"more"`
	At        int64       `json:"at_unix_ms"`
	Unreached []unreached `json:"unreached"`
}

// liveCalls asks the nodes. A customer's account is kept to its own twice: by what is asked
// for, and by what of the answers is shown.
func (s *Server) liveCalls(q *request) (any, error) {
	a := q.args
	f := LiveFilter{Customer: a.text("customer"), Carrier: a.text("carrier"), Limit: int(a.number("limit", 2*defaultLimit, 1, record.MaxCalls))}
	if a.err != nil {
		return nil, a.err
	}
	if s.cfg.Calls == nil {
		return nil, fault(http.StatusNotFound, "this collector cannot ask its nodes")
	}
	all, err := q.view.liveCalls(q.Context(), f)
	if err != nil {
		return nil, err
	}
	out := &liveCalls{Items: []liveCall{}, At: s.cfg.Now().UnixMilli(), Unreached: []unreached{}}
	for _, n := range all {
		if n.Error != "" && (!q.view.own || len(out.Unreached) == 0) { // that there are such, not how many
			out.Unreached = append(out.Unreached, unreached{q.view.node(n.Node), q.view.hide(n.Error)})
		}
		out.More += n.More
		for i := range n.Calls {
			c := &n.Calls[i]
			out.Items = append(out.Items, liveCall{s.nodeHash(n.Node) + "-" + c.Leg, q.view.node(n.Node), c.Kind, c.Customer, q.view.hide(c.Carrier), c.Direction,
				c.Caller, c.Called, c.CallID, c.State, c.StartedUnixMs, c.RingingUnixMs, c.AnsweredUnixMs, c.Held, c.MediaClass,
				c.Digits[0] + c.Digits[1] + c.InfoDigits[0] + c.InfoDigits[1]})
		}
	}
	slices.SortFunc(out.Items, func(a, b liveCall) int { return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.Key, b.Key)) })
	if n := len(out.Items); n > f.Limit {
		out.Items, out.More = out.Items[:f.Limit], out.More+n-f.Limit
	}
	return out, nil
}
