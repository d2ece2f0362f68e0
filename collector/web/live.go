package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

type live struct {
	Time       int64       `json:"time_unix_ms"`
	Setup      uint64      `json:"setup"`
	Answered   uint64      `json:"answered"`
	Configured *int64      `json:"configured"`
	CPS        uint64      `json:"calls_per_second"`
	NodesUp    int         `json:"nodes_up"`
	Nodes      int         `json:"nodes"`
	Open       int         `json:"open"`
	Parties    []liveParty `json:"parties"`
}

type liveParty struct {
	Kind     string `json:"kind"`
	ID       string `json:"id"`
	Setup    uint64 `json:"setup"`
	Answered uint64 `json:"answered"`
	Channels *int64 `json:"channels"`
	cps      uint64
}

// maxLiveParties bounds the parties of one frame: those that use most come first.
const maxLiveParties = 200

// allLive adds up what nodes say.
func allLive(nodes []Now, now time.Time) live {
	out := live{Time: now.UnixMilli(), Parties: []liveParty{}}
	at := map[[2]string]int{}
	add := func(kind string, list []record.LiveParty, counts bool) {
		for i := range list {
			p := &list[i]
			key := [2]string{kind, p.ID}
			j, ok := at[key]
			if !ok {
				j = len(out.Parties)
				at[key] = j
				out.Parties = append(out.Parties, liveParty{Kind: kind, ID: p.ID})
			}
			x := &out.Parties[j]
			if counts {
				x.Setup, x.Answered, x.cps = x.Setup+p.LiveSetup, x.Answered+p.LiveAnswered, x.cps+p.CallsPerSecond
			}
			if n := int64(p.Channels); n > 0 && (x.Channels == nil || *x.Channels < n) { // each node has the same limit
				x.Channels = &n
			}
		}
	}
	for i := range nodes {
		n := &nodes[i]
		out.Nodes++
		if n.State != nil && n.State.State == record.StateUp {
			out.NodesUp++
		}
		if n.Live == nil {
			continue
		}
		counts := fresh(n, now)
		if counts {
			out.Setup, out.Answered, out.CPS = out.Setup+n.Live.LiveSetup, out.Answered+n.Live.LiveAnswered, out.CPS+n.Live.CallsPerSecond
		}
		add(query.KindCustomer, n.Live.Customers, counts)
		add(query.KindCarrier, n.Live.Carriers, counts)
	}
	for i := range out.Parties {
		if p := &out.Parties[i]; p.Kind == query.KindCustomer && p.Channels != nil {
			if out.Configured == nil {
				out.Configured = new(int64(0))
			}
			*out.Configured += *p.Channels
		}
	}
	slices.SortFunc(out.Parties, func(a, b liveParty) int {
		return cmp.Or(cmp.Compare(b.Setup+b.Answered, a.Setup+a.Answered), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// of is what one customer sees of it; the operator, with "", sees all.
func (l live) of(customer string) live {
	if customer == "" {
		l.Parties = l.Parties[:min(len(l.Parties), maxLiveParties)]
		return l
	}
	out := live{Time: l.Time, Parties: []liveParty{}}
	for i := range l.Parties {
		if p := l.Parties[i]; p.Kind == query.KindCustomer && p.ID == customer {
			out.Setup, out.Answered, out.Configured, out.CPS = p.Setup, p.Answered, p.Channels, p.cps
			out.Parties = append(out.Parties, p)
		}
	}
	return out
}

// hub makes one frame a second for each customer that somebody looks at, and one for
// the whole, however many look.
type hub struct {
	s *Server

	mu      sync.Mutex // guards what follows
	clients map[*client]bool
}

// client is one stream. Its channel holds one frame: who is slower gets the newest.
type client struct {
	customer string
	token    string
	frames   chan []byte
	ended    chan struct{} // closed when its session was ended here
}

func newHub(s *Server) *hub { return &hub{s: s, clients: map[*client]bool{}} }

func (h *hub) streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

func (h *hub) join(customer, token string) *client {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &client{customer, token, make(chan []byte, 1), make(chan struct{})}
	h.clients[c] = true
	return c
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// end ends the streams of a session.
func (h *hub) end(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if token != "" && c.token == token {
			delete(h.clients, c)
			close(c.ended)
		}
	}
}

func (h *hub) run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			h.tick(ctx)
		}
	}
}

// tick hands out one second's frames. They are made without the lock: the database may be
// slow, and who comes or goes does not wait for it.
func (h *hub) tick(ctx context.Context) {
	frames := h.wanted()
	if len(frames) == 0 {
		return
	}
	now := allLive(h.s.cfg.Live(), h.s.cfg.Now())
	for customer := range frames {
		frames[customer] = h.encode(ctx, now, customer)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		f := frames[c.customer]
		if f == nil {
			continue // it came meanwhile, and has its first frame
		}
		select {
		case <-c.frames:
			h.s.count.skipped.Add(1)
		default:
		}
		c.frames <- f // there is room: nobody else sends
	}
}

// wanted lists the customers that somebody looks at; "" is the whole.
func (h *hub) wanted() map[string][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]byte{}
	for c := range h.clients {
		out[c.customer] = nil
	}
	return out
}

