package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/internal/httpstop"
	"github.com/sipward/sipward/internal/seldom"
)

// Config says where a Server listens and what it serves.
type Config struct {
	Listen            string // address:port
	CertFile, KeyFile string // PEM; both or none
	BehindProxy       bool   // a proxy in front speaks TLS, and says in X-Forwarded-For who asks
	PublicURL         string // what links begin with; "": the address that the asker used

	Service *accounts.Service
	Reads   Reads
	Desk    Desk
	Live    func() []Now // newest figures and states of all nodes, by id
	Table   Table        // nil: customers and blocks are not kept here
	Ask     AskFunc      // nil: nobody can be asked
	Calls   CallsFunc    // the same
	Alarm   Alarm        // nil: nobody watches for alerts

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
}

// Limits of the server.
const (
	maxConnections  = 4096
	maxConnections1 = 256      // of these, of one address (IPv6: of its /64)
	maxConcurrent   = 128      // requests; those beyond are answered 503 at once
	maxConcurrent1  = 32       // of these, of one account or customer
	maxStreams      = 1000     // of live figures
	maxStreams1     = 250      // the same of one
	maxBody         = 64 << 10 // bytes
	maxOpenBody     = 16 << 10 // of whoever is not logged in
	maxHeader       = 16 << 10 // bytes
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second // for one whole request
	handleTimeout   = 30 * time.Second // for what the store takes
	writeTimeout    = time.Minute      // from the header of a request to the end of its answer
	idleTimeout     = 2 * time.Minute
	stopTimeout     = 2 * time.Second // for requests that are being answered at the end
)

// Server serves the dashboard. Its methods other than Open and Run are safe for
// concurrent use.
type Server struct {
	cfg      Config
	public   *url.URL // of PublicURL; nil without
	cookie   string   // its name
	secure   bool     // browsers reach it over TLS only
	paths    []resource
	api      http.Handler
	static   *static
	hub      *hub
	cross    *http.CrossOriginProtection
	entries  portions // of requests of which it is found out who asks
	places   portions // of requests that are being answered
	exports  portions // of files that are being made
	streams  portions // of live figures
	count    counters
	placeKey []byte // of the names of nodes in links
	seldom   *seldom.Logger

	table    cached[*shownTable]
	overview cached[*overview]
	known    cached[[]query.Node]
	checks   cached[*checklist]
	tests    *allowance               // of delivery
	old      shared[graphKey, *graph] // nobody changes them
	answers  shared[string, *encoded]

	ready  chan struct{}
	addr   net.Addr
	opened net.Listener
	tls    *tls.Config
	pair   *certificate // nil without TLS
	once   sync.Once
}

// Stats are counters since the start, and gauges.
type Stats struct {
	Requests  uint64 // of the API, however they were answered
	Files     uint64 // requests for pages, scripts and the like
	Refused   uint64 // not logged in, or not allowed to
	Forged    uint64 // without the proof that a page of ours made them
	Bad       uint64 // that make no sense, or are too large
	Failed    uint64 // for a fault of ours, or of the store
	Panics    uint64 // of these: our own bugs
	Busy      uint64 // turned away for too many at once
	Shed      uint64 // connections closed at once for too many
	Crowded   uint64 // the same for too many of one address
	Frames    uint64 // live figures that were encoded
	Skipped   uint64 // live figures that a slow reader did not get
	Streams   int    // readers of live figures now
	NoStreams uint64 // readers turned away for too many
}

type counters struct {
	requests, files, refused, forged, bad, failed, panics, busy, shed, crowded, frames, skipped, noStreams atomic.Uint64
}

// New checks cfg and returns a server; Open or Run opens its listener.
func New(cfg Config) (*Server, error) {
	if cfg.Service == nil || cfg.Reads == nil || cfg.Desk == nil || cfg.Live == nil {
		return nil, errors.New("a web server needs accounts, a store, a desk and live figures")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, ready: make(chan struct{}), entries: portions{all: maxConcurrent, each: maxConcurrent},
		places: portions{all: maxConcurrent, each: maxConcurrent1}, exports: portions{all: maxExports, each: maxExports1}, streams: portions{all: maxStreams, each: maxStreams1},
		cross: http.NewCrossOriginProtection(), seldom: seldom.New(cfg.Log), placeKey: newPlaceKey(), tests: &allowance{burst: testBurst, window: testWindow}}
	if err := s.checkListen(); err != nil {
		return nil, err
	}
	if err := s.checkPublic(); err != nil {
		return nil, err
	}
	s.secure = cfg.CertFile != "" || cfg.BehindProxy
	s.cookie = "sipward"
	if s.secure {
		s.cookie = "__Host-sipward" // a browser then holds it to TLS, this host and the whole of it
	}
	var err error
	if s.static, err = newStatic(files()); err != nil {
		return nil, err
	}
	s.hub = newHub(s)
	s.paths = s.byPath(routes)
	s.api = s.handler()
	return s, nil
}

