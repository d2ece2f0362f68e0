package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sipward/sipward/internal/adminhttp"
)

// Program is what messages call the collector.
var Program = adminhttp.Program{Name: "collector", Unit: "sipward-collector", RuntimeDir: "sipward-collector"}

// stalled is how old what was read of the database may be.
const stalled = 2 * time.Minute

// Config says where a server listens and what it shows.
type Config struct {
	Listen string // address:port; "" for none
	Socket string // path of a unix socket; "" for none
	Source Source
	Ask    AskFunc      // asks nodes for their bindings, for who may use the socket
	People People       // accounts of the dashboard, for root and the collector's user
	Log    *slog.Logger // nil: none
}

// New returns a server of the collector's pages; its Open or Run opens the
// listeners.
func New(cfg Config) *adminhttp.Server {
	return adminhttp.New(adminhttp.Config{
		Program: Program, Listen: cfg.Listen, Socket: cfg.Socket, Log: cfg.Log,
		Metrics:  newMetrics(cfg.Source),
		Status:   func() any { return cfg.Source.Status() },
		Health:   func() error { return health(cfg.Source.Status()) },
		NotReady: func() []string { return cfg.Source.Status().NotReady },
		Local: map[string]http.Handler{
			"GET " + bindingsPage:  answerBindings(cfg.Ask),
			"GET " + accountsPage:  adminhttp.OwnerOnly(answerAccounts(cfg.People)),
			"POST " + accountsPage: adminhttp.OwnerOnly(answerLink(cfg.People)),
		},
	})
}

func health(s *Status) error {
	from := max(s.ReadUnixMs, s.StartedUnixMs)
	if age := time.Since(time.UnixMilli(from)); age > stalled {
		return fmt.Errorf("the database has not answered for %s", age.Round(time.Second))
	}
	return nil
}
