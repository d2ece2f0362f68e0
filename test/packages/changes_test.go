package packages

import (
	"fmt"
	"strings"
	"testing"
)

// A start that fails says why in one line of the journal.
func explains(t *testing.T, m *machine) {
	const broken = "/etc/systemd/system/sipward-agent.service.d/test.conf"
	for name, tt := range map[string]struct{ unit, config, want string }{
		"config":     {"", "capture:\n  interfases: [any]\n", `broken.yaml:2: unknown key "interfases"`},
		"permission": {"CapabilityBoundingSet=\nAmbientCapabilities=\n", "node: x\n", "CAP_NET_RAW"},
		"port":       {"", "admin: {listen: 127.0.0.1:9465}\n", "address already in use"},
		"secret":     {"", "uplink:\n  brokers: [\"mqtt://127.0.0.1:1883\"]\n  password_file: none\n", "broken.yaml:3: password_file: open /etc/sipward/none: no such file"},
	} {
		m.run("systemctl stop sipward-agent")
		m.run("rm -rf /run/log/journal/*/*@* && journalctl -q --rotate --vacuum-time=1s >/dev/null 2>&1 || true")
		m.write("/etc/sipward/broken.yaml", tt.config)
		m.write(broken, "[Service]\nRestart=no\nExecStart=\nExecStart=/usr/bin/sipward-agent run --config /etc/sipward/broken.yaml\n"+tt.unit)
		m.run("systemctl daemon-reload")
		if out, err := m.try("systemctl start sipward-agent"); err == nil {
			t.Errorf("%s: it was started: %s", name, out)
		}
		if log := m.logged(agent); !said(log, tt.want) {
			t.Errorf("%s: no line has %q: %s", name, tt.want, log)
		}
	}
	m.run("rm " + broken + " /etc/sipward/broken.yaml && systemctl daemon-reload && systemctl reset-failed sipward-agent")

	// A configuration that cannot be used is not tried again, and an error of the journal.
	m.run("cp /etc/sipward/agent.yaml /root/agent.yaml && echo 'nodes: x' >>/etc/sipward/agent.yaml; systemctl stop sipward-agent")
	if out, err := m.try("systemctl start sipward-agent"); err == nil {
		t.Errorf("it was started: %s", out)
	}
	if state, code := m.property(agent, "ActiveState"), m.property(agent, "ExecMainStatus"); state != "failed" || code != "78" {
		t.Errorf("with a configuration that cannot be used it is %s, after status %s", state, code)
	}
	m.until("the error in the journal", func() error {
		out := m.run("journalctl -q -o cat -p err -t sipward-agent")
		if !strings.Contains(out, `unknown key "nodes"; did you mean "node"?`) {
			return fmt.Errorf("its errors are %q", out)
		}
		return nil
	})
	m.run("cp /root/agent.yaml /etc/sipward/agent.yaml && systemctl restart sipward-agent")
	m.active(agent)
	m.run("echo 'nodes: x' >>/etc/sipward/agent.yaml && systemctl reload sipward-agent")
	m.until("that a reload failed", func() error {
		if s := m.property(agent, "StatusText"); !strings.Contains(s, `unknown key "nodes"`) {
			return fmt.Errorf("the status is %q", s)
		}
		return nil
	})
	m.run("sipward-agent status")
	m.run("cp /root/agent.yaml /etc/sipward/agent.yaml && systemctl stop sipward-agent && systemctl reset-failed sipward-agent || true")

	// An interface that is missing is no failure: it is waited for, and systemd knows.
	m.run("cp /etc/sipward/agent.yaml /root/agent.yaml && echo 'capture: {interfaces: [eth7]}' >>/etc/sipward/agent.yaml && systemctl start --no-block sipward-agent")
	m.until("why it waits", func() error {
		if s := m.property(agent, "StatusText"); !strings.Contains(s, "eth7") {
			return fmt.Errorf("the status is %q", s)
		}
		return nil
	})
	if got := m.property(agent, "ActiveState"); got != "activating" {
		t.Errorf("without its interface it is %s", got)
	}
	m.run("ip link add eth7 type veth peer name peer7 && ip link set eth7 up")
	m.active(agent)
	m.run("cp /root/agent.yaml /etc/sipward/agent.yaml && systemctl restart sipward-agent")
	m.active(agent)
}

