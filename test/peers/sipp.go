package peers

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"

	"github.com/sipward/sipward/test/scenarios"
)

// Caller fills in caller.xml.
type Caller struct {
	User     string // the user part of From
	Hold     int    // milliseconds from the answer, or the last that is played, to the BYE
	Auth     bool   // answer a 407 with the password "secret"
	Cancel   bool   // give up while it rings; Refused is then "487"
	Refused  string // the final status that is expected, if not 200
	Reinvite bool   // put on hold once
	Abandon  bool   // send no BYE
	Info     []string
	Play     []Clip
	Pad      string // a header value, to make the INVITE big
}

// Clip is a capture of RTP that sipp plays, and how long it waits afterwards.
type Clip struct {
	File         string
	Milliseconds int
}

// Callee fills in callee.xml.
type Callee struct {
	Refuse   string // status line to refuse with: "503 Service Unavailable"
	Ring     bool   // ring until cancelled
	Early    bool   // 183 with media, not 180
	Answer   int    // milliseconds from ringing to the answer
	Info     []string
	Play     []Clip // from a media port of each call's own
	Reinvite bool
	Abandon  bool
}

// Register fills in register.xml.
type Register struct{ Rounds []RegisterRound }

// RegisterRound is one REGISTER, the 401 to it, and one with credentials.
type RegisterRound struct {
	User, Password string
	Expires        int // seconds; 0 takes the binding away
	Outcome        string
}

// Requests fills in requests.xml.
type Requests struct{ List []Request }

// Request is one request and the answer to it.
type Request struct {
	Method     string
	User       string // of From and To
	Username   string // of the digest; "" is User
	Expires    int    // seconds, of a REGISTER; 0 takes the binding away
	Everything bool   // Contact: *
	Contact    string // the header's value; "" is the phone's own address
	Pad        string // a header value, to make the request big
	Outcome    string // the final status
	Challenged bool   // a 401 comes before it
}

// SIPp is one run of sipp.
type SIPp struct {
	Host    *Host
	Name    string // of its files in the lab's folder
	Fill    any    // Caller, Callee, Register or Requests
	Local   netip.AddrPort
	Remote  netip.AddrPort // where a caller sends to; zero for a callee
	TCP     bool
	Service string   // the number that is called
	Calls   int      // to make in all, then end; 0: until stopped
	Rate    int      // calls a second; 0: 10
	Limit   int      // calls at the same time; 0: sipp's default
	Media   int      // RTP port; 0: MediaPort
	Echo    bool     // send RTP that arrives on the media port back
	Timeout int      // seconds after which it gives up; 0: 120
	More    []string // further arguments
}

// Running is a sipp that runs.
type Running struct {
	*Proc
	stats string
}

// MediaPort is the first RTP port of every sipp.
const MediaPort = 6000

// file names the scenario that s.Fill is for.
func (s *SIPp) file() (string, error) {
	switch s.Fill.(type) {
	case Caller:
		return "caller.xml", nil
	case Callee:
		return "callee.xml", nil
	case Register:
		return "register.xml", nil
	case Requests:
		return "requests.xml", nil
	}
	return "", fmt.Errorf("sipp %s: no scenario for %T", s.Name, s.Fill)
}

// write fills the scenario in and stores it in the lab's folder.
func (s *SIPp) write() (string, error) {
	file, err := s.file()
	if err != nil {
		return "", err
	}
	t, err := template.ParseFS(scenarios.Files, file)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s.Fill); err != nil {
		return "", fmt.Errorf("scenario of %s: %w", s.Name, err)
	}
	path := filepath.Join(s.Host.lab.Dir, s.Name+".xml")
	return path, os.WriteFile(path, b.Bytes(), 0o644)
}

// Start starts sipp; a callee is ready for calls when it returns.
func (s *SIPp) Start(ctx context.Context) (*Running, error) {
	path, err := s.write()
	if err != nil {
		return nil, err
	}
	stats := filepath.Join(s.Host.lab.Dir, s.Name+".csv")
	_ = os.Remove(stats) // of an earlier run with that name, if any
	p, err := s.Host.Start(s.Name, "sipp", s.arguments(path, stats)...)
	if err != nil {
		return nil, err
	}
	if !s.Remote.IsValid() {
		network := "udp"
		if s.TCP {
			network = "tcp"
		}
		if err := p.WaitSocket(ctx, network, s.Local.Port()); err != nil {
			return nil, err
		}
	}
	return &Running{Proc: p, stats: stats}, nil
}

