// Package adminhttp is how both programs show what they do: the pages for
// people and monitoring, on an address and a unix socket, and how the command
// line reads them. What the pages say is the programs' own.
package adminhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/internal/httpstop"
)

// Program is what messages to people call a program.
type Program struct {
	Name       string // in a sentence, as in "no agent answers"
	Unit       string // its command, which is that of systemd's unit too
	RuntimeDir string // systemd's RuntimeDirectory, where its socket usually is
}

// Config says where a Server listens and what it shows. Its functions are
// called for every request, several at a time.
type Config struct {
	Program  Program
	Listen   string // address:port; "" for none
	Socket   string // path of a unix socket; "" for none
	Metrics  prometheus.Collector
	Status   func() any      // what /status shows as JSON
	Health   func() error    // why it is stuck and must be restarted; nil when it is not
	NotReady func() []string // what it still waits for
	// Local are further pages by their pattern, served on the socket alone:
	// who may open it is the file system's to say, so they may change things.
	Local map[string]http.Handler
	Log   *slog.Logger // nil: none
}

// Server serves the pages of a program. Its methods other than Open and Run
// are safe for concurrent use.
type Server struct {
	cfg    Config
	mux    *http.ServeMux // for everybody
	local  *http.ServeMux // the same and more, on the socket
	ready  chan struct{}
	addr   net.Addr // of Listen; valid once ready
	opened []net.Listener
}

// New returns a server; Open or Run opens its listeners.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), local: http.NewServeMux(), ready: make(chan struct{})}
	registry := prometheus.NewRegistry()
	registry.MustRegister(cfg.Metrics, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}))
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /status", s.status)
	s.mux.HandleFunc("GET /{$}", s.index)
	s.local.Handle("/", s.mux)
	for pattern, h := range cfg.Local {
		s.local.Handle(pattern, h)
	}
	return s
}

// ServeHTTP serves a page, without a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Ready is closed when all listeners are open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is where Listen was opened; nil without it. It must not be asked before
// Ready.
func (s *Server) Addr() net.Addr { return s.addr }

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
	for _, l := range s.opened {
		pages := s.mux
		if l.Addr().Network() == "unix" {
			pages = s.local
		}
		server := &http.Server{
			Handler: pages, BaseContext: func(net.Listener) context.Context { return ctx }, ConnContext: withPeer,
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
			MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		}
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving figures on %s: %w", l.Addr(), err)
			}
			return nil
		})
		group.Go(func() error { return httpstop.After(ctx, server, time.Second) })
	}
	close(s.ready)
	return group.Wait()
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if err := s.cfg.Health(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := s.cfg.NotReady(); len(why) > 0 {
		http.Error(w, strings.Join(why, "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	b, err := json.MarshalIndent(s.cfg.Status(), "", " ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the reader is gone: nobody to tell
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "%s\n/metrics  for Prometheus\n/status   the same as JSON\n/healthz  is it alive\n/readyz   does it do its work\n", s.cfg.Program.Unit)
}
