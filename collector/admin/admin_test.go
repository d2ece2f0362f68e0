package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/internal/testkit/golden"
	"github.com/sipward/sipward/internal/testkit/promtool"
	"github.com/sipward/sipward/sync/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixed struct{ s *Status }

func (f fixed) Status() *Status { return f.s }

func number(n int64) *int64 { return &n }

const noon = 1_700_049_600_000 // 2023-11-15T12:00:00Z

// sample is a collector on a bad day.
func sample() *Status {
	s := &Status{
		ID: "c1", Version: "v1.2.3", Broker: "embedded", Store: "sqlite", StoreID: "ab", Ready: true,
		StartedUnixMs: noon - 3_600_000, TakenUnixMs: noon, ReadUnixMs: noon - 5000, UptimeS: 3600,
		Nodes: []Node{
			{ID: "sw1", State: "up", Version: "v1", CertUnixMs: noon + 3650*86_400_000, LastSeenUnixMs: noon - 400, LagMs: number(0), SkewMs: number(-3), HoursComplete: 48,
				Live:  &record.Live{LiveSetup: 2, LiveAnswered: 30},
				Spool: &Spool{Bytes: 1 << 20, BudgetBytes: 4 << 30, Records: 3, Accepted: 100, Acked: 97}, Table: &record.TableState{Version: 8}},
			{ID: "sw2", State: "down", Version: "v1", LastSeenUnixMs: noon - 7_200_000, HoursComplete: 46,
				HoursLate: []Hour{{HourUnixS: noon/1000 - 7200, LateSinceUnixS: noon/1000 - 3600}, {HourUnixS: noon/1000 - 3600, LateSinceUnixS: noon / 1000}}},
			{ID: "sw3", State: "up", LastSeenUnixMs: noon, LagMs: number(600_000), SkewMs: number(86_400_000), DuplicateUnixMs: noon - 60_000,
				NotReady: []string{"capture: eth0 is down"}, Suspect: []string{"the queue is full"}, Spool: &Spool{Bytes: 90, BudgetBytes: 100},
				Table: &record.TableState{Version: 6, Refused: 3, Error: "signed with a key that is not trusted here"}},
			{ID: "sw4", State: Unknown, CertUnixMs: noon - 86_400_000},
			{ID: "sw5", State: Gone, LastSeenUnixMs: noon - 90*86_400_000},
		},
		Table: &Table{Offered: []TableVersion{
			{Version: 8, MadeUnixMs: noon - 60_001, Who: "ann@c1", Stage: []string{"sw1", "sw9"}},
			{Version: 7, MadeUnixMs: noon - 86_400_000, Who: "root@c1"},
		}},
		Losses:      []Loss{{Node: "sw2", Stream: "telemetry", Reason: "shed", Records: 12, LastUnixMs: noon - 86_400_000}, {Node: "sw2", Stream: "telemetry", Reason: "corrupt", Records: 3, LastUnixMs: noon - 7*86_400_000}},
		DeadLetters: DeadLetters{Kept: 1, Bytes: 2048, Latest: []DeadLetter{{ID: 1, Node: "sw2", AtUnixMs: noon, Records: 9, Bytes: 2048, Reason: "version 9 of the body is not known"}}},
		Reconciliation: Reconciliation{Task: Task{LastUnixMs: noon}, FromUnixS: noon/1000 - 86_400, ToUnixS: noon / 1000, Compared: 7, Incomplete: 1,
			Differ: []Difference{{"sw1", "customer", "acme", "answered_ms", 100, 90}}, Sums: []Difference{}},
		Retention: Task{LastUnixMs: noon, Error: "the disk is full"},
		Certificates: []certs.Certificate{{Use: CertDashboard, File: "/etc/ssl/x.pem", NotAfterUnixMs: noon + 3*86_400_000}, {Use: CertBroker, NotAfterUnixMs: noon + 60*86_400_000},
			{Use: CertExternal, File: "/etc/ssl/y.pem", Error: "it is gone"}},
		Alerts: &Alerts{Open: map[string]int{"info": 0, "warning": 2, "critical": 1}, Rules: 11, InvalidRules: 1, JudgedUnixMs: noon - 3000, Error: "reading rules: the disk is full", Queued: 4,
			Channels: []AlertChannel{{Channel: "mail", Sent: 7, Retried: 3, Failed: 2, Dropped: 1, SentUnixMs: noon - 60_000, Error: "the server is full"}, {Channel: "webhook"}}},
		Drops:  []tally.Count{{Stage: "ingest", Event: "buried", N: 1}, {Stage: "ingest", Event: "damaged", N: 0}},
		Counts: []tally.Count{{Stage: "store", Event: "rows", N: 97}},
		Load: Load{QueueBytes: 7, Brokers: 2, BrokersConnected: 1, Commits: Histogram{Count: 3, SumSeconds: 0.5,
			Buckets: []Bucket{{0.1, 2}, {1, 3}}}},
	}
	s.Attention = FindAttention(s)
	return s
}

