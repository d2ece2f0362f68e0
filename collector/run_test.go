package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/sync/record"
)

// patience is how long something may take on a busy machine.
const patience = 30 * time.Second

// start runs a collector with the embedded broker on free ports.
func start(t *testing.T) (c *collector, config string) {
	t.Helper()
	return startWith(t, "web: {listen: off}\n")
}

// startWith is start with further lines of configuration.
func startWith(t *testing.T, lines string) (c *collector, config string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "c.yaml")
	text := "id: c1\ndata: data\nembedded: {listen: '127.0.0.1:0', listen_tls: '127.0.0.1:0', names: [127.0.0.1]}\nadmin: {listen: off, socket: " + filepath.Join(dir, "s") + "}\n" + lines
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.LoadCollector(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := makeData(cfg); err != nil {
		t.Fatal(err)
	}
	c = newCollector(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.run(ctx) }()
	select {
	case <-c.serving:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return c, config
}

// node is an agent's side, as small as can be.
type node struct {
	paho.Client
	acks chan *record.Ack
}

// connect connects as switch-1 with the bundle that node add wrote.
func connect(t *testing.T, c *collector, bundle string) (*node, error) {
	t.Helper()
	b, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	n := &node{acks: make(chan *record.Ack, 16)}
	o := paho.NewClientOptions().AddBroker("ssl://" + c.parts.Load().broker.Addrs()[1].String()).SetClientID("switch-1").
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
		SetTLSConfig(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	n.Client = paho.NewClient(o)
	if tok := n.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		return nil, fmt.Errorf("connecting: %w", tok.Error())
	}
	tok := n.Subscribe(record.Topic("switch-1", record.TopicAck), 1, func(_ paho.Client, m paho.Message) {
		if a, err := record.DecodeAck(m.Payload()); err == nil {
			n.acks <- a
		}
	})
	if !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	t.Cleanup(func() { n.Disconnect(0) })
	return n, nil
}

func (n *node) publish(t *testing.T, leaf string, payload []byte) {
	t.Helper()
	if tok := n.Publish(record.Topic("switch-1", leaf), 1, false, payload); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
}

// batch packs calls with numbers from first on.
func batch(t *testing.T, epoch, first uint64, calls ...*record.Call) []byte {
	t.Helper()
	var body []byte
	for _, c := range calls {
		b, err := record.Encode(&record.Record{Call: c})
		if err != nil {
			t.Fatal(err)
		}
		body = record.AppendToBody(body, b)
	}
	h := record.Header{Version: record.Version, Codec: record.Plain, Stream: record.Calls, Epoch: epoch, First: first, Count: uint32(len(calls)), BodySize: uint32(len(body))}
	message := append(make([]byte, record.HeaderSize), body...)
	h.Seal(message)
	return message
}

// await waits until the status is as it should be.
func await(t *testing.T, socket, what string, good func(*admin.Status) bool) *admin.Status {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		s, _, err := adminhttp.Fetch[admin.Status](t.Context(), admin.Program, socket)
		if err == nil && good(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("waited for %s: %v, %+v", what, err, s)
		}
		pause := time.NewTimer(20 * time.Millisecond) // between two looks
		<-pause.C
	}
}

