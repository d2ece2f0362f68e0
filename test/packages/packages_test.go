package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	agent     = "sipward-agent"
	collector = "sipward-collector"
)

// deb is the package of a program that was built for this test.
func deb(t *testing.T, program string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.Getenv("SIPWARD_PACKAGES"), program+"_*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("packages of %s: %v, %v", program, found, err)
	}
	return found[0]
}

// next makes the package of a later version, with another conffile.
func next(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, program+"-next.deb")
	config := strings.TrimPrefix(program, "sipward-") + ".yaml"
	script := `dpkg-deb -R "$1" "$2/x" && sed -i 's/^Version: .*/&+next/' "$2/x/DEBIAN/control" &&
		echo "# A comment of the next version." >>"$2/x/etc/sipward/$4" && dpkg-deb -Znone -b "$2/x" "$3"`
	if said, err := exec.Command("sh", "-c", script, "sh", deb(t, program), dir, out, config).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

// TestPackages is the life of both packages on one host, from the first install on.
func TestPackages(t *testing.T) {
	m := boot(t)
	m.run("ip netns add peer && ip link set peer0 netns peer && ip -n peer addr add 192.0.2.9/24 dev peer0 && ip -n peer link set peer0 up")
	if out := m.run("dpkg -i " + m.put(deb(t, agent)) + " " + m.put(deb(t, collector))); strings.Contains(out, "not running") {
		t.Fatalf("%s\n%s", out, m.logged(agent+" -u "+collector))
	}
	for _, part := range []struct {
		name string
		f    func(*testing.T, *machine)
	}{
		{"started", started}, {"sandboxed", sandboxed}, {"connected", connected}, {"reloaded", reloaded}, {"guarded", guarded}, {"documented", documented},
		{"explains", explains}, {"watched", watched}, {"upgraded", upgraded}, {"removed", removed}, {"purged", purged},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			here := *m
			here.T = t
			part.f(t, &here)
		})
		if !ok {
			t.Fatalf("%s\n%s", m.logged(agent), m.logged(collector))
		}
	}
}

// Both are started by their installation and ready, without any configuration:
// the agent has its socket open, with the kernel's filter.
func started(t *testing.T, m *machine) {
	for _, p := range []string{agent, collector} {
		m.active(p)
		if got := m.run("systemctl is-enabled " + p); got != "enabled" {
			t.Errorf("%s is %s", p, got)
		}
	}
	if log := m.logged(agent); !strings.Contains(log, "filter=ebpf") {
		t.Errorf("no eBPF: %s", log)
	}
	if sockets := m.run("tail -n +2 /proc/net/packet"); sockets == "" {
		t.Error("the agent was ready without a capture socket")
	}
	m.call(t, "one")
}