func (s *SIPp) arguments(scenario, stats string) []string {
	local := s.Local.Addr().String()
	if s.Local.Addr().Is6() {
		local = "[" + local + "]"
	}
	mode := "u1"
	if s.TCP {
		mode = "t1"
	}
	args := []string{"-sf", scenario, "-i", local, "-p", fmt.Sprint(s.Local.Port()), "-mi", local, "-mp", fmt.Sprint(or(s.Media, MediaPort)),
		"-t", mode, "-nostdin", "-skip_rlimit",
		"-trace_stat", "-stf", stats, "-fd", "200ms",
		"-trace_err", "-error_file", filepath.Join(s.Host.lab.Dir, s.Name+".err.log"),
		"-timeout", fmt.Sprintf("%ds", or(s.Timeout, 120)), "-timeout_error",
		"-r", fmt.Sprint(or(s.Rate, 10))}
	if s.Echo {
		args = append(args, "-rtp_echo")
	}
	if s.Calls > 0 {
		args = append(args, "-m", fmt.Sprint(s.Calls))
	}
	if s.Limit > 0 {
		args = append(args, "-l", fmt.Sprint(s.Limit))
	}
	if s.Service != "" {
		args = append(args, "-s", s.Service)
	}
	args = append(args, s.More...)
	if s.Remote.IsValid() {
		args = append(args, s.Remote.String())
	}
	return args
}

// or returns v, or d when v is 0.
func or(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// Run starts sipp and waits until it has made its calls.
func (s *SIPp) Run(ctx context.Context) (*Running, error) {
	p, err := s.Start(ctx)
	if err != nil {
		return nil, err
	}
	return p, p.Wait(ctx)
}

// End stops a callee that no call is left on, so that its statistics are whole.
func (p *Running) End(ctx context.Context) error { return p.Stop(ctx, syscall.SIGUSR1) }

// Keys returns the clips that sipp's package has of some digits, one after the
// other. They bear one SSRC, and fixed timestamps: no digit can be used twice.
func Keys(digits string) []Clip {
	var clips []Clip
	for _, d := range digits {
		name := string(d)
		switch d {
		case '*':
			name = "star"
		case '#':
			name = "pound"
		}
		clips = append(clips, Clip{File: "/usr/share/sip-tester/dtmf_2833_" + name + ".pcap", Milliseconds: 300})
	}
	return clips
}

// Voice is 4.7 s of G.711 from sipp's package, VoicePackets packets. The next
// clip, or the end of the call, comes after ms milliseconds.
func Voice(ms int) Clip { return Clip{File: "/usr/share/sip-tester/g711a.pcap", Milliseconds: ms} }

// VoicePackets is the number of packets in Voice.
const VoicePackets = 236

// Stats are sipp's own figures.
type Stats struct {
	Created    int // calls made by a caller
	Accepted   int // calls taken by a callee
	Current    int // calls in progress
	Successful int
	Failed     int
	Retrans    int // SIP messages sent again
}

// Stats reads the statistics that sipp wrote last. Before the first there are
// none, and all are 0.
func (p *Running) Stats() (Stats, error) {
	b, err := os.ReadFile(p.stats)
	if errors.Is(err, os.ErrNotExist) {
		return Stats{}, nil
	}
	if err != nil {
		return Stats{}, err
	}
	// The last line may be half written.
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	r := csv.NewReader(bytes.NewReader(whole))
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		return Stats{}, err
	}
	column := make(map[string]string)
	for i, v := range rows[len(rows)-1] {
		if i < len(rows[0]) {
			column[rows[0][i]] = v
		}
	}
	return readStats(column)
}

func readStats(column map[string]string) (Stats, error) {
	var s Stats
	for _, c := range []struct {
		name string
		to   *int
	}{
		{"OutgoingCall(C)", &s.Created}, {"IncomingCall(C)", &s.Accepted}, {"CurrentCall", &s.Current},
		{"SuccessfulCall(C)", &s.Successful}, {"FailedCall(C)", &s.Failed}, {"Retransmissions(C)", &s.Retrans},
	} {
		n, err := strconv.Atoi(strings.TrimSpace(column[c.name]))
		if err != nil {
			return Stats{}, fmt.Errorf("sipp statistics: column %s: %w", c.name, err)
		}
		*c.to = n
	}
	return s, nil
}
