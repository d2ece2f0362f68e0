package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// Waits; nothing takes so long unless something is wrong.
const (
	readyWait = 30 * time.Second
	drainWait = 60 * time.Second
	stopWait  = 30 * time.Second
)

// node is the id of the agent.
const node = "switch-1"

// What stands in kept files for what is different on each machine.
const (
	dirMark    = "@DIR@"
	brokerMark = "@BROKER@"
	hepMark    = "@HEP@"
)

// site is a folder with an agent's files and a collector's.
type site struct {
	*testing.T
	dir, broker, hep string
	agent, collector string // paths of the programs
	out              []*os.File
}

// newSite makes the folder, and finds or builds the programs.
func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward-upgrade-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, dir: dir}
	t.Cleanup(s.clear)
	s.agent = s.must1(peers.BuildAgent(t.Context(), dir))
	s.collector = s.must1(peers.BuildCollector(t.Context(), dir))
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	s.must(err)
	udp, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	s.must(err)
	s.broker, s.hep = tcp.Addr().String(), udp.LocalAddr().String()
	s.must(tcp.Close())
	s.must(udp.Close())
	return s
}

func (s *site) clear() {
	for _, f := range s.out {
		s.must(f.Close())
		if s.Failed() {
			text, err := os.ReadFile(f.Name())
			s.Logf("--- %s (%v)\n%s", filepath.Base(f.Name()), err, text)
		}
	}
	s.must(os.RemoveAll(s.dir))
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) must1(text string, err error) string {
	s.Helper()
	s.must(err)
	return text
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.Helper()
	s.must(os.WriteFile(s.path(name), []byte(text), 0o600))
}

// fill puts this machine's values in the place of marks.
func (s *site) fill(text string) string {
	return strings.NewReplacer(dirMark, s.dir, brokerMark, s.broker, hepMark, s.hep).Replace(text)
}

// start runs a program, agent or collector, until it is ready. The test ends it.
func (s *site) start(name string) (stop func()) {
	s.Helper()
	log, err := os.Create(s.path(name + ".log"))
	s.must(err)
	s.out = append(s.out, log)
	cmd := exec.CommandContext(context.WithoutCancel(s.Context()), s.program(name), "run", "--config", s.path(name+".yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	stop = func() {
		s.Helper()
		if stopped {
			return
		}
		stopped = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.Errorf("stop the %s: %v", name, err)
		}
		select {
		case err := <-ended:
			if err != nil {
				s.Errorf("the %s ended: %v", name, err)
			}
		case <-time.After(stopWait):
			s.Errorf("the %s does not end", name)
			_ = cmd.Process.Kill()
		}
	}
	s.Cleanup(stop)
	s.must(peers.Poll(s.Context(), readyWait, "the "+name+" to be ready", func() (bool, error) {
		select {
		case err := <-ended:
			ended <- err
			return false, fmt.Errorf("it ended instead: %w", err)
		default:
		}
		var got struct{ Ready bool }
		out, err := s.try(name, "status", "--json")
		return err == nil && json.Unmarshal(out, &got) == nil && got.Ready, nil
	}))
	return stop
}

func (s *site) program(name string) string {
	if name == "agent" {
		return s.agent
	}
	return s.collector
}

// try runs a command of a program, ask one that has to do well.
func (s *site) try(name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(s.Context(), s.program(name), append(args, "--config", s.path(name+".yaml"))...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, complaint.Bytes())
	}
	return out, err
}

func (s *site) ask(name string, args ...string) []byte {
	s.Helper()
	out, err := s.try(name, args...)
	s.must(err)
	return out
}

// calls are all that the collector has, by Call-ID and From-tag.
func (s *site) calls() map[string]json.RawMessage {
	s.Helper()
	out := map[string]json.RawMessage{}
	for line := range bytes.Lines(s.ask("collector", "export", "calls", "--format", "jsonl")) {
		var c struct {
			CallID  string `json:"call_id"`
			FromTag string `json:"from_tag"`
		}
		s.must(json.Unmarshal(line, &c))
		out[c.CallID+" "+c.FromTag] = bytes.TrimSpace(bytes.Clone(line))
	}
	return out
}

// wait returns when the collector has so many calls.
func (s *site) wait(calls int) (got map[string]json.RawMessage) {
	s.Helper()
	s.must(peers.Poll(s.Context(), drainWait, fmt.Sprintf("%d calls in the collector", calls), func() (bool, error) {
		got = s.calls()
		return len(got) >= calls, nil
	}))
	return got
}

// spooled counts the records that wait on the agent's disk, by stream.
func (s *site) spooled() map[string]int {
	s.Helper()
	out := map[string]int{}
	for line := range bytes.Lines(s.ask("agent", "spool", "dump")) {
		var r struct{ Stream string }
		s.must(json.Unmarshal(line, &r))
		out[r.Stream]++
	}
	return out
}
