package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/internal/testkit/golden"
	"github.com/sipward/sipward/internal/testkit/promtool"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/register"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixed struct{ s *Status }

func (f fixed) Status() *Status { return f.s }

// sample is an agent in the middle of its day.
func sample() *Status {
	var acme counters.Figures
	acme.LiveSetup, acme.LiveAnswered, acme.Peak, acme.PeakAnswered = 2, 5, 9, 7
	acme.Started, acme.Outcomes, acme.Answered, acme.Effective, acme.Decided = 12, 10, 8, 9, 9
	acme.Over, acme.Completed, acme.Ended, acme.AnsweredMs = 5, 5, 3, 183_000
	acme.ByClass[2], acme.ByClass[4] = 8, 2
	acme.ByRelease[dialog.ByeCaller], acme.ByRelease[dialog.Failed] = 3, 2
	acme.Media[counters.MediaTwoWay], acme.Media[counters.MediaOneWay] = 2, 1
	acme.MediaVisible, acme.CallsWithDigits = 3, 1
	acme.Digits[0], acme.InfoDigits[1] = 4, 2
	acme.MOSMilli[0], acme.MOSCalls[0] = 8600, 2
	acme.PDD.Count, acme.PDD.SumMs, acme.PDD.Buckets[3] = 10, 2500, 10
	total := acme
	s := &Status{
		Node: "sw1", Version: "v1.2.3", Mode: "ebpf", Started: time.Unix(1_700_000_000, 0), Taken: time.Now(),
		Figures: &counters.Snapshot{Total: total,
			Customers: []counters.Party{{Name: "acme", Channels: 30, Figures: acme}, {Name: "idle"}, {Name: "unknown"}},
			Carriers:  []counters.Party{{Name: "telco", Figures: counters.Figures{Started: 10}}, {Name: "unknown"}}},
		Registrations: register.Totals{Requests: 5, Transactions: 4, Unanswered: 1, ByStatus: map[uint16]uint64{200: 2, 401: 1}},
		Frames:        1000, Malformed: 1, Retransmissions: 3, LiveLegs: 7, MaxLegs: 200_000, Endpoints: 14, MaxEndpoints: 262_144,
		Drops:      []tally.Count{{Stage: "kernel", Event: "ring_full", N: 0}, {Stage: "queue", Event: "full", N: 2}},
		Counts:     []tally.Count{{Stage: "tcp", Event: "out_of_order", N: 6}},
		Interfaces: []Interface{{"eth0", "capturing"}}, Listeners: []Listener{{"udp", ":9060", 70, 3, 1}},
		Sources: []Interface{{"eth*", "capturing"}, {"ppp0", "missing"}},
		Suspect: []string{"the queue is full"},
		Certificates: []certs.Certificate{{Use: CertUplink, File: "/etc/sipward/node.pem", NotAfterUnixMs: 1_700_000_000_000 + 6*86_400_000},
			{Use: CertUplinkCA, File: "/etc/sipward/ca.pem", NotAfterUnixMs: 2_000_000_000_000}, {Use: CertHEP, File: "/etc/hep.pem", Error: "it is gone"}},
		Guard: &Guard{
			Mode: "nfqueue", Fail: "open", Resent: 4, Judged: 5, Judging: 250 * time.Millisecond, Bindings: 12, MaxBindings: 1000, Strays: 1, Banned: 2,
			Verdicts: []Verdict{{"acme", "passed", "allowed", 20}, {"acme", "refused", "outside_blocks", 3}, {"unknown", "refused", "in_use", 1}},
			Table: &Table{
				Version: 7, IssuedUnixMs: 1_700_000_000_000, LastError: "version 6 is older than 7", Refused: map[string]uint64{"older": 1},
			},
		},
	}
	s.Messages[packet.UDP] = 90
	return s
}

