package upgrade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/test/peers"
)

// kept is what must be found in the files of a release.
type kept struct {
	Release  string
	Calls    map[string]json.RawMessage // that the collector had, as it exported them
	Waiting  int                        // calls that the collector did not have yet
	OnDisk   int                        // calls in the agent's spool, with those that were delivered
	Bindings int                        // registrations that the agent knew
	Table    string                     // as blocks export writes it
	Email    string                     // of an operator of the dashboard
	Password string
}

const collectorConfig = `
id: centre
data: @DIR@/data
embedded: {listen: "@BROKER@", listen_tls: "off"}
web: {listen: "127.0.0.1:0"}
admin: {listen: "off", socket: "@DIR@/collector.sock"}
` + keepAll

// keepAll has archives tested for longer than calls are kept.
const keepAll = `retention: {calls: forever, telemetry: forever}
`

const agentConfig = `
node: switch-1
capture: {interfaces: [], sip_ports: [5060], hep: [{network: udp, address: "@HEP@"}]}
local_addresses: [127.0.0.10]
admin: {listen: "off", socket: "@DIR@/agent.sock"}
uplink: {brokers: ["mqtt://@BROKER@"], password_file: "@DIR@/switch-1.password"}
spool: {dir: "@DIR@/spool"}
table: {public_key_file: "@DIR@/table.pub"}
guard: {dir: "@DIR@/guard"}
`

const parties = `
grid: {start: "1000", size: 1000}
customers:
  - {id: acme, addresses: [127.0.1.1], channels: 10, blocks: [{first: "1000", last: "1999"}]}
  - {id: globex, addresses: [127.0.1.2], blocks: [{first: "2000", last: "2999"}]}
carriers:
  - {id: alpha, addresses: [127.0.2.1], channels: 20}
  - {id: beta, addresses: [127.0.2.2]}
`

// TestMake writes the files of the release that SIPWARD_FIXTURE names, by its programs.
func TestMake(t *testing.T) {
	release := os.Getenv("SIPWARD_FIXTURE")
	if release == "" {
		t.Skip("makes the files of a release: SIPWARD_FIXTURE=1.0 and the programs of it in SIPWARD_AGENT and SIPWARD_COLLECTOR")
	}
	s := newSite(t)
	want := kept{Release: release, Email: "operator@example.org", Password: "a long enough phrase"}
	s.write("collector.yaml", s.fill(collectorConfig))
	s.write("agent.yaml", s.fill(agentConfig))
	s.write("parties.yaml", parties)

	stopCollector := s.start("collector")
	s.ask("collector", "node", "add", node, "--password", "--out", s.path(node+".password"))
	s.ask("collector", "blocks", "import", s.path("parties.yaml"), "--yes")
	s.write("table.pub", string(s.ask("collector", "blocks", "key")))
	s.signUp(&want)
	stopAgent := s.start("agent")
	s.must(peers.Poll(t.Context(), readyWait, "the table to reach the agent", func() (bool, error) {
		out, err := s.try("agent", "status", "--json")
		return bytes.Contains(out, []byte(`"acme"`)), err
	}))
	first := s.play(1)
	want.Calls = s.wait(first)
	if len(want.Calls) != first {
		t.Fatalf("%d calls in the collector, %d were played", len(want.Calls), first)
	}
	want.Table = string(s.ask("collector", "blocks", "export"))
	stopCollector()

	want.Waiting = s.play(2)
	want.OnDisk = first + want.Waiting // a file is removed when all in it was delivered
	s.must(peers.Poll(t.Context(), readyWait, "the calls to be on disk", func() (bool, error) { return s.spooled()["calls"] == want.OnDisk, nil }))
	want.Bindings = s.bindings()
	if want.Bindings == 0 {
		t.Fatal("nobody is registered")
	}
	s.must(peers.Poll(t.Context(), 2*drainWait, "the agent to trust its clock, and know its first hour", func() (bool, error) {
		var now struct {
			Sync struct {
				HourClosedUnixS int64 `json:"hour_closed_unix_s"`
			}
		}
		err := json.Unmarshal(s.ask("agent", "status", "--json"), &now)
		return now.Sync.HourClosedUnixS != 0, err
	}))
	stopAgent()

	for _, name := range []string{"collector.yaml", "agent.yaml"} { // values of this machine become marks
		s.write(name, map[string]string{"collector.yaml": collectorConfig, "agent.yaml": agentConfig}[name])
	}
	file := filepath.Join("testdata", release+".tar.zst")
	s.must(pack(file, s.dir, &want, "collector.yaml", "agent.yaml", node+".password", "table.pub", "data", "spool", "guard"))
	t.Logf("%s: %d calls stored, %d waiting, %d bindings", file, len(want.Calls), want.Waiting, want.Bindings)
}