// encode writes a frame as an event (HTML, server-sent events).
func (h *hub) encode(ctx context.Context, l live, customer string) []byte {
	x := l.of(customer)
	if customer == "" {
		if list, err := h.s.checklist(ctx, &everything{h.s}); err == nil {
			x.Open = list.Open
		}
	}
	body, err := json.Marshal(x)
	if err != nil {
		panic(err) // of our own types
	}
	h.s.count.frames.Add(1)
	return slices.Concat([]byte("event: live\ndata: "), body, []byte("\n\n"))
}

// How often a stream looks whether its session still is one, and how long one write may
// take.
const (
	stillEvery  = 10 * time.Second
	streamWrite = 10 * time.Second
)

// live streams figures until the session ends, or the reader goes.
func (s *Server) live(q *request) (any, error) {
	who := q.sharer()
	if !s.streams.take(who) {
		s.count.noStreams.Add(1)
		p := fault(http.StatusServiceUnavailable, "too many dashboards are open")
		p.RetryAfter = 30
		return nil, p
	}
	defer s.streams.give(who)
	c := s.hub.join(q.view.customer, q.token)
	defer s.hub.leave(c)
	h := q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(q.w)
	send := func(b []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite)) // a test's recorder has none
		if _, err := q.w.Write(b); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	first := s.hub.encode(q.Context(), allLive(s.cfg.Live(), s.cfg.Now()), c.customer)
	if !send(first) {
		return nil, nil //nolint:nilnil // the reader is gone
	}
	still := time.NewTicker(stillEvery)
	defer still.Stop()
	for {
		select {
		case <-q.Context().Done():
			return nil, nil //nolint:nilnil // the same, or the end of the program
		case <-c.ended:
			return nil, nil //nolint:nilnil // logged out
		case f := <-c.frames:
			if !send(f) {
				return nil, nil //nolint:nilnil // the reader is gone
			}
		case <-still.C:
			if !s.still(q) {
				return nil, nil //nolint:nilnil // the session is over
			}
		}
	}
}

// still reports whether who opened a stream may still see it. A stream that stays open is
// no sign of a person, so it does not keep a session from ending.
func (s *Server) still(q *request) bool {
	ctx, cancel := context.WithTimeout(q.Context(), handleTimeout)
	defer cancel()
	var p *accounts.Principal
	var err error
	if q.token != "" {
		p, err = s.cfg.Service.Still(ctx, q.token, q.from)
	} else {
		p, err = s.authenticate(q)
	}
	if err != nil {
		return false
	}
	customer, own := p.Scope()
	return p.Can(accounts.SeeFigures) && own == q.view.own && customer == q.view.customer
}