// TestFromNodeToExport goes the whole way: credentials, a batch, its ack, status,
// export, backup, and the node's removal.
func TestFromNodeToExport(t *testing.T) {
	c, config := start(t)
	dir := filepath.Dir(config)
	at := place{Config: config}
	bundle := filepath.Join(dir, "switch-1.pem")
	add := nodeAddCmd{place: at, Name: "switch-1", Out: bundle}
	if err := add.Run(); err != nil {
		t.Fatal(err)
	}
	if err := add.Run(); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("added twice: %v", err)
	}
	n, err := connect(t, c, bundle)
	if err != nil {
		t.Fatal(err)
	}
	live, err := json.Marshal(record.Live{Node: "switch-1", LiveAnswered: 7})
	if err != nil {
		t.Fatal(err)
	}
	state, err := json.Marshal(record.State{Node: "switch-1", State: record.StateUp, Version: "v9", Ready: true})
	if err != nil {
		t.Fatal(err)
	}
	n.publish(t, record.TopicLive, live)
	n.publish(t, record.TopicState, state)
	s := await(t, c.cfg.Admin.Socket, "the node", func(s *admin.Status) bool {
		return s.Ready && len(s.Nodes) == 1 && s.Nodes[0].Live != nil && s.Nodes[0].State == record.StateUp
	})
	if s.Nodes[0].Live.LiveAnswered != 7 || s.Nodes[0].Version != "v9" || s.Load.NodesConnected != 1 || s.StoreID == "" || len(s.Attention) != 0 {
		t.Errorf("%+v", s)
	}

	// Calls of yesterday, whose hour no mark closes.
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	call := func(number string, ms int64) *record.Call {
		return &record.Call{Kind: "call", Customer: "acme", Caller: "+4930123", Called: number, CallId: number, InvitedUnixMs: noon.UnixMilli(),
			AnsweredUnixMs: noon.UnixMilli(), EndedUnixMs: noon.UnixMilli() + ms, ClosedUnixMs: noon.UnixMilli() + ms, CountedUnixMs: noon.UnixMilli() + ms,
			Answered: true, Outcome: true, Effective: true, DurationMs: ms, SipReason: "=cmd()",
			Attempts: []*record.Attempt{{Carrier: "blue", Called: number, InvitedUnixMs: noon.UnixMilli(), Outcome: true}}}
	}
	message := batch(t, 0xABC, 1, call("100", 1500), call("200", 2500))
	for range 2 { // the second one changes nothing
		n.publish(t, record.TopicData+"calls", message)
		select {
		case a := <-n.acks:
			if len(a.GetCursors()) == 0 || a.GetCursors()[0].GetContiguous() != 2 || a.GetCursors()[0].GetEpoch() != 0xABC || a.GetCollector() != "c1" {
				t.Fatalf("%v", a)
			}
		case <-time.After(patience):
			t.Fatal("no ack")
		}
	}
	out := filepath.Join(dir, "out")
	rows := csvRows(t, out, (&exportCallsCmd{exportFlags{place: at, Format: "csv", Output: out}, filterFlags{Answered: "yes", Number: "200"}}).Run)
	if len(rows) != 1 || rows[0]["called"] != "200" || rows[0]["caller"] != "'+4930123" || rows[0]["sip_reason"] != "'=cmd()" ||
		rows[0]["ended"] != noon.Add(2500*time.Millisecond).Format(timeLayout) || rows[0]["epoch"] != "0000000000000abc" || rows[0]["pdd_ms"] != "" {
		t.Errorf("%v", rows)
	}
	rows = csvRows(t, out, (&exportAttemptsCmd{exportFlags{place: at, Format: "csv", Output: out}, filterFlags{Answered: "any", Customer: "acme"}}).Run)
	if len(rows) != 2 || rows[0]["customer"] != "acme" || rows[0]["carrier"] != "blue" {
		t.Errorf("%v", rows)
	}
	sums := exportSummariesCmd{exportFlags: exportFlags{place: at, Format: "csv", Output: out}, By: "day", Customer: "acme"}
	rows = csvRows(t, out, sums.Run)
	if len(rows) != 1 || rows[0]["calls"] != "2" || rows[0]["asr_num"] != "2" || rows[0]["asr_den"] != "2" || rows[0]["asr"] != "1.0000" ||
		rows[0]["acd_ms"] != "2000.0000" || rows[0]["dtmf_share"] != "" || rows[0]["dtmf_share_den"] != "0" {
		t.Errorf("%v", rows)
	}
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sums.Run(); err == nil || !strings.Contains(err.Error(), "exists; name another file") {
		t.Errorf("a file was written over: %v", err)
	}

	backup := filepath.Join(dir, "backup")
	if err := (&backupCmd{at, backup}).Run(); err != nil {
		t.Fatal(err)
	}
	if list, err := nodes.New(backup).List(); err != nil || len(list) != 1 {
		t.Errorf("the backup has the nodes %v, %v", list, err)
	}
	again := filepath.Join(dir, "again")
	if rows = csvRows(t, again, (&exportCallsCmd{exportFlags{place: place{Config: config, Data: backup}, Format: "csv", Raw: true, Output: again}, filterFlags{Answered: "any"}}).Run); len(rows) != 2 || rows[0]["caller"] != "+4930123" {
		t.Errorf("the backup has the calls %v", rows)
	}

	if err := (&nodeRemoveCmd{at, "switch-1"}).Run(); err != nil {
		t.Fatal(err)
	}
	await(t, c.cfg.Admin.Socket, "the node to be sent away", func(s *admin.Status) bool { return s.Load.NodesConnected == 0 })
	if _, err := connect(t, c, bundle); err == nil {
		t.Error("a removed node got in")
	}
}

// csvRows runs an export and reads what it wrote, by the names of the columns.
func csvRows(t *testing.T, file string, run func() error) (out []map[string]string) {
	t.Helper()
	_ = os.Remove(file) // of the export before
	if err := run(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = r[i]
		}
		out = append(out, row)
	}
	return out
}

// A database that fails is a reason to be not ready, and is no longer once it
// answers again.
func TestDatabaseThatFails(t *testing.T) {
	c, _ := start(t)
	p := c.parts.Load()
	w := &watcher{store: p.store, folder: c.folder, log: c.log}
	c.parts.Store(&parts{store: p.store, ingest: p.ingest, broker: p.broker, watcher: w, chores: p.chores, tables: p.tables, alerts: p.alerts, web: p.web})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := w.read(ended, time.Now()); err == nil || v != nil {
		t.Errorf("%+v, %v", v, err)
	}
	why := "away"
	w.failed.Store(&why)
	if s := c.Status(); s.Ready || strings.Join(s.NotReady, "") != "store: away" {
		t.Errorf("%+v", s.NotReady)
	}
	w.failed.Store(nil)
	if s := c.Status(); !s.Ready || len(s.NotReady) != 0 {
		t.Errorf("%+v", s.NotReady)
	}
}

// Chores find nothing in an empty database, and say when they were done.
func TestChores(t *testing.T) {
	c, _ := start(t)
	ch := newChores(c.parts.Load().store, c.cfg.Retention, c.log)
	if r, task := ch.results(); r.LastUnixMs != 0 || task.LastUnixMs != 0 {
		t.Errorf("%+v, %+v", r, task)
	}
	now := time.Unix(1_700_003_600, 0) // 23:13:20
	ch.reconcile(t.Context(), now)
	ch.retain(t.Context())
	r, task := ch.results()
	if r.Error != "" || r.LastUnixMs == 0 || r.ToUnixS != 1_700_002_800 || r.ToUnixS-r.FromUnixS != reconcileHours*3600 || task.Done != "0 months dropped" {
		t.Errorf("%+v, %+v", r, task)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	ch.reconcile(ended, now.Add(time.Hour))
	if again, _ := ch.results(); again.ToUnixS != r.ToUnixS {
		t.Error("a run that was stopped left a result")
	}
}
