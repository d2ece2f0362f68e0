package main

import (
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// printed runs a command and returns what it prints.
func printed(t *testing.T, run func() error) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = was }()
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	err = run()
	_ = w.Close()
	return <-text, err
}

// guardedNode is a node that takes tables, and says who is registered.
type guardedNode struct {
	*node
	keys []ed25519.PublicKey

	mu       sync.Mutex // guards what follows
	tables   []*configs.Table
	bindings []record.Binding // nil: it does not answer
}

func newGuarded(t *testing.T, n *node, keys []ed25519.PublicKey) *guardedNode {
	t.Helper()
	g := &guardedNode{node: n, keys: keys}
	for topic, take := range map[string]func([]byte){
		record.TopicTable: func(b []byte) { g.take(t, b) },
		record.TopicCmd:   func(b []byte) { g.answer(t, b) },
	} {
		tok := n.Subscribe(record.Topic("switch-1", topic), 1, func(_ paho.Client, m paho.Message) { take(m.Payload()) })
		if !tok.WaitTimeout(patience) || tok.Error() != nil {
			t.Fatal(tok.Error())
		}
	}
	return g
}

func (g *guardedNode) take(t *testing.T, packed []byte) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer d.Close()
	signed, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Error(err)
		return
	}
	text, _, err := seal.Open(signed, g.keys)
	if err != nil {
		t.Error(err)
		return
	}
	x, err := configs.ParseTable("table", text)
	if err != nil {
		t.Error(err)
		return
	}
	g.mu.Lock()
	g.tables = append(g.tables, x)
	g.mu.Unlock()
	g.say(t, x.Version)
}

// say states which version the node has.
func (g *guardedNode) say(t *testing.T, version uint64) {
	state, err := json.Marshal(record.State{Node: "switch-1", State: record.StateUp, Ready: true, Table: &record.TableState{Version: version, AgeS: 7}})
	if err != nil {
		t.Error(err)
	}
	g.Publish(record.Topic("switch-1", record.TopicState), 1, false, state)
}

func (g *guardedNode) answer(t *testing.T, b []byte) {
	q, err := record.DecodeQuestion(b)
	if err != nil {
		t.Error(err)
		return
	}
	a := record.Answer{ID: q.ID}
	g.mu.Lock()
	mute := g.bindings == nil
	for _, x := range g.bindings {
		if q.First == "" || (party.Block{First: q.First, Last: q.Last}).Contains(x.Number) {
			a.Bindings = append(a.Bindings, x)
		}
	}
	g.mu.Unlock()
	payload, err := record.EncodeAnswer(&a)
	if err != nil {
		t.Error(err)
	} else if !mute {
		g.Publish(record.Topic("switch-1", record.TopicAnswer), 1, false, payload)
	}
}

func (g *guardedNode) has(t *testing.T, version uint64) *configs.Table {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		g.mu.Lock()
		n := len(g.tables)
		if n > 0 && g.tables[n-1].Version == version {
			defer g.mu.Unlock()
			return g.tables[n-1]
		}
		g.mu.Unlock()
		if time.Now().After(end) {
			t.Fatalf("version %d did not come", version)
		}
		pause := time.NewTimer(20 * time.Millisecond)
		<-pause.C
	}
}

