package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/test/peers"
)

const wait = 30 * time.Second

// site is a folder in which the commands of one page are run, beside a collector and an
// agent of its own. The programs are found by their names, as on a host where they are
// installed, and find this folder where they would find /etc/sipward.
type site struct {
	*testing.T
	dir     string
	ports   *strings.Replacer // addresses and folders of the pages to those of this site
	running map[string]func() // how to end agent and collector
	prelude string            // variables that the page has set
}

// wrapper gives a program the configuration that it would find in its default place.
const wrapper = `#!/bin/bash
add=(--config %[2]s)
case "$1" in version|completion|replay) add=() ;; check) [ $# -gt 1 ] && add=() ;; esac
for word; do case "$word" in --config|--config=*|--help) add=() ;; esac; done
exec %[1]s "$@" "${add[@]}"
`

// What a page's configuration lacks so that it runs here: its packets come over HEP,
// and what it writes stays in the folder.
const agentRest = `
capture: {interfaces: [], hep: [{network: udp, address: "@HEP@"}]}
local_addresses: [127.0.0.10]
admin: {listen: "@AGENT@", socket: "@DIR@/agent.sock"}
uplink: {brokers: ["mqtt://@BROKER@"], password_file: "@DIR@/uplink.password"}
spool: {dir: "@DIR@/spool"}
guard: {dir: "@DIR@/guard", mode: authorize, authorize: {listen: "@ASK@"}}
`

const collectorRest = `
data: @DIR@/data
embedded: {listen: "@BROKER@", listen_tls: "@TLS@"}
web: {listen: "@WEB@"}
admin: {listen: "@COLLECTOR@", socket: "@DIR@/collector.sock"}
`

// newSite makes the folder; programs has both programs. agent is a configuration.
func newSite(t *testing.T, programs, agent string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward-docs-") // t.TempDir is too long for a socket
	s := &site{T: t, dir: dir, running: map[string]func(){}}
	s.must(err)
	t.Cleanup(func() { s.must(os.RemoveAll(dir)) })
	module, err := filepath.Abs(root)
	s.must(err)
	free := [6]string{}
	for i := range free {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		s.must(err)
		defer l.Close()
		free[i] = l.Addr().String()
	}
	u, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	s.must(err)
	defer u.Close()
	s.ports = strings.NewReplacer("127.0.0.1:9464", free[0], "127.0.0.1:9465", free[1], "127.0.0.1:9466", free[2],
		"127.0.0.1:9480", free[3], "/etc/sipward", dir, "/backup/", dir+"/backup-",
		"/etc/prometheus", dir, "/usr/share/doc/sipward-collector/examples/monitoring/", module+"/monitoring/",
		" test/captures/", " "+module+"/test/captures/", "/var/lib/sipward-collector", dir+"/data")
	marks := strings.NewReplacer("@DIR@", dir, "@AGENT@", free[0], "@COLLECTOR@", free[1], "@ASK@", free[2], "@WEB@", free[3],
		"@BROKER@", free[4], "@TLS@", free[5], "@HEP@", u.LocalAddr().String())
	s.write("agent.yaml", agent+marks.Replace(agentRest))
	s.write("collector.yaml", marks.Replace(collectorRest))
	s.write("hep", u.LocalAddr().String())
	s.write("register.sip", register)
	capture, err := os.ReadFile(filepath.Join(root, "test", "captures", "auth.pcapng"))
	s.must(err)
	s.write("call.pcap", string(capture))
	s.must(os.Mkdir(s.path("bin"), 0o700))
	for _, name := range []string{"agent", "collector"} {
		s.script("sipward-"+name, fmt.Sprintf(wrapper, filepath.Join(programs, "sipward-"+name), s.path(name+".yaml")))
	}
	s.script("sudo", "#!/bin/bash\nexec \"$@\"\n")
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) { s.must(os.WriteFile(s.path(name), []byte(text), 0o600)) }

func (s *site) script(name, text string) {
	s.must(os.WriteFile(filepath.Join(s.dir, "bin", name), []byte(text), 0o700))
}

// bash makes a command of a line as it stands on the page.
func (s *site) bash(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", s.prelude+s.ports.Replace(line))
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.path("bin")+":"+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// do runs a line to its end.
func (s *site) do(line, stdin string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), wait)
	defer cancel()
	cmd := s.bash(ctx, line)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Errorf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// start runs a line that does not end, until its program says that it is ready.
