package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sipward-agent": main})
}

// TestScripts runs the command line as a user does.
func TestScripts(t *testing.T) {
	captures, err := filepath.Abs("../test/captures")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := filepath.Abs("../configs/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			port, err := freePort()
			if err != nil {
				return err
			}
			socket, err := os.MkdirTemp("", "sipward") // a socket's path must be short
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(socket) })
			e.Setenv("CAPTURES", captures)
			e.Setenv("REFERENCE", reference)
			e.Setenv("HEP", port)
			e.Setenv("SOCKET", filepath.Join(socket, "s"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"expand": expand, "await": await, "play": play, "awaitfile": awaitFile, "signal": send, "jsonlines": jsonLines, "truncate": truncate,
		},
	})
}

// freePort returns an address of loopback that was free a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// expand FILE... replaces $NAME in files by the environment's.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// patience is how long something may take on a busy machine.
const patience = 30 * time.Second

// await SOCKET [FIGURE=N]... waits until the agent is ready and its total of
// each figure is N, for written=N that many call records are in the file, and
// for customer=NAME it knows that customer.
func await(ts *testscript.TestScript, _ bool, args []string) {
	end := time.Now().Add(patience)
	for {
		r, _, err := adminhttp.Fetch[admin.Report](context.Background(), admin.Program, args[0])
		if err == nil && r.Ready && fits(ts, r, args[1:]) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("waited for %v: %v, %+v", args, err, r)
		}
		pause := time.NewTimer(20 * time.Millisecond) // between two looks at another process
		<-pause.C
	}
}

func fits(ts *testscript.TestScript, r *admin.Report, want []string) bool {
	b, err := json.Marshal(r.Calls)
	ts.Check(err)
	var got map[string]any
	ts.Check(json.Unmarshal(b, &got))
	for _, w := range want {
		name, n, _ := strings.Cut(w, "=")
		if name == "customer" {
			if !slices.ContainsFunc(r.Customers, func(p admin.Party) bool { return p.Name == n }) {
				return false
			}
			continue
		}
		if name == "written" {
			if !slices.ContainsFunc(r.Agent.Counts, func(c tally.Count) bool { return c.Stage == "records" && c.Event == name && fmt.Sprint(c.N) == n }) {
				return false
			}
			continue
		}
		if fmt.Sprint(got[name]) != n {
			return false
		}
	}
	return true
}

// awaitfile FILE waits until a file is there.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	end := time.Now().Add(patience)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("waited for %s", args[0])
		}
		pause := time.NewTimer(20 * time.Millisecond)
		<-pause.C
	}
}

// play ADDRESS sends made-up calls over HEP: 10 answered ones with digits, and
// their media.
func play(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := net.Dial("tcp", args[0])
	ts.Check(err)
	defer conn.Close()
	plan, err := testkit.Plan{Calls: 10, Start: time.Now().Add(-time.Hour), RTP: true, Digits: 4}.Fill()
	ts.Check(err)
	_, err = testkit.Play(plan, &testkit.HEP{W: conn, Node: 1, Media: true}, nil)
	ts.Check(err)
}

// signal NAME sends SIGHUP or SIGTERM to the command in the background.
func send(ts *testscript.TestScript, _ bool, args []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[0]]))
	}
}

// jsonlines FILE N checks that a file holds N lines of JSON.
func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	lines := strings.Split(text, "\n")
	if text == "" {
		lines = nil
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			ts.Fatalf("no JSON: %s", l)
		}
	}
	if fmt.Sprint(len(lines)) != args[1] {
		ts.Fatalf("%d lines, want %s", len(lines), args[1])
	}
}

// truncate FILE takes the last bytes of a file away.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-5))
}