// TestBlocks goes the whole way of the table: a version made by the command line is
// sent to the node by the running collector, its phones are shown before numbers are
// taken from them, and a version is staged.
func TestBlocks(t *testing.T) {
	c, config := start(t)
	dir := filepath.Dir(config)
	at := place{Config: config}
	quiet := func(run func() error) string {
		t.Helper()
		out, err := printed(t, run)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	bundle := filepath.Join(dir, "switch-1.pem")
	quiet((&nodeAddCmd{place: at, Name: "switch-1", Out: bundle}).Run)
	quiet((&nodeAddCmd{place: at, Name: "switch-2", Password: true, Out: filepath.Join(dir, "x")}).Run)
	edit := editFlags{place: at}
	quiet((&blocksGridCmd{editFlags: edit, Start: "1000", Size: 1000}).Run)
	keys, err := seal.DecodePublic([]byte(quiet((&blocksKeyCmd{place: at}).Run)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := connect(t, c, bundle)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuarded(t, n, keys)
	g.say(t, 0)
	if x := g.has(t, 1); x.Grid.Size != 1000 {
		t.Errorf("%+v", x)
	}
	quiet((&blocksAssignCmd{editFlags: edit, Customer: "acme", New: true, Count: 2}).Run)
	began := time.Now()
	g.has(t, 2)
	t.Logf("the node had version 2 after %v", time.Since(began).Round(time.Millisecond))

	await(t, c.cfg.Admin.Socket, "both nodes", func(s *admin.Status) bool { return len(s.Nodes) == 2 })

	// Phones that would be stranded are shown, and nothing is done.
	soon := time.Now().Add(time.Hour).UnixMilli()
	g.mu.Lock()
	g.bindings = []record.Binding{
		{Number: "1005", Customer: "acme", Contact: "sip:1005@192.0.2.7", Source: "192.0.2.7:5060", ExpiresUnixMs: soon},
		{Number: "1700", Customer: "acme", ExpiresUnixMs: soon},
		{Number: "2000", Customer: "acme", ExpiresUnixMs: soon},
		{Number: "3005", Customer: "unknown", ExpiresUnixMs: soon},
	}
	g.mu.Unlock()
	block := numbers{configs.Block{First: "1000", Last: "1499"}}
	release := blocksReleaseCmd{editFlags: edit, Customer: "acme", Range: block}
	dry := release
	dry.DryRun, dry.JSON = true, true
	var r review
	if err := json.Unmarshal([]byte(quiet(dry.Run)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Strays) != 1 || r.Strays[0].Number != "1005" || r.Strays[0].Node != "switch-1" || !r.DryRun || r.Version != nil {
		t.Errorf("strays: %+v", r.Strays)
	}
	if diff := cmp.Diff([]string{"switch-2: not connected"}, r.Unasked); diff != "" {
		t.Error(diff)
	}
	if _, err := printed(t, release.Run); err == nil || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("numbers were taken away unasked: %v", err)
	}
	// A block that somebody else's phones are in is no surprise afterwards either.
	if _, err := printed(t, (&blocksAssignCmd{editFlags: edit, Customer: "acme", Count: 1}).Run); err == nil || !strings.Contains(err.Error(), "strands phones") {
		t.Errorf("a block with phones of others in it was given away unasked: %v", err)
	}
	sure := release
	sure.Yes = true
	if out := quiet(sure.Run); !strings.Contains(out, "version 3") || !strings.Contains(out, "1 phones are refused") {
		t.Errorf("%s", out)
	}
	if x := g.has(t, 3); table.Word(x.Customers[0].Blocks[0]) != "1500-1999" {
		t.Errorf("%+v", x.Customers)
	}

	// What is listed.
	var l blockList
	await(t, c.cfg.Admin.Socket, "the node to have version 3", func(s *admin.Status) bool {
		return len(s.Nodes) == 2 && s.Nodes[0].Table != nil && s.Nodes[0].Table.Version == 3 && s.Table.For("switch-1").Version == 3
	})
	if err := json.Unmarshal([]byte(quiet((&blocksListCmd{place: at, Live: true, Free: true, JSON: true}).Run)), &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Blocks) != 2 || *l.Blocks[0].Live != 1 || *l.Blocks[1].Live != 1 || l.Nodes[0].Table.Version != 3 || l.Nodes[0].Given != 3 || l.Nodes[1].Table != nil || len(l.Free) != 1 {
		t.Errorf("%+v", l)
	}
	if out := quiet((&blocksListCmd{place: at, Live: true}).Run); !strings.Contains(out, "\n1500-1999  500      acme      1\n") || !strings.Contains(out, "\nswitch-1  up       3      3    7s ago") {
		t.Errorf("%s", out)
	}

	// Staged to the other node: this one keeps what it has, until it is published.
	staged := edit
	staged.Stage, staged.Yes = []string{"switch-2"}, true
	quiet((&blocksAssignCmd{editFlags: staged, Customer: "globex", New: true}).Run)
	await(t, c.cfg.Admin.Socket, "two versions", func(s *admin.Status) bool {
		return s.Table.For("switch-2").Version == 4 && s.Table.For("switch-1").Version == 3
	})
	g.has(t, 3)
	quiet((&blocksPublishCmd{place: at}).Run)
	g.has(t, 4)

	// A node that has been given more than this database knows of, as after going
	// back to a copy, gets a higher version.
	g.say(t, 41)
	await(t, c.cfg.Admin.Socket, "the node to have 41", func(s *admin.Status) bool {
		return s.Nodes[0].Table.Version == 41 && strings.Contains(strings.Join(s.Attention, "\n"), "switch-1: it has version 41 of the table of customers, which was never made here")
	})
	out := quiet((&blocksGridCmd{editFlags: edit, Start: "1000", Size: 500}).Run)
	if !strings.Contains(out, "version 42") {
		t.Errorf("%s", out)
	}
	g.has(t, 42)

	// A node that does not answer is named.
	g.mu.Lock()
	g.bindings = nil
	g.mu.Unlock()
	r = review{}
	if err := json.Unmarshal([]byte(quiet(dry2(release).Run)), &r); err != nil || strings.Join(r.Unasked, " ") != "switch-1: no answer within 3s switch-2: not connected" {
		t.Errorf("%v, %v", r.Unasked, err)
	}

	// The backup has the history and its key.
	backup := filepath.Join(dir, "backup")
	quiet((&backupCmd{at, backup}).Run)
	if b, err := os.ReadFile(filepath.Join(backup, tableKeyFile)); err != nil {
		t.Error(err)
	} else if block, _ := pem.Decode(b); block == nil {
		t.Errorf("%s", b)
	}
	if out := quiet((&blocksHistoryCmd{place: place{Config: config, Data: backup}}).Run); strings.Count(out, "\n") != 6 {
		t.Errorf("%s", out)
	}
}

// dry2 is a release of numbers that acme still has.
func dry2(c blocksReleaseCmd) *blocksReleaseCmd {
	c.DryRun, c.JSON = true, true
	c.Range.Block = configs.Block{First: "1600", Last: "1699"}
	return &c
}