func get(t *testing.T, s *Status, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(Config{Source: fixed{s}}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetrics(t *testing.T) {
	code, body := get(t, sample(), "/metrics")
	if code != http.StatusOK {
		t.Fatal(code, body)
	}
	for _, want := range []string{
		`sipward_collector_build_info{broker="embedded",collector="c1",store="sqlite",version="v1.2.3"} 1`,
		`sipward_collector_nodes{state="up"} 2`,
		`sipward_collector_nodes{state="gone"} 1`,
		`sipward_collector_node_up{node="sw1"} 1`,
		`sipward_collector_node_up{node="sw2"} 0`,
		`sipward_collector_node_ready{node="sw3"} 0`,
		`sipward_collector_node_channels{node="sw1",state="answered"} 30`,
		`sipward_collector_node_lag_seconds{node="sw3"} 600`,
		`sipward_collector_node_skew_seconds{node="sw1"} -0.003`,
		`sipward_collector_node_records{event="acked",node="sw1"} 97`,
		`sipward_collector_node_hour_marks{node="sw2",state="late"} 2`,
		`sipward_collector_lost_records{node="sw2",reason="shed",stream="telemetry"} 12`,
		`sipward_collector_dead_letters 1`,
		`sipward_collector_differences{against="counters"} 1`,
		`sipward_collector_task_failed{task="retention"} 1`,
		`sipward_collector_dropped_total{event="buried",stage="ingest"} 1`,
		`sipward_collector_events_total{event="rows",stage="store"} 97`,
		`sipward_collector_brokers{connected="no"} 1`,
		`sipward_collector_commit_seconds_bucket{le="0.1"} 2`,
		`sipward_collector_ready 1`,
		`sipward_collector_alerts{level="warning"} 2`,
		`sipward_collector_alert_rules{state="invalid"} 1`,
		`sipward_collector_alert_failing 1`,
		`sipward_collector_alert_queue 4`,
		`sipward_collector_alert_messages_total{channel="mail",event="retried"} 3`,
		`sipward_collector_alert_sent_time_seconds{channel="webhook"} 0`,
		`sipward_collector_table_version{stage="newest"} 8`,
		`sipward_collector_table_version{stage="all"} 7`,
		`sipward_collector_node_table_version{node="sw1"} 8`,
		`sipward_collector_certificate_expiry_timestamp_seconds{file="/etc/ssl/x.pem",use="dashboard"} 1.7003088e+09`,
		`sipward_collector_certificate_expiry_timestamp_seconds{file="",use="broker"} 1.7052336e+09`,
		`sipward_collector_node_certificate_expiry_timestamp_seconds{node="sw4"} 1.6999632e+09`,
	} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
	for _, never := range []string{`node_lag_seconds{node="sw2"}`, `node_table_version{node="sw2"}`, `node_certificate_expiry_timestamp_seconds{node="sw2"}`, `use="external"`, `node="sw5"`} {
		if strings.Contains(body, never) {
			t.Errorf("what is not known is shown: %s", never)
		}
	}
	promtool.Check(t, body)
}

func TestAttention(t *testing.T) {
	got := strings.Join(sample().Attention, "\n")
	for _, want := range []string{
		"sw2 is not connected; last seen 2023-11-15T10:00:00Z",
		"sw2: 2 hours are late, the first since 2023-11-15T11:00:00Z",
		"sw3: two agents have this id; they took turns last at 2023-11-15T11:59:00Z",
		"sw3: its clock is off by 24h0m0s", "sw3: its records are 10m0s behind", "sw3: its spool is 90% full",
		"sw3: it has version 6 of the table of customers, and refuses 7: signed with a key that is not trusted here",
		"sw3: capture: eth0 is down", "sw3: its figures are suspect: the queue is full",
		"sw4 has credentials and never connected", "sw4: its certificate ended at 2023-11-14T12:00:00Z: renew it with sipward-collector node add sw4 --replace",
		"the certificate /etc/ssl/x.pem (dashboard) ends at 2023-11-18T12:00:00Z, in 3.0 days: renew it", "the certificate /etc/ssl/y.pem (external) cannot be read: it is gone",
		"sw2: 12 records of telemetry will never come (shed, last 2023-11-14T12:00:00Z)",
		"1 batches could not be stored and were set aside; the latest, from sw2: version 9",
		"minute counters and calls differ in 1 figures; the first: sw1 customer acme: answered_ms is 100 by counters, 90 by calls",
		"retention failed: the disk is full",
		"alerts: reading rules: the disk is full", "1 rules for alerts are not valid", "alerts by mail do not arrive: the server is full",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "sw1:") || strings.Contains(got, "broker") || strings.Contains(got, "sw5") || strings.Contains(got, "corrupt") {
		t.Errorf("what is well, or gone, needs no attention:\n%s", got)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	s := sample()
	s.StartedUnixMs, s.ReadUnixMs = time.Now().UnixMilli(), 0
	for _, path := range []string{"/healthz", "/readyz", "/"} {
		if code, body := get(t, s, path); code != http.StatusOK {
			t.Errorf("%s just after the start: %d %s", path, code, body)
		}
	}
	s.StartedUnixMs = time.Now().Add(-time.Hour).UnixMilli()
	s.Ready, s.NotReady = false, []string{"store: not open yet"}
	if code, body := get(t, s, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "the database has not answered for 1h0m0s") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "store: not open yet") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, s, "/nothing"); code != http.StatusNotFound {
		t.Errorf("/nothing: %d", code)
	}
}

// What /status says is what `status` reads.
func TestStatusIsRead(t *testing.T) {
	server := httptest.NewServer(New(Config{Source: fixed{sample()}}))
	defer server.Close()
	got, raw, err := adminhttp.Fetch[Status](t.Context(), Program, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" || !json.Valid(raw) {
		t.Errorf("%s\n%s", diff, raw)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := WriteTable(&out, sample()); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\n--\n\n")
	if err := WriteTable(&out, &Status{ID: "c2", Version: "v1", Broker: "external", Store: "postgres", NotReady: []string{"store: not open yet"}}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/status.txt", out.Bytes())
}
