package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// Server serves the pages of the agent. Its methods other than Run are safe
// for concurrent use.
type Server struct {
	cfg     Config
	handler http.Handler
	losses  *losses
	ready   chan struct{}
	addr    net.Addr // of Listen; valid once ready
	opened  []net.Listener
}

// New returns a server; Open or Run opens its listeners.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, losses: newLosses(cfg.Source), ready: make(chan struct{})}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s), collectors.NewGoCollector(),
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

// Status is the source's, with what the server noticed itself.
func (s *Server) Status() *Status {
	out := *s.cfg.Source.Status()
	out.Suspect = s.losses.suspect()
	return &out
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
	group.Go(func() error { return s.losses.run(ctx) })
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

// open opens both listeners, or neither.
func (s *Server) open(ctx context.Context) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			listeners = nil
		}
	}()
	var lc net.ListenConfig
	if s.cfg.Listen != "" {
		l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
		if err != nil {
			return listeners, fmt.Errorf("serving figures: %w; set admin.listen to a free address, or off", err)
		}
		s.addr = l.Addr()
		listeners = append(listeners, l)
	}
	if s.cfg.Socket != "" {
		l, err := openSocket(ctx, s.cfg.Socket)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// openSocket listens on a unix socket that owner and group may use. One that
// was left by a dead agent is replaced; one that is alive is not. The socket's
// own folder is made when it is missing, as /run/sipward is after every boot;
// its parent is not: that would be a slip of the pen.
func openSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("making the folder of the status socket: %w; make it, or set admin.socket", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil && stale(ctx, path) {
		if err = os.Remove(path); err == nil {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("opening the status socket: %w; make its folder (systemd: RuntimeDirectory=sipward), or set admin.socket", err)
	case err != nil:
		return nil, fmt.Errorf("opening the status socket: %w; is another agent running? Set admin.socket to another path, or off", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("guarding the status socket: %w", err), l.Close())
	}
	return l, nil
}

// stale reports whether path is a socket that nobody listens on.
func stale(ctx context.Context, path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED) // any other error says nothing about who listens
}

// stalled is how old a snapshot may be before the pipeline counts as stuck; it
// publishes once a second.
const stalled = 15 * time.Second

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if age := time.Since(s.cfg.Source.Status().Taken); age > stalled {
		http.Error(w, fmt.Sprintf("the pipeline has not published figures for %s", age.Round(time.Second)), http.StatusServiceUnavailable)
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
	b, err := json.MarshalIndent(NewReport(s.Status(), time.Now()), "", " ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the reader is gone: nobody to tell
}

func index(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "sipward-agent\n/metrics  for Prometheus\n/status   the same as JSON\n/healthz  is it alive\n/readyz   does it do its work\n")
}
