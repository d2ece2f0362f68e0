package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wait is longer than anything takes, unless something is wrong.
const wait = 60 * time.Second

// machine is a Debian that runs in a folder.
type machine struct {
	*testing.T
	root string
	init string // its first process, as the host numbers it
}

// boot unpacks a Debian and starts it. It ends with the test.
func boot(t *testing.T) *machine {
	t.Helper()
	image := os.Getenv("SIPWARD_ROOTFS")
	if image == "" {
		t.Skip("needs root and a Debian in a tar file: run it with make packages-test")
	}
	m := &machine{T: t, root: t.TempDir()}
	if out, err := exec.Command("tar", "-C", m.root, "-xf", image).CombinedOutput(); err != nil {
		t.Fatalf("unpacking %s: %v: %s", image, err, out)
	}
	script, err := filepath.Abs("testdata/boot")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--pid", "--mount", "--net", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child", script, m.root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = exec.Command("kill", "-KILL", m.init).Run()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the machine said: %s", said.String())
		}
	})
	m.until("the first process", func() error {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
		m.init = strings.TrimSpace(string(children))
		if err == nil && m.init == "" {
			err = fmt.Errorf("there is none: %s", said.String())
		}
		return err
	})
	m.until("systemd", func() error {
		out, err := m.try("systemctl is-system-running")
		if s := strings.TrimSpace(out); s != "running" && s != "degraded" {
			return fmt.Errorf("%s, %w", s, err)
		}
		return nil
	})
	return m
}

// try runs a shell's line in the machine and returns what it prints.
func (m *machine) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", m.init, "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_COLORS=0", "bash", "-c", line)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what has to succeed.
func (m *machine) run(line string) string {
	m.Helper()
	out, err := m.try(line)
	if err != nil {
		m.Fatalf("%s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(out)
}

// until tries until there is no error.
func (m *machine) until(what string, f func() error) {
	m.Helper()
	end := time.Now().Add(wait)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			m.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// active waits until a service has told systemd that it is ready.
func (m *machine) active(unit string) {
	m.Helper()
	m.until(unit, func() error {
		if out, _ := m.try("systemctl is-active " + unit); strings.TrimSpace(out) != "active" {
			log, _ := m.try("systemctl status --no-pager -n 20 " + unit)
			return fmt.Errorf("%s", log)
		}
		return nil
	})
}

// property is what systemd knows of a unit.
func (m *machine) property(unit, name string) string {
	m.Helper()
	return m.run("systemctl show --value -p " + name + " " + unit)
}

// logged is the journal of a unit, without the times.
func (m *machine) logged(unit string) string {
	m.Helper()
	return m.run("journalctl -q -o cat -u " + unit)
}

// put copies a file of the host into the machine, which has it as /root/NAME.
func (m *machine) put(file string) string {
	m.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		m.Fatal(err)
	}
	to := "/root/" + filepath.Base(file)
	m.write(to, string(b))
	return to
}

// write writes a file of the machine.
func (m *machine) write(path, text string) {
	m.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(m.root, path)), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.root, path), []byte(text), 0o644); err != nil {
		m.Fatal(err)
	}
}

// exists reports whether there is a file in the machine.
func (m *machine) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}

// status asks one of the programs for its figures.
func (m *machine) status(program string) map[string]any {
	m.Helper()
	var out map[string]any
	said := m.run(program + " status --json")
	if err := json.Unmarshal([]byte(said), &out); err != nil {
		m.Fatalf("%v: %s", err, said)
	}
	return out
}
