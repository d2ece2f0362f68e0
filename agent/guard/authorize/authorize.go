// Package authorize is the edge of the guard that a switch asks, over HTTP on
// this host, whether a REGISTER may be saved. It serves any transport that the
// switch does, TLS too.
package authorize

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/internal/httpstop"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// defaultListen is where a switch looks for the server.
const defaultListen = "127.0.0.1:9466"

// Judge gives the verdict on a REGISTER. It is called by several goroutines at
// once. What q and about hold is the caller's again when it returns: what is
// kept of it must be copied.
type Judge interface {
	Judge(q *register.Request, about About) register.Verdict
}

// About is what goes into the report of a verdict, and does not decide it.
type About struct {
	Port      uint16 // of the source; 0 when the switch does not say
	Transport string // udp, tcp, tls, sctp, ws or wss
	CallID    string // "" when the switch does not say: no transaction is known by it
	CSeq      uint32
	UserAgent string
}

// Config says where a Server listens and whom it asks.
type Config struct {
	Listen string                   // loopback address:port; "" for none
	Socket string                   // path of a unix socket; "" for none
	Judge  Judge                    // required
	Name   func(id party.ID) string // of a customer, for the answers; nil: they name none
	Log    *slog.Logger             // nil: none
}

// Limits of the server. A switch asks over a connection for each of its worker
// processes, with one question at a time on each, so they are far from what
// one needs.
const (
	maxConnections = 1024
	maxConcurrent  = 256                    // questions; those beyond are answered 503 at once
	maxBody        = 128 << 10              // bytes: twice what a datagram can carry, as a form writes some bytes as three
	maxHeader      = 8 << 10                // bytes
	readTimeout    = 2 * time.Second        // for one whole question
	writeTimeout   = 2 * readTimeout        // from its header to the end of the answer
	idleTimeout    = 10 * time.Minute       // that a connection is kept for the next
	stopTimeout    = 500 * time.Millisecond // for questions that are being answered at the end
	slowAfter      = time.Millisecond       // from a whole question to its answer
)

// Server answers the switch. Its methods other than Open and Run are safe for
// concurrent use.
type Server struct {
	cfg    Config
	ready  chan struct{}
	addr   net.Addr // of Listen; valid once ready
	opened []net.Listener
	places chan struct{} // of questions that are being answered
	works  sync.Pool     // of *work
	count  counters
	faulty atomic.Bool // a fault was logged
	key    string      // of users that must not register: an A1 hash of no password
}

// Stats counts questions since the start. Asked is the sum of Allowed, Refused,
// Elsewhere and Bad.
type Stats struct {
	Asked     uint64 // questions
	Allowed   uint64
	Refused   uint64
	Elsewhere uint64 // of FreeSWITCH, about something else than a registration
	Bad       uint64 // could not be understood, or not answered for a fault of ours
	Slow      uint64 // of all, answered after more than 1 ms
	Busy      uint64 // not in Asked: turned away, because there were too many at once
	Shed      uint64 // connections closed at once, because there were too many
}

type counters struct {
	allowed, refused, elsewhere, bad, slow, busy, shed atomic.Uint64
}

// New checks cfg and returns a server; Open or Run opens its listeners.
func New(cfg Config) (*Server, error) {
	if cfg.Judge == nil {
		return nil, errors.New("an authorize server needs somebody who judges")
	}
	if cfg.Listen == "" && cfg.Socket == "" {
		return nil, errors.New("an authorize server needs an address or a unix socket to listen on")
	}
	if cfg.Listen != "" {
		if err := onLoopback(cfg.Listen); err != nil {
			return nil, err
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, ready: make(chan struct{}), places: make(chan struct{}, maxConcurrent), key: noKey()}
	s.works.New = func() any { return newWork() }
	return s, nil
}

// onLoopback refuses what others than this host could reach: whoever asks
// learns who owns which numbers. What localhost stands for is looked at when it
// is known.
func onLoopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("authorize server: listen %q: write address:port", listen)
	}
	a, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !a.Unmap().IsLoopback()) {
		return fmt.Errorf("authorize server: listen %q: only loopback addresses may be used, as %s or [::1]:9466", listen, defaultListen)
	}
	return nil
}

// Name says what the task is.
func (s *Server) Name() string { return "authorize" }

// Ready is closed when all listeners are open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is where Listen was opened; nil without it. It must not be asked before
// Ready.
func (s *Server) Addr() net.Addr { return s.addr }

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	c := &s.count
	t := Stats{
		Allowed: c.allowed.Load(), Refused: c.refused.Load(), Elsewhere: c.elsewhere.Load(),
		Bad: c.bad.Load(), Slow: c.slow.Load(), Busy: c.busy.Load(), Shed: c.shed.Load(),
	}
	t.Asked = t.Allowed + t.Refused + t.Elsewhere + t.Bad
	return t
}

// Open opens the listeners, so that a mistake shows before anything else
// starts. Run, which must follow, serves and closes them.
func (s *Server) Open(ctx context.Context) (err error) {
	s.opened, err = s.open(ctx)
	return err
}

// Run serves until ctx ends, and returns nil then. It opens what Open did not.
func (s *Server) Run(ctx context.Context) error {
	if s.opened == nil {
		if err := s.Open(ctx); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	server := &http.Server{
		Handler: s, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	for _, l := range s.opened {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("answering the switch on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	close(s.ready)
	group.Go(func() error { return httpstop.After(ctx, server, stopTimeout) })
	return group.Wait()
}
