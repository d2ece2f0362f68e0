package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// TestPayloadCounts: every payload is counted somewhere, and what is wrong
// with it under its reason.
func TestPayloadCounts(t *testing.T) {
	const rest = "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nTo: <sip:b@example.com>\r\n"
	const from, callID, cseq = "From: <sip:a@example.com>;tag=1\r\n", "Call-ID: c\r\n", "CSeq: 1 OPTIONS\r\n"
	const options = "OPTIONS sip:b@example.com SIP/2.0" + rest
	udp := func(s *Stats) { s.Messages[packet.UDP]++ }
	malformed := func(why parse.Malformed) func(s *Stats) {
		return func(s *Stats) { s.Messages[packet.UDP]++; s.Malformed++; s.MalformedBy[why]++ }
	}
	notSIP := func(s *Stats) { s.NotSIP++ }
	for name, tc := range map[string]struct {
		payload string
		want    func(*Stats)
	}{
		"sip":               {options + from + callID + cseq + "\r\n", udp},
		"no call-id":        {options + from + cseq + "\r\n", malformed(parse.ErrCallID)},
		"no cseq":           {options + from + callID + "\r\n", malformed(parse.ErrCSeq)},
		"cseq out of range": {options + from + callID + "CSeq: 4294967296 OPTIONS\r\n\r\n", malformed(parse.ErrCSeq)},
		"no from":           {options + callID + cseq + "\r\n", malformed(parse.ErrFrom)},
		"another version":   {"OPTIONS sip:b@example.com SIP/3.0" + rest + from + callID + cseq + "\r\n", func(s *Stats) { s.MalformedBy[parse.ErrVersion]++ }},
		"a bad status":      {"SIP/2.0 99999 What" + rest + from + callID + cseq + "\r\n", func(s *Stats) { s.MalformedBy[parse.ErrStartLine]++ }},
		"cut in Call-ID":    {options + from + cseq + "Call-ID: c", malformed(parse.ErrCallID)},
		"cut behind it":     {options + from + cseq + callID + "User-Age", udp},
		"cut in the body":   {options + from + cseq + callID + "\r\nv=0\r\no=", udp},
		"empty":             {"", notSIP},
		"keep-alive":        {"\r\n\r\n", notSIP},
		"keep-alive of 0":   {"\x00\x00\x00\x00", notSIP},
		"stun":              {"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", notSIP},
		"http":              {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", notSIP},
		"rtp":               {"\x80\x00\x12\x34\x00\x00\x01\x00\xde\xad\xbe\xefaudio", func(*Stats) {}},
	} {
		t.Run(name, func(t *testing.T) {
			core := New(Config{Book: book(t, testkit.Plan{})})
			core.payload(&packet.Packet{Time: start, Payload: []byte(tc.payload), Transport: packet.UDP, Truncated: strings.HasPrefix(name, "cut ")})
			var want Stats
			tc.want(&want)
			if diff := cmp.Diff(want, core.Snapshot().Core); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRegister: registrations are handed on, requests and answers, by whatever
// way they came.
func TestRegister(t *testing.T) {
	plan := testkit.Plan{Registers: 50, RegistersDenied: 7}
	requests, answers := 0, map[uint16]int{}
	core := New(Config{Book: book(t, plan), Register: func(p *packet.Packet, m *parse.Message) {
		if m.Method != parse.REGISTER || !p.Src.Addr().IsValid() {
			t.Errorf("%+v", m)
		}
		if m.Request() {
			requests++
		} else {
			answers[m.Status]++
		}
	}})
	play(t, plan, core)
	if requests < 50 || answers[200] != 43 || answers[403] != 7 {
		t.Errorf("%d requests, answers %v", requests, answers)
	}
}