// call plays a call that is busy, and waits until the agent has counted it.
func (m *machine) call(t *testing.T, id string) {
	t.Helper()
	before := m.calls(t)
	headers := "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK" + id + "\r\nFrom: <sip:a@192.0.2.9>;tag=" + id +
		"\r\nTo: <sip:1000@192.0.2.1>%s\r\nCall-ID: " + id + "\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n"
	const a, b = "192.0.2.9", "192.0.2.1"
	m.send("ip netns exec peer", a, b, "INVITE sip:1000@192.0.2.1 SIP/2.0\r\n"+fmt.Sprintf(headers, "", "INVITE"))
	m.send("", b, a, "SIP/2.0 486 Busy Here\r\n"+fmt.Sprintf(headers, ";tag=b", "INVITE"))
	m.send("ip netns exec peer", a, b, "ACK sip:1000@192.0.2.1 SIP/2.0\r\n"+fmt.Sprintf(headers, ";tag=b", "ACK"))
	m.until("the call", func() error {
		if got := m.calls(t); got <= before {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
}

// send sends a datagram from port 5060 to port 5060, with what every Debian has.
func (m *machine) send(where, from, to, text string) {
	m.Helper()
	m.write("/root/message", text)
	m.run(where + ` perl -MIO::Socket::INET -e 'local $/; my $text = <STDIN>;
		IO::Socket::INET->new(Proto => "udp", LocalAddr => "` + from + `:5060", PeerAddr => "` + to + `:5060")->send($text) or die $!' </root/message`)
}

// calls is how many calls the agent has seen since it started.
func (m *machine) calls(t *testing.T) float64 {
	t.Helper()
	return m.status(agent)["calls"].(map[string]any)["started"].(float64)
}

// The programs have what their units give them, and are refused nothing they need.
func sandboxed(t *testing.T, m *machine) {
	for p, want := range map[string]string{agent: "sipward", collector: collector} {
		pid := m.property(p, "MainPID")
		status := m.run("cat /proc/" + pid + "/status")
		for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(status, line) {
				t.Errorf("%s: no %q in %s", p, line, status)
			}
		}
		if user := m.run("stat -c %U /proc/" + pid); user != want {
			t.Errorf("%s is run by %s", p, user)
		}
		// The agent had some until its socket was open, which is of any interface.
		if !regexp.MustCompile(`CapPrm:\t0{16}\nCapEff:\t0{16}\n`).MatchString(status) {
			t.Errorf("%s has capabilities: %s", p, status)
		}
		if log := m.logged(p); strings.Contains(log, "not permitted") || strings.Contains(log, "denied") {
			t.Errorf("%s was refused something: %s", p, log)
		}
		if got := m.property(p, "NRestarts"); got != "0" {
			t.Errorf("%s was restarted %s times", p, got)
		}
	}
	// A write outside its own folders must fail.
	if out, err := m.try("nsenter -t " + m.property(agent, "MainPID") + " -m touch /etc/sipward/x /usr/x"); err == nil {
		t.Errorf("its file system can be written: %s", out)
	}
}

// The agent and the collector of one host: what the agent counts is stored.
func connected(t *testing.T, m *machine) {
	m.run("cd /root && sipward-collector node add switch-1 && install -o root -g sipward -m 0640 switch-1.pem /etc/sipward/uplink.pem")
	m.run(`cat >>/etc/sipward/agent.yaml <<END
node: switch-1
uplink:
  brokers: ["mqtts://127.0.0.1:8883"]
  ca_file: /etc/sipward/uplink.pem
  cert_file: /etc/sipward/uplink.pem
  key_file: /etc/sipward/uplink.pem
customers:
  - {id: acme, addresses: [192.0.2.9]}
END
sipward-agent check && systemctl restart sipward-agent`)
	m.active(agent)
	m.call(t, "two")
	m.until("a stored call", func() error {
		if out, err := m.try("sipward-collector export calls --from 2000-01-01"); err != nil || strings.Count(out, "\n") < 2 {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if page := m.run(`exec 3<>/dev/tcp/127.0.0.1/9480; printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1:9480\r\n\r\n' >&3; cat <&3`); !strings.Contains(page, "200 OK") {
		t.Errorf("the dashboard answers %s", page)
	}
}

func reloaded(t *testing.T, m *machine) {
	pid := m.property(agent, "MainPID")
	m.run("sed -i 's/acme/globex/' /etc/sipward/agent.yaml && systemctl reload sipward-agent")
	m.until("the new customer", func() error {
		if out := m.run("sipward-agent status"); !strings.Contains(out, "globex") {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if got := m.property(agent, "MainPID"); got != pid {
		t.Errorf("a reload started another process: %s, %s", pid, got)
	}
}

// With the drop-in the agent stands in the way of REGISTERs: it sets its rules, refuses
// a number that is not the customer's, and takes the rules away at the end.
func guarded(t *testing.T, m *machine) {
	m.run(`cp /etc/sipward/agent.yaml /root/agent.yaml
sed -i 's/addresses: .192.0.2.9./&, blocks: [{first: 2000, last: 2999}]/' /etc/sipward/agent.yaml
echo 'guard: {mode: nfqueue}' >>/etc/sipward/agent.yaml
install -D -m 0644 /usr/share/doc/sipward-agent/examples/nfqueue.conf /etc/systemd/system/sipward-agent.service.d/nfqueue.conf
systemctl daemon-reload && systemctl restart sipward-agent`)
	m.active(agent)
	if rules := m.run("nft list ruleset; iptables-save"); !strings.Contains(strings.ToLower(rules), "queue") {
		t.Errorf("no rules: %s", rules)
	}
	m.send("ip netns exec peer", "192.0.2.9", "192.0.2.1", "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKr\r\n"+
		"From: <sip:1000@192.0.2.1>;tag=r\r\nTo: <sip:1000@192.0.2.1>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: <sip:1000@192.0.2.9>\r\nContent-Length: 0\r\n\r\n")
	m.until("a refusal", func() error {
		if out := m.run("sipward-agent status --json"); !strings.Contains(out, `"refused"`) || !regexp.MustCompile(`"verdict": ?"refused"`).MatchString(out) {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if got := m.property(agent, "KillMode"); got != "mixed" {
		t.Errorf("KillMode is %s: what takes the rules away would be told to stop, too", got)
	}
	m.run("systemctl stop sipward-agent")
	if rules := m.run("nft list ruleset; iptables-save"); strings.Contains(strings.ToLower(rules), "queue") {
		t.Errorf("the rules stayed: %s", rules)
	}
	m.run("rm /etc/systemd/system/sipward-agent.service.d/nfqueue.conf && cp /root/agent.yaml /etc/sipward/ && systemctl daemon-reload && systemctl start sipward-agent")
	m.active(agent)
}

// What belongs to a program is in its place.
func documented(t *testing.T, m *machine) {
	for _, file := range []string{"sipward.rules.yml", "grafana-sipward.json"} { // where docs/monitoring.md says
		if path := "/usr/share/doc/" + collector + "/examples/monitoring/" + file; !m.exists(path) {
			t.Errorf("%s is missing", path)
		}
	}
	for _, p := range []string{agent, collector} {
		for _, file := range []string{"man/man1/" + p + ".1.gz", "man/man5/" + p + ".yaml.5.gz", "bash-completion/completions/" + p,
			"zsh/vendor-completions/_" + p, "fish/vendor_completions.d/" + p + ".fish", "doc/" + p + "/copyright", "doc/" + p + "/THIRD-PARTY.gz",
			"doc/" + p + "/changelog.gz", "doc/" + p + "/" + strings.TrimPrefix(p, "sipward-") + ".yaml"} {
			if !m.exists("/usr/share/" + file) {
				t.Errorf("%s is missing", file)
			}
		}
		if out := m.run("dpkg -V " + p); strings.Contains(strings.ReplaceAll(out, "/etc/sipward/", ""), "/") {
			t.Errorf("files are not as packed: %s", out)
		}
		m.run(p + " check /usr/share/doc/" + p + "/" + strings.TrimPrefix(p, "sipward-") + ".yaml")
	}
}