// said reports whether one line of a log has this and begins as its program does.
func said(log, want string) bool {
	for line := range strings.SplitSeq(log, "\n") {
		if strings.Contains(line, want) {
			return true
		}
	}
	return false
}

// An agent that hangs is started anew.
func watched(t *testing.T, m *machine) {
	m.write("/etc/systemd/system/sipward-agent.service.d/test.conf", "[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\nRestartSec=0\n")
	m.run("systemctl daemon-reload && systemctl restart sipward-agent")
	m.active(agent)
	pid := m.property(agent, "MainPID")
	m.run("kill -STOP " + pid)
	m.until("another process", func() error {
		if got := m.property(agent, "MainPID"); got == pid || got == "0" {
			return fmt.Errorf("it is %s, as before", got)
		}
		return nil
	})
	m.run("rm /etc/systemd/system/sipward-agent.service.d/test.conf && systemctl daemon-reload && systemctl restart sipward-agent")
	m.active(agent)
}

// An upgrade keeps what an administrator changed, takes what nobody changed, and
// starts the new program; what was disabled is not started.
func upgraded(t *testing.T, m *machine) {
	m.run("systemctl disable --now sipward-collector")
	pid := m.property(agent, "MainPID")
	calls := m.run("sipward-agent spool list")
	m.run("dpkg --force-confdef --force-confold -i " + m.put(next(t, agent)) + " " + m.put(next(t, collector)))
	m.active(agent)
	if got := m.property(agent, "MainPID"); got == pid {
		t.Error("the old program still runs")
	}
	if got, _ := m.try("systemctl is-active sipward-collector"); strings.TrimSpace(got) != "inactive" {
		t.Errorf("the collector was disabled, and is %s", got)
	}
	if text := m.run("cat /etc/sipward/agent.yaml"); !strings.Contains(text, "globex") || strings.Contains(text, "next version") || !m.exists("/etc/sipward/agent.yaml.dpkg-dist") {
		t.Errorf("the configuration is not as it was: %s", text)
	}
	if text := m.run("cat /etc/sipward/collector.yaml"); !strings.Contains(text, "next version") {
		t.Errorf("the new configuration was not taken: %s", text)
	}
	if now := m.run("sipward-agent spool verify"); now == "" || calls == "" {
		t.Errorf("the spool: %s", now)
	}
	m.run("systemctl enable --now sipward-collector && sipward-collector node list | grep -q switch-1")
}

// A removal stops the service and leaves configuration and data.
func removed(t *testing.T, m *machine) {
	m.run("dpkg -r sipward-agent sipward-collector")
	for _, p := range []string{agent, collector} {
		if got, _ := m.try("systemctl is-active " + p); strings.TrimSpace(got) != "inactive" {
			t.Errorf("%s is %s", p, got)
		}
		if m.exists("/usr/bin/" + p) {
			t.Errorf("%s is still there", p)
		}
	}
	for _, file := range []string{"/etc/sipward/agent.yaml", "/etc/sipward/collector.yaml", "/var/lib/sipward/spool", "/var/lib/sipward-collector"} {
		if !m.exists(file) {
			t.Errorf("%s is gone", file)
		}
	}
	// Installed again, it goes on where it was.
	m.run("dpkg --force-confold -i /root/" + agent + "-next.deb")
	m.active(agent)
	if out := m.run("sipward-agent status"); !strings.Contains(out, "globex") {
		t.Errorf("the configuration is another one: %s", out)
	}
}

// A purge leaves nothing but the collector's records and the keys that others made.
func purged(t *testing.T, m *machine) {
	m.run("rm /etc/sipward/uplink.pem")
	if out := m.run("dpkg -P sipward-agent sipward-collector 2>&1"); !strings.Contains(out, "/var/lib/sipward-collector has the call records") {
		t.Errorf("it does not say what stays: %s", out)
	}
	for _, file := range []string{"/etc/sipward", "/var/lib/sipward", "/etc/systemd/system/multi-user.target.wants/sipward-agent.service",
		"/etc/systemd/system/sipward-agent.service", "/usr/share/doc/sipward-agent", "/var/lib/systemd/deb-systemd-helper-enabled/sipward-agent.service.dsh-also"} {
		if m.exists(file) {
			t.Errorf("%s is still there", file)
		}
	}
	if !m.exists("/var/lib/sipward-collector") {
		t.Error("the call records are gone")
	}
}
