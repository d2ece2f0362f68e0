package admin

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/internal/adminhttp"
)

// Program is what messages call the agent.
var Program = adminhttp.Program{Name: "agent", Unit: "sipward-agent", RuntimeDir: "sipward"}

// stalled is how old a snapshot may be before the pipeline counts as stuck; it
// publishes once a second.
const stalled = 15 * time.Second

// Config says where a Server listens and what it shows.
type Config struct {
	Listen string // address:port; "" for none
	Socket string // path of a unix socket; "" for none
	Source Source
	Local  map[string]http.Handler // further pages, on the socket alone
	Calls  Calls                   // for /calls on the socket; nil: there is none
	Log    *slog.Logger            // nil: none
}

// Server serves the pages of the agent, and notices losses.
type Server struct {
	*adminhttp.Server
	source Source
	losses *losses
	recent *recent
	calls  Calls
}

// New returns a server; Open or Run opens its listeners.
func New(cfg Config) *Server {
	s := &Server{source: cfg.Source, losses: newLosses(cfg.Source), recent: newRecent(cfg.Source), calls: cfg.Calls}
	s.Server = adminhttp.New(adminhttp.Config{
		Program: Program, Listen: cfg.Listen, Socket: cfg.Socket, Log: cfg.Log,
		Metrics:  newCollector(s),
		Status:   func() any { return NewReport(s.Status(), time.Now()) },
		Health:   s.health,
		NotReady: func() []string { return cfg.Source.Status().NotReady },
		Local:    s.local(cfg.Local),
	})
	return s
}

// local adds the pages that `top` reads to others.
func (s *Server) local(others map[string]http.Handler) map[string]http.Handler {
	out := map[string]http.Handler{"GET /top": http.HandlerFunc(s.topPage)}
	if s.calls != nil {
		out["GET /calls"] = http.HandlerFunc(s.callsPage)
	}
	maps.Copy(out, others)
	return out
}

// Status is the source's, with what the server noticed itself. It is safe for
// concurrent use.
func (s *Server) Status() *Status {
	out := *s.source.Status()
	out.Suspect = s.losses.suspect()
	return &out
}

// Run serves until ctx ends, and returns nil then. It opens what Open did not.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Server.Run(ctx) })
	group.Go(func() error { return s.losses.run(ctx) })
	group.Go(func() error { return s.recent.run(ctx) })
	return group.Wait()
}

func (s *Server) health() error {
	if age := time.Since(s.source.Status().Taken); age > stalled {
		return fmt.Errorf("the pipeline has not published figures for %s", age.Round(time.Second))
	}
	return nil
}
