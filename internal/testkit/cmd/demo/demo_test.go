package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/packet"
)

// TestConfig has the programs' own readers check what the demo writes.
func TestConfig(t *testing.T) {
	for _, hep := range []bool{false, true} {
		t.Setenv("TMPDIR", t.TempDir())
		s, err := prepare(t.Context(), &options{hep: hep, web: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close(false)
		ports := map[uint16]bool{}
		for _, w := range s.switches {
			text, err := os.ReadFile(w.config)
			if err != nil {
				t.Fatal(err)
			}
			c, err := configs.Parse(w.config, text) // credentials and key are made later
			if err != nil {
				t.Fatal(err)
			}
			if c.Node != w.name || len(c.Capture.SIPPorts) != 1 || ports[c.Capture.SIPPorts[0]] {
				t.Errorf("the config reads as %+v", c)
			}
			ports[c.Capture.SIPPorts[0]] = true
			if (len(c.Capture.HEP) == 1) != hep || (len(c.Capture.Interfaces) == 1) == hep {
				t.Errorf("hep %v: %d HEP listeners and %d interfaces", hep, len(c.Capture.HEP), len(c.Capture.Interfaces))
			}
			if filepath.Dir(c.Admin.Socket) != w.dir || filepath.Dir(w.dir) != s.dir {
				t.Errorf("the socket is at %s, outside %s", c.Admin.Socket, s.dir)
			}
		}
		table, err := configs.ParseTable("table.yaml", []byte(s.table()+"version: 1\nissued: \"2026-01-01T00:00:00Z\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Customers) != 2 || len(table.Carriers) != 2 || len(table.Customers[0].Nets) != 2 {
			t.Errorf("the table reads as %+v", table)
		}
	}
}

// TestPlansFit plays short and long demos without an agent.
func TestPlansFit(t *testing.T) {
	for _, seconds := range []int{10, 40, 120} {
		plan, err := (&switchSite{plan: place(0, 1)}).planFor(time.Duration(seconds)*time.Second, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := testkit.Generate(plan, testkit.FrameFunc(func(*packet.Frame) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		took := time.Duration(want.Last - want.First)
		if took > max(time.Duration(seconds)*time.Second, 25*time.Second) || want.Calls.Answered == 0 || want.DigitCount == 0 {
			t.Errorf("a demo of %d s takes %v with %d answered calls and %d digits", seconds, took, want.Calls.Answered, want.DigitCount)
		}
	}
}

// counted is what an agent that is right says of a plan of two calls.
const counted = `{"mode": "hep",
 "calls": {"started": 2, "outcomes": 2, "answered": 2, "peak": 2, "peak_answered": 1,
  "asr": {"num": 2, "den": 2, "value": 1}, "acd_ms": {"num": 0, "den": 0, "value": null},
  "dtmf_digits": {"caller": 5, "callee": 1}},
 "customers": [{"name": "acme", "started": 2, "answered": 2}],
 "carriers": [{"name": "blue", "started": 2, "answered": 2}, {"name": "unknown"}],
 "registrations": {"transactions": 2, "outcomes": {"401": 1, "200": 1}},
 "guard": {"bindings": 1, "verdicts": [{"verdict": "passed", "count": 1}, {"verdict": "would_refuse", "count": 1}]},
 "sip": {"messages": 30},
 "agent": {"drops": [{"stage": "tcp", "event": "evicted", "n": 0}],
  "counts": [{"stage": "dtmf", "event": "presses", "n": 6}, {"stage": "media", "event": "rtp", "n": 500}]}}`

func played2() *testkit.Expected {
	two := testkit.Totals{Total: 2, Answered: 2, MaxLive: 2, MaxAnswered: 1}
	return &testkit.Expected{
		Calls: two, Customers: []testkit.Totals{two}, Carriers: []testkit.Totals{two},
		DigitCount: 6, Messages: 30, RTPPackets: 500,
		Registrations: testkit.Registrations{Transactions: 2, Outcomes: map[int]int{401: 1, 200: 1}, Accepted: 1, Foreign: 1},
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testkit.Expected)
		differ string
	}{
		{"the same", func(*testkit.Expected) {}, ""},
		{"a call more", func(e *testkit.Expected) { e.Calls.Total++ }, "calls "},
		{"a digit more", func(e *testkit.Expected) { e.DigitCount++ }, "digits pressed"},
		{"a packet less", func(e *testkit.Expected) { e.RTPPackets-- }, "RTP packets"},
		{"a carrier's answer", func(e *testkit.Expected) { e.Carriers[0].Answered = 1 }, "blue, answered"},
		{"a customer that the agent does not know", func(e *testkit.Expected) {
			e.Customers = append(e.Customers, testkit.Totals{Total: 1})
		}, "globex, calls"},
		{"a number of somebody else's", func(e *testkit.Expected) { e.Registrations.Foreign = 2 }, "outside the number blocks"},
		{"a refused registration", func(e *testkit.Expected) { e.Registrations.Outcomes[403] = 1 }, "answered 403"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var got status
			if err := json.Unmarshal([]byte(counted), &got); err != nil {
				t.Fatal(err)
			}
			want := played2()
			tc.change(want)
			rows := compare(want, &got)
			if same(rows) != (tc.differ == "") {
				t.Fatalf("same = %v in %+v", same(rows), rows)
			}
			var b strings.Builder
			summary(&b, []string{"switch-1"}, [][]row{rows})
			found := false
			for _, l := range strings.Split(b.String(), "\n") {
				found = found || strings.Contains(l, tc.differ) && strings.Contains(l, "differs")
			}
			if tc.differ != "" && !found {
				t.Errorf("no line says that %q differs:\n%s", tc.differ, &b)
			}
		})
	}
}

func TestScreen(t *testing.T) {
	var got status
	if err := json.Unmarshal([]byte(counted), &got); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	sc := &screen{w: &b, terminal: true, source: "test"}
	sc.draw(time.Second, time.Minute, []*testkit.Progress{{}}, &got)
	first := b.Len()
	sc.draw(2*time.Second, time.Minute, []*testkit.Progress{{}}, &got)
	for _, want := range []string{"acme", "blue", "100.0%", "digits"} {
		if !strings.Contains(b.String()[:first], want) {
			t.Errorf("no %q on the screen:\n%s", want, b.String()[:first])
		}
	}
	if !strings.HasPrefix(b.String()[first:], "\x1b[") {
		t.Error("the second picture is not drawn over the first")
	}
	if strings.Contains(b.String(), "unknown") {
		t.Error("a party without calls that is not in the config is shown")
	}
}
