package peers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBound(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:13C4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:1771 0200007F:13C4 01 00000000:00000000 00:00000000 00000000     0        0 2
`
	for _, v := range []struct {
		network string
		port    uint16
		want    bool
	}{
		{"tcp", 5060, true},
		{"tcp", 6001, false}, // connected, not listening
		{"udp", 6001, true},
		{"udp", 5061, false},
	} {
		if got := bound([]byte(table), v.network, v.port); got != v.want {
			t.Errorf("%s port %d: %v", v.network, v.port, got)
		}
	}
}

func TestStats(t *testing.T) {
	head := "StartTime;CurrentCall;IncomingCall(C);OutgoingCall(C);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n"
	for _, v := range []struct {
		name, file string
		want       Stats
	}{
		{"no line yet", head, Stats{}},
		{"the last line counts", head + "x;3;0;3;0;0;0;\ny;1;0;7;5;1;2;\n", Stats{Created: 7, Current: 1, Successful: 5, Failed: 1, Retrans: 2}},
		{"half a line does not", head + "x;3;0;3;0;0;0;\ny;1;0", Stats{Created: 3, Current: 3}},
		{"a callee", head + "x;2;9;0;7;0;0;\n", Stats{Accepted: 9, Current: 2, Successful: 7}},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := &Running{stats: filepath.Join(t.TempDir(), "s.csv")}
			if got, err := r.Stats(); err != nil || got != (Stats{}) {
				t.Errorf("before there is a file: %+v, %v", got, err)
			}
			if err := os.WriteFile(r.stats, []byte(v.file), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := r.Stats()
			if err != nil || got != v.want {
				t.Errorf("%+v, want %+v, %v", got, v.want, err)
			}
		})
	}
}

// Every scenario fills in, with everything that it can do.
func TestScenarios(t *testing.T) {
	lab := &Lab{Dir: t.TempDir()}
	for i, v := range []struct {
		fill any
		want string
	}{
		{Caller{User: "100", Hold: 1}, "BYE "},
		{Caller{User: "100", Abandon: true}, "ACK "},
		{Caller{User: "100", Auth: true, Reinvite: true, Info: []string{"5"}, Play: Keys("1*#"), Pad: "x"}, "dtmf_2833_pound.pcap"},
		{Caller{User: "100", Cancel: true, Refused: "487"}, "CANCEL "},
		{Callee{}, "180 Ringing"},
		{Callee{Early: true, Reinvite: true, Info: []string{"5"}, Play: []Clip{Voice(10)}}, "[auto_media_port]"},
		{Callee{Refuse: "503 Service Unavailable"}, "SIP/2.0 503 Service Unavailable"},
		{Callee{Ring: true}, "487 Request Terminated"},
		{Register{Rounds: []RegisterRound{{User: "7001", Password: "p", Expires: 60, Outcome: "200"}}}, "REGISTER "},
	} {
		s := &SIPp{Host: &Host{lab: lab}, Name: "s", Fill: v.fill}
		path, err := s.write()
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), v.want) || strings.Contains(string(b), "{{") {
			t.Errorf("%d: no %q in it, or not filled in: %s", i, v.want, b)
		}
	}
	if _, err := (&SIPp{Name: "s", Fill: 5}).write(); err == nil {
		t.Error("a scenario for a number")
	}
}

func TestCPUTimeAndMemoryOfThisProcess(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spins := 0; ; spins++ {
		if now, err := CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if now > before {
			break
		}
		if spins > 10_000_000 {
			t.Fatal("no processor time passes")
		}
	}
	if n, err := ResidentBytes(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("memory of a Go program: %d bytes, %v", n, err)
	}
	if _, err := CPUTime(-1); err == nil {
		t.Error("processor time of no process")
	}
}