func (s *Server) checkListen() error {
	host, _, err := net.SplitHostPort(s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("web server: listen %q: write address:port", s.cfg.Listen)
	}
	if (s.cfg.CertFile == "") != (s.cfg.KeyFile == "") {
		return errors.New("web server: cert_file and key_file go together")
	}
	a, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && a.Unmap().IsLoopback()
	if !loopback && s.cfg.CertFile == "" && !s.cfg.BehindProxy {
		return fmt.Errorf("web server: listen %q: passwords would go over the network in the clear: set cert_file and key_file, listen on 127.0.0.1, or say behind_proxy: true when a proxy in front speaks TLS", s.cfg.Listen)
	}
	return nil
}

func (s *Server) checkPublic() error {
	if s.cfg.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(s.cfg.PublicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("web server: public_url %q: write https://host", s.cfg.PublicURL)
	}
	s.public = u
	return nil
}

// Name says what the task is.
func (s *Server) Name() string { return "web" }

// Ready is closed when the listener is open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is where Listen was opened. It must not be asked before Ready or Open.
func (s *Server) Addr() net.Addr { return s.addr }

// URL is where people find the dashboard, without a slash at its end. It must not be
// asked before Ready or Open, unless PublicURL was given.
func (s *Server) URL() string {
	if s.public != nil {
		return trimSlash(s.public.String())
	}
	scheme := "http"
	if s.cfg.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + s.addr.String()
}

// Link is the page that takes a one-time link. Its token is in the fragment, which
// browsers do not send and proxies do not log.
func (s *Server) Link(token string) string { return s.URL() + "/#/setup/" + token }

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	c := &s.count
	return Stats{Requests: c.requests.Load(), Files: c.files.Load(), Refused: c.refused.Load(), Forged: c.forged.Load(),
		Bad: c.bad.Load(), Failed: c.failed.Load(), Panics: c.panics.Load(), Busy: c.busy.Load(), Shed: c.shed.Load(), Crowded: c.crowded.Load(),
		Frames: c.frames.Load(), Skipped: c.skipped.Load(), Streams: s.hub.streams(), NoStreams: c.noStreams.Load()}
}

// Open opens the listener, so that a mistake shows before anything else starts. Run,
// which must follow, serves and closes it.
func (s *Server) Open(ctx context.Context) error {
	if s.cfg.CertFile != "" {
		var err error
		if s.pair, err = newCertificate(s.cfg.CertFile, s.cfg.KeyFile); err != nil {
			return fmt.Errorf("serving the dashboard: %w", err)
		}
		s.tls = s.pair.config()
	}
	if err := s.openPlaceKey(ctx); err != nil {
		return fmt.Errorf("serving the dashboard: reading the key of links to calls: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("serving the dashboard: %w; set web.listen to a free address, or off", err)
	}
	s.addr = l.Addr()
	s.opened = s.bound(l)
	if s.tls != nil {
		s.opened = tls.NewListener(s.opened, s.tls)
	}
	return nil
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
		Handler: s, BaseContext: func(net.Listener) context.Context { return ctx }, TLSConfig: s.tls,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	group.Go(func() error {
		if err := server.Serve(s.opened); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the dashboard on %s: %w", s.addr, err)
		}
		return nil
	})
	group.Go(func() error { return s.hub.run(ctx) })
	if s.pair != nil {
		group.Go(func() error {
			every := time.NewTicker(certEvery)
			defer every.Stop()
			return s.renew(ctx, every.C)
		})
	}
	group.Go(func() error { return httpstop.After(ctx, server, stopTimeout) })
	s.once.Do(func() { close(s.ready) })
	return group.Wait()
}