func (s *site) start(name, line string) {
	s.Helper()
	s.stop(name)
	log, err := os.Create(s.path(name + ".log"))
	s.must(err)
	cmd := s.bash(context.WithoutCancel(s.Context()), "exec "+line)
	cmd.Stdout, cmd.Stderr = log, log
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.running[name] = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended; Wait tells how
		select {
		case err = <-ended:
		case <-time.After(wait):
			err = fmt.Errorf("it does not end: %w", cmd.Process.Kill())
		}
		if text, _ := os.ReadFile(log.Name()); err != nil {
			s.Errorf("%s: %v\n%s", line, err, text)
		}
		s.must(log.Close())
	}
	s.must(peers.Poll(s.Context(), wait, line, func() (bool, error) {
		if len(ended) > 0 {
			text, _ := os.ReadFile(log.Name())
			return false, fmt.Errorf("it ended: %s", text)
		}
		var got struct{ Ready bool }
		out, err := s.bash(s.Context(), "sipward-"+name+" status --json").Output()
		return err == nil && json.Unmarshal(out, &got) == nil && got.Ready, nil
	}))
}

func (s *site) stop(name string) {
	if end := s.running[name]; end != nil {
		delete(s.running, name)
		end()
	}
}

// open starts both programs, and has the agent see some calls.
func (s *site) open() {
	s.Helper()
	s.Cleanup(func() { s.stop("agent"); s.stop("collector") })
	s.start("collector", "sipward-collector run")
	s.do("sipward-collector node add switch-1 --password --out uplink.password", "")
	s.start("agent", "sipward-agent run")
	hep, err := os.ReadFile(s.path("hep"))
	s.must(err)
	conn, err := net.Dial("udp", string(hep))
	s.must(err)
	defer conn.Close()
	plan, err := testkit.Plan{Seed: 1, Start: time.Now(), Calls: 4, Rate: 40, Delay: 10 * time.Millisecond, Ring: 20 * time.Millisecond,
		Hold: 300 * time.Millisecond, Mix: []testkit.Share{{Outcome: testkit.Answered, Weight: 1}}, Customers: 1, Carriers: 1}.Fill()
	s.must(err)
	_, err = testkit.Play(plan, &testkit.Pace{Context: s.Context(), To: &testkit.HEP{W: conn}}, nil)
	s.must(err)
}

var setupLink = regexp.MustCompile(`#/setup/(\S+)`)

// account makes the first account, as the pages say that one does, and returns its session.
func (s *site) account(email string) (at string, cookies []*http.Cookie, csrf string) {
	s.Helper()
	log, err := os.ReadFile(s.path("collector.log"))
	s.must(err)
	m := setupLink.FindSubmatch(log)
	if m == nil {
		s.Fatalf("the collector prints no link:\n%s", log)
	}
	at = "http://" + s.ports.Replace("127.0.0.1:9480")
	var in struct{ CSRF string }
	cookies = s.post(at, "/setup", fmt.Sprintf(`{"token":%q,"name":"O","email":%q,"password":"a long enough phrase"}`, m[1], email), nil, "", &in)
	return at, cookies, in.CSRF
}

// token makes the first account and a token for programs.
func (s *site) token() string {
	s.Helper()
	at, cookies, csrf := s.account("o@example.org")
	var made struct{ Secret string }
	s.post(at, "/tokens", fmt.Sprintf(`{"name":"billing","role":"operator","expires_unix_ms":%d}`, time.Now().Add(time.Hour).UnixMilli()), cookies, csrf, &made)
	return made.Secret
}

func (s *site) post(at, path, body string, cookies []*http.Cookie, csrf string, into any) []*http.Cookie {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, at+"/api/v1"+path, strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", at)
	req.Header.Set("X-CSRF", csrf)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		s.Fatalf("POST %s: %s", path, res.Status)
	}
	s.must(json.NewDecoder(res.Body).Decode(into))
	return res.Cookies()
}

const register = "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
	"From: <sip:1005@pbx.example>;tag=1\r\nTo: <sip:1005@pbx.example>\r\nCall-ID: one@192.0.2.7\r\nCSeq: 1 REGISTER\r\n" +
	"Contact: <sip:1005@192.0.2.7:5060>;expires=600\r\nContent-Length: 0\r\n\r\n"
