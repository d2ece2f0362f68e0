package admin

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
)

// Config says where a Server listens and what it shows.
type Config struct {
	Listen string // address:port; "" for none
	Socket string // path of a unix socket; "" for none
	Source Source
	Log    *slog.Logger // nil: none
}

// Server serves the pages of the collector. Its methods other than Open and Run
// are safe for concurrent use.
type Server struct {
	cfg     Config
	handler http.Handler
	ready   chan struct{}
	addr    net.Addr // of Listen; valid once ready
	opened  []net.Listener
}

// New returns a server; Open or Run opens its listeners.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, ready: make(chan struct{})}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newMetrics(cfg.Source), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /{$}", index)
	s.handler = mux
	return s
}

// Ready is closed when all listeners are open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

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
		Handler: s.handler, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	for _, l := range s.opened {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving figures on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	close(s.ready)
	group.Go(func() error {
		<-ctx.Done()
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(within) != nil {
			return server.Close() // a slow reader does not hold up the end
		}
		return nil
	})
	return group.Wait()
}

// stalled is how old what was read of the database may be.
const stalled = 2 * time.Minute

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	st := s.cfg.Source.Status()
	from := max(st.ReadUnixMS, st.StartedUnixMS)
	if age := time.Since(time.UnixMilli(from)); age > stalled {
		http.Error(w, fmt.Sprintf("the database has not answered for %s", age.Round(time.Second)), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := s.cfg.Source.Status().NotReady; len(why) > 0 {
		http.Error(w, strings.Join(why, "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	b, err := json.MarshalIndent(s.cfg.Source.Status(), "", " ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the reader is gone: nobody to tell
}

func index(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "sipward-collector\n/metrics  for Prometheus\n/status   the same as JSON\n/healthz  is it alive\n/readyz   does it do its work\n")
}
