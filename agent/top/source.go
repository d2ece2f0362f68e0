package top

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/sync/record"
)

// Source answers what is shown. Its answers do not change any more.
type Source interface {
	// Top returns the head, and at most limit customers or carriers whose name
	// contains match.
	Top(ctx context.Context, by, match string, limit int) (*admin.Top, error)
	// Calls returns the calls in progress of one customer, or carrier.
	Calls(ctx context.Context, by, name string) (*admin.CallsPage, error)
}

// Socket is the path of a running agent's socket.
type Socket string

// Top implements Source.
func (s Socket) Top(ctx context.Context, by, match string, limit int) (*admin.Top, error) {
	top := new(admin.Top)
	q := url.Values{"by": {by}, "match": {match}, "limit": {strconv.Itoa(limit)}}
	_, err := admin.Program.Ask(ctx, string(s), http.MethodGet, "/top?"+q.Encode(), top)
	return top, err
}

// Calls implements Source.
func (s Socket) Calls(ctx context.Context, by, name string) (*admin.CallsPage, error) {
	p := new(admin.CallsPage)
	key := "customer"
	if by == admin.ByCarriers {
		key = "carrier"
	}
	q := url.Values{key: {name}, "limit": {strconv.Itoa(min(listed, record.MaxCalls))}}
	_, err := admin.Program.Ask(ctx, string(s), http.MethodGet, "/calls?"+q.Encode(), p)
	return p, err
}
