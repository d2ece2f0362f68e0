package parse

import (
	"errors"
	"testing"
)

// startLines are start lines with what tshark (4.0, SIP over UDP on 5060 and
// by heuristic elsewhere) takes them for.
var startLines = []struct {
	line   string
	isSIP  bool
	err    error
	tshark bool
}{
	{"OPTIONS sip:a@b SIP/2.0\r\n", true, nil, true},
	{"OPTIONS sip:a@b SIP/2.0\n", true, nil, true},
	{"OPTIONS sip:a@b SIP/2.0\r\r\n", true, nil, true},
	{"options sip:a@b SIP/2.0\r\n", true, nil, true},
	{"OPT(IONS sip:a@b SIP/2.0\r\n", true, nil, true},
	{"OPT\u00e9 sip:a@b SIP/2.0\r\n", true, nil, true},
	{"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM sip:a@b SIP/2.0\r\n", true, nil, true},
	{"SIP/2.0 200 \r\n", true, nil, true},
	{"SIP/2.0 700 x\r\n", true, nil, true},
	{"SIP/2.0 099 x\r\n", true, nil, true},
	{"SIP/2.0 180 Ringing\n", true, nil, true},
	// Read although tshark does not: real devices send the first three, and
	// only a registrar can say that the others are nothing to it.
	{"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\n", true, nil, false},
	{"\nOPTIONS sip:a@b SIP/2.0\r\n", true, nil, false},
	{"SIP/2.0 200\r\n", true, nil, false},
	{"OPTIONS sip:a@b sip/2.0\r\n", true, nil, false},
	{"sip/2.0 200 OK\r\n", true, nil, false},
	{"OPTIONS a@b SIP/2.0\r\n", true, nil, false},
	// Named malformed.
	{"OPTIONS sip:a@b SIP/2.0 \r\n", true, ErrStartLine, false},
	{"OPTIONS  sip:a@b SIP/2.0\r\n", true, ErrStartLine, false},
	{"OPTIONS sip:a@b  SIP/2.0\r\n", true, ErrStartLine, false},
	{"OPTIONS sip:a@b; lr SIP/2.0\r\n", true, ErrStartLine, false},
	{"OPTIONS sip:a@b SIP/7.0\r\n", true, ErrVersion, false},
	{"SIP/3.0 200 OK\r\n", true, ErrVersion, false},
	{"SIP/2.0 2x0 OK\r\n", true, ErrStartLine, false},
	{"SIP/2.0 200OK\r\n", true, ErrStartLine, false},
	{"SIP/2.0 200\tOK\r\n", true, ErrStartLine, false},
	{"SIP/2.0 2000 OK\r\n", true, ErrStartLine, false},
	{"SIP/2.0 000 OK\r\n", true, ErrStartLine, false},
	// Not SIP at all.
	{"SIP/2.0  200 OK\r\n", false, ErrStartLine, false},
	{" OPTIONS sip:a@b SIP/2.0\r\n", false, ErrStartLine, false},
	{"OPT\tIONS sip:a@b SIP/2.0\r\n", false, ErrStartLine, false},
	{"OPTIONS sip:a@b\r\n", false, ErrStartLine, false},
	{"OPTIONS sip:a@b XSIP/2.0\r\n", false, ErrStartLine, false},
	{"OPTIONS sip:a@b SIP/2\r\n", false, ErrStartLine, false},
	{"OPTIONS SIP/2.0\r\n", false, ErrStartLine, false},
	{"HTTP/1.1 200 OK\r\n", false, ErrStartLine, false},
	{"NOTIFY * HTTP/1.1\r\n", false, ErrStartLine, false},
	{"OPTIONS rtsp://a RTSP/1.0\r\n", false, ErrStartLine, false},
	{"\r\n\r\n", false, ErrStartLine, false},
	{"\x00\x00\x00\x00", false, ErrStartLine, false},
	{"", false, ErrStartLine, false},
	{"SIP/2.0 ", false, ErrStartLine, false},
	{"\x80\x65 sip:a@b SIP/2.0\r\n", false, ErrStartLine, false},
}

func TestStartLine(t *testing.T) {
	rest := lines("v: SIP/2.0/UDP h;branch=1", "f: <sip:a@b>;tag=1", "t: <sip:c@d>", "i: x", "CSeq: 1 OPTIONS", "")
	for _, c := range startLines {
		payload := []byte(c.line + rest)
		if got := IsSIP(payload); got != c.isSIP {
			t.Errorf("IsSIP(%q) = %t, want %t", c.line, got, c.isSIP)
		}
		var m Message
		err := NewParser().Parse(payload, &m)
		if !errors.Is(err, c.err) {
			t.Errorf("Parse(%q...) = %v, want %v", c.line, err, c.err)
		}
		if err == nil && (m.CallID != "x" || m.CSeq != 1 || m.FromTag != "1") {
			t.Errorf("Parse(%q...): headers not read: %+v", c.line, m)
		}
		if c.tshark && err != nil {
			t.Errorf("%q: tshark counts it as SIP, we do not", c.line)
		}
	}
}

// A payload that is cut anywhere in or behind its start line is still judged
// by that line alone.
func TestIsSIPNeedsTheStartLineOnly(t *testing.T) {
	line := "INVITE sip:a@b SIP/2.0"
	for n := range len(line) {
		if IsSIP([]byte(line[:n])) {
			t.Errorf("IsSIP(%q), a start line cut short", line[:n])
		}
	}
	if !IsSIP([]byte(line)) || !IsSIP([]byte(line+"\r\nVia")) {
		t.Error("a whole start line is not recognised")
	}
}

func TestMethods(t *testing.T) {
	names := []string{"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER",
		"SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH"}
	for i, name := range names {
		want := INVITE + Method(i)
		if got := methodNamed([]byte(name)); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
		lower := []byte(name)
		for j := range lower {
			lower[j] |= 0x20
		}
		if got := methodNamed(lower); got != want {
			t.Errorf("%s: got %d, want %d", lower, got, want)
		}
	}
	for _, name := range []string{"", "INVITES", "SERVICE", "SUBSCRIBED"} {
		if got := methodNamed([]byte(name)); got != OtherMethod {
			t.Errorf("%q: got %d, want OtherMethod", name, got)
		}
	}
}
