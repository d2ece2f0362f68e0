package record

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

const ms = int64(1e6)

func at(s string) packet.Endpoint { return packet.EndpointFrom(netip.MustParseAddrPort(s)) }

func book(t *testing.T) *party.Book {
	t.Helper()
	b, err := party.NewBook([]party.Entry{
		{Name: "acme", Kind: party.Customer}, {Name: "telco", Kind: party.Carrier}, {Name: "other", Kind: party.Carrier},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func leg() *dialog.Leg {
	return &dialog.Leg{
		CallID: "c1", FromTag: "f1", From: parse.URI{User: "1001", Host: "acme.example"},
		Request: parse.URI{User: "+4930123", Host: "switch.example"}, To: parse.URI{User: "+4930123"},
		Src: at("10.0.0.1:5060"), Dst: at("[2001:db8::2]:5061"), Transport: packet.TCP,
		Customer: 1, Call: true, Initial: true,
		Invited: 1000 * ms, Rang: 1500 * ms, Answer: 4250 * ms, End: 64_250*ms + 400_000, Status: 200, Phrase: "OK",
		Cause: 16, Release: dialog.ByeCallee, Forks: 1,
		ID: 5, Epoch: 77, Restored: true, Closed: 68_000 * ms,
		Digits: [2]dialog.InfoDigits{{Count: 2, Text: "4#"}, {}},
		Attempts: []dialog.Attempt{
			{Carrier: 2, Invited: 1010 * ms, End: 1100 * ms, Status: 503, Release: dialog.Failed, Number: "4930123", Src: at("10.0.0.2:5060"), Dst: at("10.0.0.3:5060")},
			{Carrier: 3, Invited: 1110 * ms, Rang: 1490 * ms, Answer: 4240 * ms, End: 64_250 * ms, Status: 200, Release: dialog.ByeCallee, Src: at("10.0.0.2:5060"), Dst: at("10.0.0.4:5060")},
		},
	}
}

func TestNewCall(t *testing.T) {
	m := &counters.MediaResult{Sent: [2]media.Summary{
		{Counters: media.Counters{Packets: 3000, Bytes: 516_000, Lost: 3, Jitter: 1_234_567}, Codec: "PCMA", Presses: 3, Digits: "12#", MOS: 4.389},
		{Counters: media.Counters{Packets: 2990}, Codec: "PCMA", MOS: 4.41},
	}}
	got := NewCall("sw1", leg(), m, book(t), dtmf.Mask)
	pddCall, pddAttempt := int64(500), int64(380)
	want := &Call{
		Node: "sw1", Kind: "call", CallId: "c1", FromTag: "f1",
		Customer: "acme", Carrier: "other", Direction: "outbound",
		Caller: "1001", CallerHost: "acme.example", Called: "+4930123", CalledHost: "switch.example", To: "+4930123",
		Src: "10.0.0.1:5060", Dst: "[2001:db8::2]:5061", Transport: "tcp",
		InvitedUnixMs: 1000, RingingUnixMs: 1500, AnsweredUnixMs: 4250, EndedUnixMs: 64_250,
		PddMs: &pddCall, RingMs: 2750, DurationMs: 60_000,
		Answered: true, SipStatus: 200, SipReason: "OK", Q850Cause: 16, Release: "bye_callee", ReleasedBy: "callee", Forks: 1,
		ClosedUnixMs: 68_000, OpenedEpoch: 77, LegId: 5, Restored: true, Outcome: true, Effective: true,
		Codec: "PCMA", MediaClass: "two_way", MediaVisible: true,
		FromCaller: &Side{RtpPackets: 3000, RtpBytes: 516_000, RtpLost: 3, JitterMs: 1.235, Mos: 4.39, Codec: "PCMA", DtmfCount: 3, Dtmf: "xxx", DtmfInfoCount: 2, DtmfInfo: "xx"},
		FromCallee: &Side{RtpPackets: 2990, Mos: 4.41, Codec: "PCMA"},
		Attempts: []*Attempt{
			{Carrier: "telco", Called: "4930123", Src: "10.0.0.2:5060", Dst: "10.0.0.3:5060", InvitedUnixMs: 1010, EndedUnixMs: 1100, SipStatus: 503, Release: "failed", Outcome: true},
			{Carrier: "other", Src: "10.0.0.2:5060", Dst: "10.0.0.4:5060", InvitedUnixMs: 1110, RingingUnixMs: 1490, AnsweredUnixMs: 4240, EndedUnixMs: 64_250,
				PddMs: &pddAttempt, DurationMs: 60_010, SipStatus: 200, Release: "bye_callee", Outcome: true, Effective: true},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestNewCallVariants(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(l *dialog.Leg)
		check func(c *Call) bool
	}{
		{"never answered", func(l *dialog.Leg) { l.Answer, l.Release, l.End = 0, dialog.Cancelled, 3000*ms },
			func(c *Call) bool {
				return !c.Answered && c.DurationMs == 0 && c.RingMs == 1500 && c.MediaClass == "" && c.ReleasedBy == "caller"
			}},
		{"nothing rang", func(l *dialog.Leg) { l.Answer, l.Rang, l.Release = 0, 0, dialog.NoResponse },
			func(c *Call) bool { return c.PddMs == nil && c.RingMs == 0 && c.ReleasedBy == "network" }},
		{"refused by a carrier", func(l *dialog.Leg) { l.Answer, l.Status, l.Release = 0, 503, dialog.Failed },
			func(c *Call) bool { return c.ReleasedBy == "callee" }},
		{"refused by the switch", func(l *dialog.Leg) { l.Answer, l.Status, l.Release, l.Attempts = 0, 404, dialog.Failed, nil },
			func(c *Call) bool { return c.ReleasedBy == "switch" }},
		{"a busy extension", func(l *dialog.Leg) { l.Answer, l.Status, l.Release, l.Attempts = 0, 486, dialog.Failed, nil },
			func(c *Call) bool { return c.ReleasedBy == "callee" }},
		{"a carrier refused by the switch", func(l *dialog.Leg) {
			l.Call, l.Answer, l.Status, l.Release, l.Attempts = false, 0, 404, dialog.Failed, nil
		},
			func(c *Call) bool { return c.ReleasedBy == "callee" }},
		{"joined midway", func(l *dialog.Leg) { l.Initial, l.Answer, l.Rang = false, 0, 0 },
			func(c *Call) bool { return c.SeenMidcall && c.InvitedUnixMs == 0 && c.PddMs == nil }},
		{"only the carrier's", func(l *dialog.Leg) { l.Call, l.Customer = false, party.Unknown },
			func(c *Call) bool { return c.Kind == "carrier_leg" && c.Customer == "unknown" }},
		{"inbound", func(l *dialog.Leg) { l.Inbound = true }, func(c *Call) bool { return c.Direction == "inbound" }},
		{"all refused", func(l *dialog.Leg) { l.Attempts[1].Answer = 0 }, func(c *Call) bool { return c.Carrier == "other" }},
		{"first answered", func(l *dialog.Leg) { l.Attempts[1].Answer, l.Attempts[0].Answer = 0, 5 },
			func(c *Call) bool { return c.Carrier == "telco" }},
		{"no carrier", func(l *dialog.Leg) { l.Attempts = nil }, func(c *Call) bool { return c.Carrier == "" }},
		{"media expected", func(*dialog.Leg) {}, func(c *Call) bool { return c.MediaClass == "answered_without_media" && c.FromCaller.Mos == 0 }},
		{"digits are counted only", func(*dialog.Leg) {}, func(c *Call) bool { return c.FromCaller.DtmfInfo == "" && c.FromCaller.DtmfInfoCount == 2 }},
		{"a busy callee", func(l *dialog.Leg) { l.Answer, l.Status, l.Release = 0, 486, dialog.Failed },
			func(c *Call) bool { return c.Outcome && c.Effective && !c.MediaVisible }},
		{"a full switch", func(l *dialog.Leg) { l.Answer, l.Status, l.Release = 0, 503, dialog.Failed },
			func(c *Call) bool { return c.Outcome && !c.Effective }},
		{"still open at the end", func(l *dialog.Leg) { l.Answer, l.Release = 0, dialog.CaptureEnd },
			func(c *Call) bool { return !c.Outcome && !c.Effective }},
		{"answered and joined midway", func(l *dialog.Leg) { l.Initial = false },
			func(c *Call) bool { return c.Answered && !c.Outcome && !c.Effective }},
		{"no media to see", func(*dialog.Leg) {}, func(c *Call) bool { return !c.MediaVisible }},
		{"ended before it was answered", func(l *dialog.Leg) { l.End = l.Answer - ms }, func(c *Call) bool { return c.DurationMs == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := leg()
			tt.edit(l)
			if c := NewCall("", l, &counters.MediaResult{Expected: true}, book(t), dtmf.Count); !tt.check(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestUnits checks that whoever reads a record sees the unit of every time and
// duration in its name.
func TestUnits(t *testing.T) {
	file := File_record_proto.Messages()
	for i := range file.Len() {
		fields := file.Get(i).Fields()
		for j := range fields.Len() {
			f := fields.Get(j)
			name := string(f.Name())
			if strings.Contains(name, "unix") != (strings.HasSuffix(name, "_unix_ms") || strings.HasSuffix(name, "_unix_s")) {
				t.Errorf("%s has no unit", f.FullName())
			}
		}
	}
}

// TestJSON checks that a record survives JSON, and that JSON has the names of
// record.proto and nothing that is zero.
func TestJSON(t *testing.T) {
	c := NewCall("sw1", leg(), &counters.MediaResult{}, book(t), dtmf.Store)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	back := new(Call)
	if err := json.Unmarshal(b, back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	var keys map[string]any
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	fields := c.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		v, has := keys[string(f.Name())]
		delete(keys, string(f.Name()))
		if has != c.ProtoReflect().Has(f) {
			t.Errorf("%s: %v in JSON: %v", f.Name(), v, has)
		}
	}
	if len(keys) > 0 {
		t.Errorf("JSON has %v, which record.proto does not", keys)
	}
}

func BenchmarkNewCall(b *testing.B) {
	l, m := leg(), &counters.MediaResult{}
	bk, err := party.NewBook([]party.Entry{
		{Name: "acme", Kind: party.Customer}, {Name: "telco", Kind: party.Carrier}, {Name: "other", Kind: party.Carrier}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		NewCall("sw1", l, m, bk, dtmf.Count)
	}
}
