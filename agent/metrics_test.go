package main

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/table"
	"github.com/sipward/sipward/internal/testkit/promtool"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// exported reads all metrics of an agent that has every part, as Prometheus
// would: "name type labels", and "stage event" of those that have them. A guard
// has one edge at a time.
func exported(t *testing.T) (metrics, events map[string]bool) {
	t.Helper()
	metrics, events = exportedWith(t, "nfqueue")
	m, e := exportedWith(t, "authorize")
	maps.Copy(metrics, m)
	maps.Copy(events, e)
	return metrics, events
}

func exportedWith(t *testing.T, mode string) (metrics, events map[string]bool) {
	t.Helper()
	return families(t, page(t, mode))
}

func page(t *testing.T, mode string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	a := parts(t, "capture: {interfaces: [none0], hep: [{network: udp, address: '127.0.0.1:0'}]}\n"+
		"customers: [{id: acme, channels: 3, domains: [acme.example]}]\ncarriers: [{id: telco, channels: 9, domains: [telco.example]}]\n"+
		"uplink: {brokers: ['mqtt://127.0.0.1:1']}\nspool: {dir: "+filepath.Join(dir, "spool")+"}\n"+
		"guard: {mode: "+mode+", dir: "+filepath.Join(dir, "guard")+"}\n"+
		"records: {file: "+filepath.Join(dir, "calls.jsonl")+"}\nadmin: {listen: off, socket: "+socket+"}")
	a.tables = &tables{Keeper: table.New(table.Config{Dir: dir})}
	a.guard.Judge(&register.Request{To: parse.URI{User: "1005"}}, guard.About{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.admin.Run(ctx) }() // the pages alone: the parts need not run to be shown
	<-a.admin.Ready()
	text := get(t, socket, "/metrics")
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

var (
	typeLine = regexp.MustCompile(`^# TYPE (sipward_\w+) (\w+)$`)
	sample   = regexp.MustCompile(`^(sipward_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	label    = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

func families(t *testing.T, text string) (metrics, events map[string]bool) {
	t.Helper()
	metrics, events = map[string]bool{}, map[string]bool{}
	kind := ""
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := typeLine.FindStringSubmatch(line); m != nil {
			name, kind = m[1], m[2]
			continue
		}
		if !strings.HasPrefix(line, "sipward_") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(line, name) {
			t.Fatalf("what is %q?", line)
		}
		var labels []string
		values := map[string]string{}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			values[l[1]] = l[2]
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		metrics[strings.TrimSpace(name+" "+kind+" "+strings.Join(labels, ", "))] = true
		if name == "sipward_dropped_total" || name == "sipward_events_total" {
			events[values["stage"]+" "+values["event"]] = true
		}
	}
	return metrics, events
}

// documented reads docs/metrics.md: rows of metrics have four columns, rows of
// events have three. A metric of calls stands for those of customers and
// carriers as well.
func documented(t *testing.T) (metrics, events map[string]bool) {
	t.Helper()
	b, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics, events = map[string]bool{}, map[string]bool{}
	party := false
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "## ") {
			party = strings.Contains(line, "Calls, customers and carriers")
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[len(cells)-1] == "" {
			t.Errorf("no meaning: %s", line)
		}
		name := strings.Trim(cells[0], "`")
		switch {
		case len(cells) == 3:
			events[name+" "+strings.Trim(cells[1], "`")] = true
		case len(cells) != 4:
			t.Errorf("a row of %d columns: %s", len(cells), line)
		case party:
			rest := strings.TrimPrefix(name, "sipward_")
			carrier := strings.Replace(rest, "calls_", "attempts_", 1)
			metrics[row("sipward_"+rest, cells[1], cells[2])] = true
			metrics[row("sipward_customer_"+rest, cells[1], cells[2], "customer")] = true
			metrics[row("sipward_carrier_"+carrier, cells[1], cells[2], "carrier")] = true
		default:
			metrics[row(name, cells[1], cells[2])] = true
		}
	}
	return metrics, events
}

func row(name, kind, labels string, more ...string) string {
	for _, l := range strings.Split(labels, ",") {
		if l = strings.Trim(strings.TrimSpace(l), "`"); l != "" {
			more = append(more, l)
		}
	}
	slices.Sort(more)
	return strings.TrimSpace(name + " " + kind + " " + strings.Join(more, ", "))
}

// Every metric is in the documentation, and nothing that does not exist.
func TestMetricsAreDocumented(t *testing.T) {
	metrics, events := exported(t)
	said, saidEvents := documented(t)
	delete(said, "sipward_channels_limit gauge") // all calls together have no limit
	compare(t, "metric", metrics, said)
	compare(t, "event", events, saidEvents)
}

// The rules and the dashboard for Prometheus read nothing that does not exist.
func TestMonitoringReadsWhatIsExported(t *testing.T) {
	is := promtool.Exported{}
	for _, mode := range []string{"nfqueue", "authorize"} {
		is.Add(page(t, mode))
	}
	is.CheckQueries(t, "../monitoring", func(metric string) bool { return !strings.HasPrefix(metric, "sipward_collector_") })
}

func compare(t *testing.T, what string, is, said map[string]bool) {
	t.Helper()
	if len(is) == 0 {
		t.Errorf("no %s is exported", what)
	}
	for _, x := range slices.Sorted(maps.Keys(is)) {
		if !said[x] {
			t.Errorf("%s %s is not in docs/metrics.md", what, x)
		}
	}
	for _, x := range slices.Sorted(maps.Keys(said)) {
		if !is[x] {
			t.Errorf("docs/metrics.md has the %s %s, which does not exist", what, x)
		}
	}
}
