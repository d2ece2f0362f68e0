package upgrade

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipward/sipward/test/peers"
)

// Whatever an earlier release left is taken up: configurations are understood, calls in
// the database are as they were, records on the agent's disk are delivered, the table is
// in force, phones are known, people can log in, and nothing counts as lost.
func TestUpgrade(t *testing.T) {
	if os.Getenv("SIPWARD_UPGRADE") == "" {
		t.Skip("starts programs: run it with make upgrade, or SIPWARD_UPGRADE=1")
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.tar.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files of earlier releases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tar.zst"), func(t *testing.T) { upgrade(t, file) })
	}
}

func upgrade(t *testing.T, file string) {
	s := newSite(t)
	want, err := unpack(file, s.dir)
	s.must(err)
	for _, name := range []string{"collector.yaml", "agent.yaml"} {
		text, err := os.ReadFile(s.path(name))
		s.must(err)
		if name == "collector.yaml" && !strings.Contains(string(text), keepAll) {
			text = append(text, keepAll...) // the first archives have it not
		}
		s.write(name, s.fill(string(text)))
	}
	if got := s.spooled()["calls"]; got != want.OnDisk {
		t.Errorf("%d calls are on the agent's disk, %d were", got, want.OnDisk)
	}
	s.ask("agent", "spool", "verify")

	s.start("collector")
	if got := s.calls(); !contains(t, got, want.Calls) || len(got) != len(want.Calls) {
		t.Errorf("%d calls are in the database, %d were", len(got), len(want.Calls))
	}
	if got := s.ask("collector", "blocks", "export"); string(got) != want.Table {
		t.Errorf("the table was\n%s\nand is\n%s", want.Table, got)
	}
	var in struct{ State string }
	if res := s.api("/session", map[string]string{"email": want.Email, "password": want.Password}, &in); res.StatusCode != http.StatusOK || in.State != "in" {
		t.Errorf("the operator cannot log in: %s, %q", res.Status, in.State)
	}

	s.start("agent")
	contains(t, s.wait(len(want.Calls)+want.Waiting), want.Calls)
	s.must(peers.Poll(t.Context(), drainWait, "nothing to wait for the collector", func() (bool, error) {
		var now struct {
			Sync struct {
				Spool struct {
					Calls struct {
						OldestUnackedMs int64 `json:"oldest_unacked_ms"`
						Queued          int
					}
				}
			}
		}
		err := json.Unmarshal(s.ask("agent", "status", "--json"), &now)
		c := now.Sync.Spool.Calls
		return c.OldestUnackedMs == 0 && c.Queued == 0, err
	}))
	if got := s.bindings(); got != want.Bindings {
		t.Errorf("%d registrations are known, %d were", got, want.Bindings)
	}
	var now struct {
		Attention []string
		Losses    []json.RawMessage
	}
	// Nobody ran since the files were made: the hours until now are closed when the
	// agent has watched for a minute.
	err = peers.Poll(t.Context(), 2*drainWait, "the collector to complain of nothing", func() (bool, error) {
		now.Attention, now.Losses = nil, nil
		err := json.Unmarshal(s.ask("collector", "status", "--json"), &now)
		return len(now.Attention)+len(now.Losses) == 0, err
	})
	if err != nil {
		t.Errorf("%v: %q, losses %s", err, now.Attention, now.Losses)
	}
	// New calls find their way as ever.
	played := s.play(3)
	s.wait(len(want.Calls) + want.Waiting + played)
}

// contains reports whether each kept call is there with each value that it had. Later
// releases may know more of a call, never something else.
func contains(t *testing.T, got, want map[string]json.RawMessage) bool {
	t.Helper()
	ok := true
	for key, text := range want {
		var now, was map[string]any
		if err := json.Unmarshal(text, &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got[key], &now); err != nil {
			t.Errorf("call %s: %v", key, err)
			ok = false
			continue
		}
		for name, value := range was {
			if !reflect.DeepEqual(now[name], value) {
				t.Errorf("call %s: %s was %v and is %v", key, name, value, now[name])
				ok = false
			}
		}
	}
	return ok
}