// play sends calls and registrations to the agent, and returns how many calls.
func (s *site) play(seed uint64) int {
	s.Helper()
	conn, err := net.Dial("udp", s.hep)
	s.must(err)
	defer conn.Close()
	plan, err := testkit.Plan{
		Seed: seed, Start: time.Now(), Calls: 40, Rate: 40, Delay: 50 * time.Millisecond, Ring: 200 * time.Millisecond, Hold: 1500 * time.Millisecond, Spread: 0.3,
		Mix:       []testkit.Share{{Outcome: testkit.Answered, Weight: 6}, {Outcome: testkit.Failover, Weight: 2}, {Outcome: testkit.Busy, Weight: 1}, {Outcome: testkit.Cancelled, Weight: 1}},
		Customers: 2, Carriers: 2, RTP: true, Digits: 2, Registers: 10, RegistersDenied: 2,
	}.Fill()
	s.must(err)
	_, err = testkit.Play(plan, &testkit.Pace{Context: s.Context(), To: lasting{&testkit.HEP{W: conn, Media: true}}}, nil)
	s.must(err)
	return plan.Calls
}

// lasting makes registrations last for thirty years, so that those of kept files are
// still good when they are read.
type lasting struct{ testkit.Sink }

func (l lasting) Send(p *testkit.Packet) error {
	q := *p
	q.Payload = bytes.ReplaceAll(q.Payload, []byte("xpires: 3600"), []byte("xpires: 946080000"))
	q.Payload = bytes.ReplaceAll(q.Payload, []byte("expires=3600"), []byte("expires=946080000"))
	return l.Sink.Send(&q)
}

func (s *site) bindings() int {
	s.Helper()
	var got struct{ Bindings []json.RawMessage }
	s.must(json.Unmarshal(s.ask("agent", "guard", "bindings", "--json"), &got))
	return len(got.Bindings)
}

// api calls the dashboard of the running collector.
func (s *site) api(path string, body, into any) *http.Response {
	s.Helper()
	text, err := json.Marshal(body)
	s.must(err)
	at := s.dashboard()
	at.Path, at.Fragment = "/api/v1"+path, ""
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, at.String(), bytes.NewReader(text))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "http://"+at.Host)
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	s.must(json.NewDecoder(res.Body).Decode(into))
	return res
}

var dashboardURL = regexp.MustCompile(`dashboard.* url=(\S+)`)

// dashboard is where the collector says it is.
func (s *site) dashboard() *url.URL {
	s.Helper()
	log, err := os.ReadFile(s.path("collector.log"))
	s.must(err)
	m := dashboardURL.FindSubmatch(log)
	if m == nil {
		s.Fatalf("the collector does not say where its dashboard is:\n%s", log)
	}
	u, err := url.Parse(string(m[1]))
	s.must(err)
	return u
}

// signUp makes the first account by the link.
func (s *site) signUp(k *kept) {
	s.Helper()
	token := regexp.MustCompile(`[^/]+$`).FindString(s.dashboard().Fragment)
	var got struct{ State string }
	res := s.api("/setup", map[string]string{"token": token, "name": "Operator", "email": k.Email, "password": k.Password}, &got)
	if res.StatusCode >= http.StatusMultipleChoices {
		s.Fatal(fmt.Sprint("the first account: ", res.Status))
	}
}
