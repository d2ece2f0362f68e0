package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/table"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/metric/metrictest"
	"github.com/sipward/sipward/internal/testkit/promtool"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// edges are the modes of a guard that have counters of their own; it has one at a time.
var edges = []string{"nfqueue", "authorize"}

// whole is an agent that has every part. Nothing runs.
func whole(t *testing.T, mode string) *agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := parts(t, "capture: {interfaces: [none0], hep: [{network: udp, address: '127.0.0.1:0'}]}\n"+
		"customers: [{id: acme, channels: 3, domains: [acme.example]}]\ncarriers: [{id: telco, channels: 9, domains: [telco.example]}]\n"+
		"uplink: {brokers: ['mqtt://127.0.0.1:1']}\nspool: {dir: "+filepath.Join(dir, "spool")+"}\n"+
		"guard: {mode: "+mode+", dir: "+filepath.Join(dir, "guard")+"}\n"+
		"records: {file: "+filepath.Join(dir, "calls.jsonl")+"}\nadmin: {listen: off, socket: "+filepath.Join(dir, "s")+"}")
	a.tables = &tables{Keeper: table.New(table.Config{Dir: dir})}
	a.certs = certs.NewWatch(certs.File{Use: admin.CertUplink, Path: "../internal/certs/testdata/node.pem"})
	a.guard.Judge(&register.Request{To: parse.URI{User: "1005"}}, guard.About{})
	return a
}

// page reads all metrics of such an agent, as Prometheus would.
func page(t *testing.T, mode string) string {
	t.Helper()
	a := whole(t, mode)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.admin.Run(ctx) }() // the pages alone: the parts need not run to be shown
	<-a.admin.Ready()
	text := get(t, a.cfg.Admin.Socket, "/metrics")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return text
}

func get(t *testing.T, socket, path string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	res, err := client.Get("http://agent" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return string(b)
}

// An agent exports every metric that is described, as it is described, and no other.
func TestMetricsAreAsDescribed(t *testing.T) {
	var pages []string
	for _, mode := range edges {
		pages = append(pages, page(t, mode))
	}
	metrictest.Check(t, pages, admin.Reference(), "sipward_channels_limit") // all calls together have no limit
}

// The rules and the dashboard for Prometheus read nothing that does not exist.
func TestMonitoringReadsWhatIsExported(t *testing.T) {
	is := promtool.Exported{}
	for _, mode := range edges {
		is.Add(page(t, mode))
	}
	is.CheckQueries(t, "../monitoring", func(metric string) bool { return !strings.HasPrefix(metric, "sipward_collector_") })
}