func serve(t *testing.T, s *Status) http.Handler {
	t.Helper()
	server := New(Config{Source: fixed{s}})
	server.losses.look(s, time.Now())
	return server
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetrics(t *testing.T) {
	code, body := get(t, serve(t, sample()), "/metrics")
	if code != http.StatusOK {
		t.Fatal(code, body)
	}
	for _, want := range []string{
		`sipward_build_info{mode="ebpf",node="sw1",version="v1.2.3"} 1`,
		`sipward_channels{state="setup"} 2`,
		`sipward_customer_channels{customer="acme",state="answered"} 5`,
		`sipward_customer_channels{customer="idle",state="answered"} 0`,
		`sipward_customer_channels_limit{customer="acme"} 30`,
		`sipward_customer_calls_outcomes_total{class="2xx",customer="acme"} 8`,
		`sipward_customer_calls_answered_seconds_total{customer="acme"} 183`,
		`sipward_customer_calls_post_dial_delay_seconds_bucket{customer="acme",le="0.2"} 0`,
		`sipward_customer_calls_post_dial_delay_seconds_bucket{customer="acme",le="0.3"} 10`,
		`sipward_customer_calls_post_dial_delay_seconds_sum{customer="acme"} 2.5`,
		`sipward_customer_calls_mos_sum{customer="acme",sent_by="caller"} 8.6`,
		`sipward_carrier_attempts_started_total{carrier="telco"} 10`,
		`sipward_interface_up{interface="eth*"} 1`,
		`sipward_interface_up{interface="ppp0"} 0`,
		`sipward_calls_media_total{class="one_way"} 1`,
		`sipward_sip_messages_total{transport="udp"} 90`,
		`sipward_register_transactions_total{status="401"} 1`,
		`sipward_dropped_total{event="full",stage="queue"} 2`,
		`sipward_figures_suspect 1`,
		`sipward_ready 1`,
		`sipward_guard_info{fail="open",mode="nfqueue"} 1`,
		`sipward_register_verdicts_total{customer="acme",reason="outside_blocks",verdict="refused"} 3`,
		`sipward_table_refused_total{reason="older"} 1`,
		`sipward_table_issued_time_seconds 1.7e+09`,
		`sipward_guard_verdict_seconds_sum 0.25`,
		`sipward_guard_verdict_seconds_count 5`,
	} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
	if strings.Contains(body, `customer_channels_limit{customer="idle"}`) {
		t.Error("a customer without a limit has one")
	}
	for _, l := range regexp.MustCompile(`(?m)^(sipward_\w+)`).FindAllString(body, -1) {
		if !regexp.MustCompile(`^sipward_[a-z0-9_]+$`).MatchString(l) {
			t.Errorf("name %s", l)
		}
	}
	promtool.Check(t, body)
}

func TestHealthAndReadiness(t *testing.T) {
	s := sample()
	h := serve(t, s)
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := get(t, h, path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	s.Taken = time.Now().Add(-time.Minute)
	s.NotReady = []string{"capture: no interface eth7 yet", "hep: starting"}
	if code, body := get(t, h, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "has not published figures for 1m0s") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "no interface eth7 yet\nhep: starting") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, h, "/nothing"); code != http.StatusNotFound {
		t.Errorf("/nothing: %d", code)
	}
	if code, body := get(t, h, "/"); code != http.StatusOK || !strings.Contains(body, "/metrics") {
		t.Errorf("/: %d %s", code, body)
	}
}

// run starts a server and stops it with the test.
func run(t *testing.T, cfg Config) *Server {
	t.Helper()
	s := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServeAndFetch(t *testing.T) {
	status := sample()
	socket := filepath.Join(t.TempDir(), "agent.sock")
	s := run(t, Config{Listen: "127.0.0.1:0", Socket: socket, Source: fixed{status}})
	for s.Status().Suspect == nil { // the first look at the losses is another goroutine's
		runtime.Gosched()
	}
	for _, where := range []string{socket, "http://" + s.Addr().String(), "http://" + s.Addr().String() + "/"} {
		r, raw, err := adminhttp.Fetch[Report](t.Context(), Program, where)
		if err != nil {
			t.Fatal(err)
		}
		want := NewReport(s.Status(), time.Now())
		want.UptimeS = r.UptimeS
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("%s: %s", where, diff)
		}
		if !json.Valid(raw) {
			t.Errorf("%s", raw)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTable(t *testing.T) {
	s := sample()
	var out bytes.Buffer
	if err := WriteTable(&out, NewReport(s, s.Started.Add(90*time.Minute))); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/status.txt", out.Bytes())
}

func BenchmarkScrape(b *testing.B) {
	s := sample()
	for range 100 {
		s.Figures.Customers = append(s.Figures.Customers, counters.Party{Name: "c" + string(rune(0x4e00+len(s.Figures.Customers)))})
	}
	h := New(Config{Source: fixed{s}})
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}
