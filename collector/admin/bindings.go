package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/sipward/sipward/sync/record"
)

// Table is what status says of the table of customers and number blocks.
type Table struct {
	Offered []TableVersion `json:"offered"` // that some node gets: the newest first, the last one is for all others
}

// TableVersion is one version of it.
type TableVersion struct {
	Version    uint64   `json:"version"`
	MadeUnixMs int64    `json:"made_unix_ms"`
	Who        string   `json:"who"`
	Key        string   `json:"key"`             // id of the key that signed it
	Stage      []string `json:"stage,omitempty"` // nodes that alone get it
}

// For is the version that a node gets; nil for none.
func (t *Table) For(node string) *TableVersion {
	if t == nil {
		return nil
	}
	for i := range t.Offered {
		v := &t.Offered[i]
		if len(v.Stage) == 0 || slices.Contains(v.Stage, node) {
			return v
		}
	}
	return nil
}

// What became of a question to a node.
const (
	Answered = "answered"
	Silent   = "silent" // it is up, and did not answer in time
	Absent   = "absent" // it is not connected
)

// Bindings is what nodes say of who is registered with some numbers.
type Bindings struct {
	Nodes []NodeBindings `json:"nodes"`
}

// NodeBindings is what one node says.
type NodeBindings struct {
	Node     string           `json:"node"`
	State    string           `json:"state"` // answered, silent or absent
	Error    string           `json:"error,omitempty"`
	Bindings []record.Binding `json:"bindings"`
	More     int              `json:"more"` // that it has beside these
}

// Range is a range of numbers of one length; the zero value stands for all, and for
// users that are no numbers.
type Range struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// AskFunc asks all nodes for bindings with numbers of ranges, at most limit of each
// node and range.
type AskFunc func(ctx context.Context, ranges []Range, limit int) (*Bindings, error)

// maxRanges bounds one question: it is in the head of a request.
const maxRanges = 200

// bindingsPage is where a collector is asked to ask.
const bindingsPage = "/table/bindings"

// FetchBindings has a running collector ask its nodes. where is the path of its
// socket: over TCP nobody may know who is registered.
func FetchBindings(ctx context.Context, where string, ranges []Range, limit int) (*Bindings, error) {
	all := &Bindings{}
	for part := range slices.Chunk(ranges, maxRanges) {
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		for _, r := range part {
			q.Add("first", r.First)
			q.Add("last", r.Last)
		}
		var b Bindings
		if _, err := Program.Ask(ctx, where, http.MethodGet, bindingsPage+"?"+q.Encode(), &b); err != nil {
			return nil, err
		}
		all.add(&b)
	}
	return all, nil
}

// add adds what nodes said of other ranges. A node that answered one question of
// two has not answered.
func (b *Bindings) add(other *Bindings) {
	for _, n := range other.Nodes {
		at := slices.IndexFunc(b.Nodes, func(x NodeBindings) bool { return x.Node == n.Node })
		if at < 0 {
			b.Nodes = append(b.Nodes, n)
			continue
		}
		x := &b.Nodes[at]
		x.Bindings, x.More = append(x.Bindings, n.Bindings...), x.More+n.More
		if n.State != Answered {
			x.State = n.State
		}
		if n.Error != "" {
			x.Error = n.Error
		}
	}
}

// answerBindings serves that page.
func answerBindings(ask AskFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		first, last := q["first"], q["last"]
		limit, err := strconv.Atoi(q.Get("limit"))
		if len(first) != len(last) || len(first) > maxRanges || err != nil || limit < 0 || limit > record.MaxBindings {
			http.Error(w, "write first=1000&last=1999&limit=100; first and last as often as there are ranges, up to "+strconv.Itoa(maxRanges), http.StatusBadRequest)
			return
		}
		ranges := make([]Range, len(first))
		for i := range first {
			ranges[i] = Range{first[i], last[i]}
		}
		b, err := ask(r.Context(), ranges, limit)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(b) // the reader is gone: nobody to tell
	})
}
