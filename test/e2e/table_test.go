package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/test/peers"
)

// nodeConfig is an agent's that has its customers from the collector.
const nodeConfig = `
node: %s
capture:%s
table:
  public_key_file: %s
guard:
  dir: %s
`

// tableText is imported: two customers behind the cable of one, and the carriers.
const tableText = `
grid: {start: "7000", size: 100}
customers:
  - id: acme
    addresses: [%q]
  - id: globex
    addresses: [%q]
carriers:
  - id: alpha
    addresses: [%q]
  - id: beta
    addresses: [%q]
`

var (
	globexAddr = netip.MustParseAddr("192.0.2.3") // a second one of the customer's host
	// The cable from the second node to the collector.
	otherAddr   = netip.MustParseAddr("198.18.1.1")
	toOtherAddr = netip.MustParseAddr("198.18.1.2")
)

// tabled is a switch whose agent stands before it, and a collector that says
// which number is whose.
type tabled struct {
	*office
	key string // file of the table's public key
}

// newTabled starts them, with a table of two customers and no blocks: version 2.
func newTabled(t *testing.T, brokers string) *tabled {
	t.Helper()
	ctx := t.Context()
	w := &tabled{office: &office{world: newSwitch(t, peers.V4, false)}}
	w.collector = newCollector(t, w.Site)
	if err := w.Customer.Run(ctx, "ip", "addr", "add", globexAddr.String()+"/24", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
	w.blocks("grid", "7000", "100")
	w.key = filepath.Join(w.Dir, "table.pub")
	if err := os.WriteFile(w.key, []byte(w.blocks("key")), 0o644); err != nil {
		t.Fatal(err)
	}
	w.importTable(tableWith(0, 0))
	w.agent = w.node("e2e", w.Switch, "  mode: nfqueue\n  fail: closed\n  answers_per_second: 1000\n", brokers)
	w.has(w.agent, 2)
	return w
}

// node starts an agent on a host.
func (w *tabled) node(id string, host *peers.Host, guard, brokers string) *peers.Agent {
	t := w.t
	t.Helper()
	uplink, err := w.collector.AddNode(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if brokers != "" {
		uplink = strings.Replace(uplink, `"]`, `", `+brokers+`]`, 1)
	}
	program, err := peers.BuildAgent(t.Context(), w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	a := &peers.Agent{Host: host, Program: program,
		Config: fmt.Sprintf(nodeConfig, id, liveCapture, w.key, filepath.Join(w.Dir, "guard-"+id)) + guard + uplink}
	if id != "e2e" {
		a.Name = id
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// blocks runs a command of the table's and returns what it prints.
func (w *tabled) blocks(args ...string) string {
	w.t.Helper()
	out, complaint, err := w.collector.Blocks(w.t.Context(), args...)
	if err != nil {
		w.t.Fatalf("blocks %q: %v: %s", args, err, complaint)
	}
	return out
}

func (w *tabled) importTable(text string) {
	w.t.Helper()
	file := filepath.Join(w.Dir, "table.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.blocks("import", file)
}

// table asks an agent which table it has.
func (w *tabled) table(a *peers.Agent) peers.AgentTable {
	w.t.Helper()
	s, err := a.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Guard.Table
}

// has waits until an agent has a version. From the command to the node it may
// take seconds.
func (w *tabled) has(a *peers.Agent, version int) {
	w.t.Helper()
	begun := time.Now()
	err := peers.Poll(w.t.Context(), 10*time.Second, "the table", func() (bool, error) { return w.table(a).Version == version, nil })
	if err != nil {
		w.t.Fatalf("%v: %+v, want version %d", err, w.table(a), version)
	}
	w.t.Logf("version %d is in force after %v", version, time.Since(begun).Round(time.Millisecond))
}

// send has a phone at an address send requests.
func (w *tabled) send(from netip.Addr, list ...peers.Request) {
	w.t.Helper()
	w.plays++
	_, err := (&peers.SIPp{Host: w.Customer, Name: fmt.Sprintf("phone-%d", w.plays), Calls: 1, Timeout: 30,
		Local: netip.AddrPortFrom(from, 5070), Remote: peers.At(peers.V4.ToCustomer), Fill: peers.Requests{List: list}}).Run(w.t.Context())
	if err != nil {
		w.t.Errorf("%+v from %v: %v", list, from, err)
	}
}

// asked puts a question to the agent of a node in mode authorize, and returns
// the reason of its answer.
func (w *tabled) asked(a *peers.Agent, user string, source netip.Addr) string {
	w.t.Helper()
	question := fmt.Sprintf(`{"user":%q,"domain":"switch","source":%q,"contacts":["<sip:%s@%s>"],"expires":600}`, user, source, user, source)
	out, err := a.Host.Command(w.t.Context(), "curl", "-s", "-H", "Content-Type: application/json", "-d", question, "http://127.0.0.1:9466/v1/authorize").Output()
	var answer struct {
		Reason string `json:"reason"`
	}
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil {
		w.t.Errorf("ask about %s: %v: %s", user, err, out)
	}
	return answer.Reason
}

// What is assigned at the centre is enforced at the nodes within seconds, on all
// of them or on some, and what is released is not taken from anybody unsaid.
func TestTable(t *testing.T) {
	need(t)
	t.Parallel()
	w := newTabled(t, "")
	other := w.otherNode()
	acme, globex := peers.V4.Customer, globexAddr

	// Whose a number is, nobody has said yet.
	w.send(acme, accepted("7101"), gone("7101"))

	if out := w.blocks("assign", "acme"); !strings.Contains(out, "7000-7099") {
		t.Errorf("assign printed %q", out)
	}
	w.blocks("assign", "globex")
	w.has(w.agent, 4)
	w.has(other, 4)
	w.send(acme, accepted("7001"), refused("7101"), refused("7200"))
	w.send(globex, accepted("7101"), refused("7001"))
	for user, want := range map[string]string{"7001": "allowed", "7101": "outside_blocks"} {
		if got := w.asked(other, user, acme); got != want {
			t.Errorf("the other node says of %s %q, want %q", user, got, want)
		}
	}

	// What somebody else has, nobody gets.
	if _, complaint, err := w.collector.Blocks(t.Context(), "assign", "globex", "--range", "7050-7149"); err == nil || !strings.Contains(complaint, "acme") {
		t.Errorf("a range of two customers was assigned: %v: %s", err, complaint)
	}

	// In stages.
	w.blocks("assign", "globex", "--range", "7200-7299", "--stage", "other", "-m", "try it there")
	w.has(other, 5)
	w.send(globex, refused("7201"))
	if got := w.asked(other, "7201", globex); got != "allowed" {
		t.Errorf("the node that has the stage says %q", got)
	}
	w.given(map[string][2]int{"e2e": {4, 4}, "other": {5, 5}})
	w.blocks("publish")
	w.has(w.agent, 5)
	w.send(globex, accepted("7201"))

	w.release()

	// Who cannot be asked is named.
	if err := other.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	err := peers.Poll(t.Context(), 10*time.Second, "the other node to be away", func() (bool, error) {
		return strings.Contains(w.blocks("release", "globex", "7200-7299", "--dry-run"), "other: not connected"), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// otherNode starts a second agent on a host of its own, in mode authorize.
func (w *tabled) otherNode() *peers.Agent {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	host, err := w.Host(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	err = w.Connect(ctx,
		peers.End{Host: host, Interface: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(otherAddr, 24)}},
		peers.End{Host: w.collector.Host, Interface: "eth1", Addresses: []netip.Prefix{netip.PrefixFrom(toOtherAddr, 24)}})
	if err == nil {
		err = host.Route(ctx, toOtherAddr)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := w.node("other", host, "  mode: authorize\n", "")
	w.has(a, 2)
	return a
}

// given waits until the collector says which version each node is given, and has.
func (w *tabled) given(want map[string][2]int) {
	w.t.Helper()
	got := map[string][2]int{}
	err := peers.Poll(w.t.Context(), 10*time.Second, "blocks list", func() (bool, error) {
		var list struct {
			Nodes []struct {
				Node  string `json:"node"`
				Given int    `json:"given"`
				Table *struct {
					Version int `json:"version"`
				} `json:"table"`
			} `json:"nodes"`
		}
		if err := json.Unmarshal([]byte(w.blocks("list", "--json")), &list); err != nil {
			return false, err
		}
		for _, n := range list.Nodes {
			got[n.Node] = [2]int{n.Given, -1}
			if n.Table != nil {
				got[n.Node] = [2]int{n.Given, n.Table.Version}
			}
		}
		return fmt.Sprint(got) == fmt.Sprint(want), nil
	})
	if err != nil {
		w.t.Errorf("%v: nodes are given, and have, %v, want %v", err, got, want)
	}
}

// release takes half of acme's block away, in which 7001 is registered.
func (w *tabled) release() {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	_, complaint, err := w.collector.Blocks(ctx, "release", "acme", "7000-7049")
	if err == nil || !strings.Contains(complaint, "7001") || !strings.Contains(complaint, "192.0.2.2") || !strings.Contains(complaint, "--yes") {
		t.Errorf("a block with a phone in it was released unasked, or it was not shown: %v: %s", err, complaint)
	}
	if out := w.blocks("release", "acme", "7000-7049", "--dry-run"); !strings.Contains(out, "7001") {
		t.Errorf("a dry run does not show the phone: %s", out)
	}
	if out := w.blocks("list"); !strings.Contains(out, "7000-7099") {
		t.Errorf("the block is gone: %s", out)
	}
	if out := w.blocks("release", "acme", "7000-7049", "--yes"); !strings.Contains(out, "1 phones are refused") {
		t.Errorf("release printed %q", out)
	}
	w.has(w.agent, 6)
	var s *peers.AgentStatus
	err = peers.Poll(ctx, 10*time.Second, "the phone to be a stray", func() (_ bool, err error) {
		s, err = w.agent.Status(ctx)
		return err == nil && s.Guard.Strays == 1, err
	})
	if err != nil {
		t.Errorf("%v: %d strays", err, s.Guard.Strays)
	}
	list, err := w.agent.Bindings(ctx, "strays")
	if err != nil || len(list) != 1 || list[0].Number != "7001" || list[0].Customer != "acme" || list[0].Stray != "outside_blocks" {
		t.Errorf("%v: strays are %+v", err, list)
	}
	w.send(peers.V4.Customer, refused("7001"), accepted("7051"))
	w.send(peers.V4.Customer, gone("7001"))
	err = peers.Poll(ctx, 10*time.Second, "the stray to be gone", func() (_ bool, err error) {
		s, err = w.agent.Status(ctx)
		return err == nil && s.Guard.Strays == 0, err
	})
	if err != nil {
		t.Error(err)
	}
}

// tableWith is tableText with more customers who have blocks of their own.
func tableWith(customers, blocks int) string {
	var b strings.Builder
	for i := range customers {
		fmt.Fprintf(&b, "  - id: customer-%d\n    domains: [c%d.example]\n    blocks:\n", i, i)
		for j := range blocks {
			first := 10_000_000 + (i*blocks+j)*100
			fmt.Fprintf(&b, "      - {first: \"%d\", last: \"%d\"}\n", first, first+99)
		}
	}
	text := fmt.Sprintf(tableText, peers.V4.Customer, globexAddr, peers.V4.CarrierA, peers.V4.CarrierB)
	return strings.Replace(text, "carriers:", b.String()+"carriers:", 1)
}

// While the table changes every second, calls and registrations go on, and every
// one of them is counted, and judged as it should be.
func TestTableUnderLoad(t *testing.T) {
	need(t)
	w := newTabled(t, "")
	w.importTable(tableWith(2_000, 5))
	w.blocks("assign", "acme")
	w.blocks("assign", "globex")
	w.has(w.agent, 5)

	const seconds, rate, cps = 8, 50, 20
	calls := batch{name: "calls", number: "1000", calls: seconds * cps, rate: cps, caller: peers.Caller{Hold: 1000}}
	playing := w.start(&calls)
	phones := w.must((&peers.SIPp{Host: w.Customer, Name: "phones", Calls: seconds * rate, Rate: rate, Limit: 1000, Timeout: 60, Media: peers.MediaPort + 1000,
		Local: netip.AddrPortFrom(peers.V4.Customer, 5070), Remote: peers.At(peers.V4.ToCustomer),
		Fill: peers.Requests{List: []peers.Request{accepted("7001"), refused("7101"), refused("alice")}}}).Start(t.Context()))
	version := 5
	for !phones.Ended() {
		version++
		w.blocks("assign", fmt.Sprintf("new-%d", version), "--new")
		w.has(w.agent, version)
	}
	if err := phones.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	stats, err := phones.Stats()
	if err != nil {
		t.Fatal(err)
	}
	sum := tally{w: w.world}
	sum.add(&calls, playing.finish())
	t.Logf("%d tables while %d phones and %d calls played: %+v", version-5, stats.Created, sum.started, stats)
	w.equal("tables, at least,", min(version-5, 2), 2)
	w.equal("requests that sipp sent again", stats.Retrans, 0)

	s := w.settle(sum.started)
	got := map[string]int{}
	for _, v := range s.Guard.Verdicts {
		if v.Count > 0 {
			got[v.Customer+" "+v.Verdict+" "+v.Reason] += v.Count
		}
	}
	want := map[string]int{"acme passed allowed": 2 * stats.Created, "acme refused outside_blocks": stats.Created, "acme refused non_numeric": stats.Created}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("verdicts are %v, want %v", got, want)
	}
	w.equal("REGISTERs sent again", s.Guard.Resent, 0)
	for event, n := range map[string]int{"packets": 4 * stats.Created, "passed": 2 * stats.Created, "refused": 2 * stats.Created} {
		have, _ := s.Count("netfilter", event)
		w.equal("netfilter "+event, have, n)
	}
	acme, alpha := peers.Party(s.Customers, "acme"), peers.Party(s.Carriers, "alpha")
	w.equal("calls", acme.Started, sum.started)
	w.equal("calls of all", s.Calls.Started, sum.started)
	w.equal("answered calls", acme.Answered, sum.answered)
	w.equal("attempts", alpha.Started, sum.a)
	w.equal("attempts answered", alpha.Answered, sum.aAnswered)
	w.equal("calls joined in the middle", s.Calls.SeenMidcall, 0)
	for _, d := range s.Agent.Drops {
		w.equal("lost: "+d.Stage+" "+d.Event, d.N, 0)
	}
	if len(s.Suspect) > 0 {
		t.Errorf("the agent finds its own figures suspect: %q", s.Suspect)
	}
	w.equal("bindings", s.Guard.Bindings, 1)
}

// impostorPort is where a broker listens that is nobody's.
const impostorPort = 1884

// With the collector gone for good verdicts go on, over a crash of the agent, and
// no table is taken but from who has the key, and none that is older.
func TestTableRefused(t *testing.T) {
	need(t)
	t.Parallel()
	ctx := t.Context()
	at := netip.AddrPortFrom(officeAddr, impostorPort)
	w := newTabled(t, fmt.Sprintf("%q", "mqtt://"+at.String()))
	acme := peers.V4.Customer
	kept := filepath.Join(w.Dir, "guard-e2e", "table.yaml")
	old, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	w.blocks("assign", "acme")
	w.has(w.agent, 3)
	key := w.privateKey()

	verdicts := func(when string) {
		t.Helper()
		w.send(acme, accepted("7001"), refused("7101"))
		if t.Failed() {
			t.Fatalf("verdicts are wrong: %s", when)
		}
	}
	verdicts("with the collector")
	if err := w.collector.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	verdicts("with the collector killed")
	if err := w.agent.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Start(ctx); err != nil {
		t.Fatal(err)
	}
	verdicts("with the agent killed and started again")

	broker := &peers.Mosquitto{Host: w.collector.Host, At: at}
	if err := broker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if v := w.table(w.agent); v.Version != 3 || v.LastError != "" {
		t.Fatalf("after the start the agent has %+v", v)
	}
	_, strange, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := unsigned(good)
	newer := strings.Replace(text, "version: 3", "version: 4", 1)
	if newer == text {
		t.Fatalf("there is no version in %s", text)
	}
	overlap := strings.Replace(newer, "id: globex", "id: globex\n    blocks: [{first: \"7050\", last: \"7149\"}]", 1)
	for _, bad := range []struct {
		reason string
		signed []byte
		says   string
	}{
		{"wrong_key", sign(newer, strange), "not trusted"},
		{"changed", bytes.Replace(sign(newer, key), []byte("192.0.2.2"), []byte("192.0.2.9"), 1), "changed"},
		{"truncated", sign(newer, key)[:len(newer)/2], ""},
		{"unsigned", []byte(newer), "not signed"},
		{"older", old, "table 2"},
		{"conflict", sign(strings.Replace(text, "192.0.2.2", "192.0.2.9", 1), key), "table 3"},
		{"invalid", sign(overlap, key), "table.refused.yaml:10: block 7050-7149 of globex overlaps block 7000-7099 of acme in line 8"},
	} {
		before := w.table(w.agent)
		w.publish(broker, zstded(t, bad.signed))
		var got peers.AgentTable
		err := peers.Poll(ctx, 70*time.Second, "a table to be refused", func() (bool, error) {
			got = w.table(w.agent)
			return got.Refused[bad.reason] > before.Refused[bad.reason], nil
		})
		if err != nil {
			t.Errorf("%s: %v: %+v", bad.reason, err, got)
			continue
		}
		if got.Version != 3 || !strings.Contains(got.LastError, bad.says) {
			t.Errorf("%s: %+v, the error should speak of %q", bad.reason, got, bad.says)
		}
		t.Logf("%s: %s", bad.reason, got.LastError)
		verdicts("after a table that is " + bad.reason)
	}
	w.publish(broker, []byte("no zstd"))
	err = peers.Poll(ctx, 10*time.Second, "the error", func() (bool, error) {
		return strings.Contains(w.table(w.agent).LastError, "unpacking"), nil
	})
	if err != nil {
		t.Errorf("%v: %+v", err, w.table(w.agent))
	}
	m, err := w.agent.Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := m[`sipward_table_refused_total{reason="older"}`]; n != 1 {
		t.Errorf("sipward_table_refused_total of older ones is %v", n)
	}
	verdicts("after what is no table")

	// Who has the key, has the say.
	w.publish(broker, zstded(t, sign(strings.Replace(newer, "192.0.2.3", "192.0.2.4", 1), key)))
	w.has(w.agent, 4)
	if v := w.table(w.agent); v.LastError != "" {
		t.Errorf("after a good table the agent says %q", v.LastError)
	}
	verdicts("after a good table")

	// Somebody writes into the copy on the disk. It is not believed; the broker
	// still has the good one.
	if err := w.agent.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	changed, err := os.ReadFile(kept)
	if err == nil {
		err = os.WriteFile(kept, bytes.Replace(changed, []byte("192.0.2.2"), []byte("192.0.2.9"), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if n := w.table(w.agent).Refused["changed"]; n != 1 {
		t.Errorf("a changed table on the disk was refused %d times", n)
	}
	w.has(w.agent, 4)
	verdicts("after the good table came again")
}

func (w *tabled) publish(b *peers.Mosquitto, payload []byte) {
	w.t.Helper()
	if err := b.Retain(w.t.Context(), "sipward/v1/e2e/table", payload); err != nil {
		w.t.Fatal(err)
	}
}

// privateKey is the one that signs the collector's tables.
func (w *tabled) privateKey() ed25519.PrivateKey {
	w.t.Helper()
	text, err := os.ReadFile(w.collector.TableKey())
	if err != nil {
		w.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		w.t.Fatalf("%s holds no PEM", w.collector.TableKey())
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		w.t.Fatalf("the key is a %T", key)
	}
	return private
}

// sign signs a table as docs/protocol.md says.
func sign(text string, key ed25519.PrivateKey) []byte {
	id := sha256.Sum256(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
	return fmt.Appendf(nil, "%s# signature ed25519 %s %s\n", text, hex.EncodeToString(id[:8]), base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text))))
}

// unsigned is a signed table without its last line.
func unsigned(signed []byte) string {
	return string(signed[:bytes.LastIndexByte(bytes.TrimSuffix(signed, []byte("\n")), '\n')+1])
}

func zstded(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(b, nil)
}
