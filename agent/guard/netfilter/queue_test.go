package netfilter

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// message makes a netlink message of attributes.
func message(kind uint16, attrs ...[]byte) []byte {
	b := (&queue{number: 7}).begin(nil, kind, 0)
	for i := 0; i+1 < len(attrs); i += 2 {
		b = appendAttr(b, binary.NativeEndian.Uint16(attrs[i]), attrs[i+1])
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func kind(n uint16) []byte { return binary.NativeEndian.AppendUint16(nil, n) }

func TestReadPacket(t *testing.T) {
	header := []byte{0, 0, 0, 9, 8, 0, 1}
	tests := []struct {
		name string
		body []byte
		id   uint32
		want string
		ok   bool

		iface uint32
	}{
		{"whole", message(msgPacket, kind(attrPacketHeader), header, kind(attrInterface), []byte{0, 0, 0, 7}, kind(attrPayload), []byte("packet")), 9, "packet", true, 7},
		{"payload first", message(msgPacket, kind(attrPayload), []byte("packet"), kind(attrPacketHeader), header), 9, "packet", true, 0},
		{"no payload", message(msgPacket, kind(attrPacketHeader), header), 9, "", true, 0},
		{"no header", message(msgPacket, kind(attrPayload), []byte("packet")), 0, "packet", false, 0},
		{"short header", message(msgPacket, kind(attrPacketHeader), header[:3]), 0, "", false, 0},
		{"flagged type", message(msgPacket, kind(attrPacketHeader|0x8000), header), 9, "", true, 0},
	}
	for _, tc := range tests {
		_, body, _, ok := cutMessage(tc.body)
		if !ok {
			t.Fatalf("%s: no message", tc.name)
		}
		got, ok := readPacket(body)
		if ok != tc.ok || ok && (got.id != tc.id || string(got.data) != tc.want || got.iface != tc.iface) {
			t.Errorf("%s: %+v %v", tc.name, got, ok)
		}
	}
	cut := message(msgPacket, kind(attrPacketHeader), header)
	binary.NativeEndian.PutUint16(cut[headerBytes:], 200) // an attribute longer than its message
	if _, ok := readPacket(cut[unix.SizeofNlMsghdr:]); ok {
		t.Error("an attribute longer than its message was read")
	}
}

func TestMessages(t *testing.T) {
	c := &counts{}
	q := &queue{number: 7, bound: errNotBound, counts: c}
	p := message(msgPacket, kind(attrPacketHeader), []byte{0, 0, 0, 9, 8, 0, 1}, kind(attrPayload), []byte("packet"))
	ack := make([]byte, 20)
	binary.NativeEndian.PutUint32(ack, 20)
	binary.NativeEndian.PutUint16(ack[4:], unix.NLMSG_ERROR)
	failed := bytes.Clone(ack)
	missing := -int32(unix.ENOENT)
	binary.NativeEndian.PutUint32(failed[16:], uint32(missing))
	var seen []string
	judge := func(b []byte, _ uint32, _ int64) uint32 {
		seen = append(seen, string(b))
		return verdictAccept
	}
	// A packet may come before the answer to the configuration.
	check(t, q.messages(bytes.Join([][]byte{p, ack, p, failed, {1, 2, 3}}, nil), 0, judge))
	if diff := cmp.Diff([]string{"packet", "packet"}, seen); diff != "" {
		t.Error(diff)
	}
	if q.bound != nil || c.verdictErrors.Load() != 1 || c.malformed.Load() != 1 {
		t.Errorf("bound %v, counts %d %d", q.bound, c.verdictErrors.Load(), c.malformed.Load())
	}
	want := message(msgVerdict, kind(attrVerdictHeader), []byte{0, 0, 0, 1, 0, 0, 0, 9})
	binary.NativeEndian.PutUint16(want[6:], unix.NLM_F_REQUEST)
	if diff := cmp.Diff(append(want, want...), q.out); diff != "" {
		t.Error(diff)
	}
}

// FuzzMessages: whatever netlink gives, every packet gets one verdict.
func FuzzMessages(f *testing.F) {
	f.Add(message(msgPacket, kind(attrPacketHeader), []byte{0, 0, 0, 9, 8, 0, 1}, kind(attrPayload), []byte("packet")))
	f.Add(message(unix.NLMSG_ERROR, kind(0), []byte{1, 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		q := &queue{bound: nil, counts: &counts{}}
		n := 0
		check(t, q.messages(b, 0, func([]byte, uint32, int64) uint32 { n++; return verdictDrop }))
		if len(q.out) != n*verdictBytes {
			t.Fatalf("%d bytes for %d verdicts", len(q.out), n)
		}
	})
}

// FuzzJudge: no packet makes a fault, and what may be a REGISTER is judged.
func FuzzJudge(f *testing.F) {
	f.Add(appendIPv4(nil, phone4, netip.AddrPortFrom(switch4, 5060), []byte(registration("1000", phone4))))
	f.Add(appendIPv6(nil, phone6, netip.AddrPortFrom(switch6, 5060), []byte("\r\n register\tsip:x")))
	f.Add(appendIPv4(nil, phone4, netip.AddrPortFrom(switch4, 5060), []byte("OPTIONS sip:a SIP/2.0\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		asked := 0
		g := judged(t, judgeFunc(func(q *register.Request, p *packet.Packet, m *parse.Message) register.Verdict {
			asked++
			if !q.Broken && (m.Method != parse.REGISTER || m.CallID == "") {
				t.Errorf("%+v is no REGISTER", m)
			}
			return register.Verdict{Reason: register.Allowed}
		}))
		r := newReader(g, nil, nil)
		v := r.judge(b, 0, 0)
		s := g.Stats()
		if s.Panics != 0 || s.Packets != 1 || s.Passed != uint64(asked) || s.Passed+s.Others+s.Undecodable != 1 || (v == verdictDrop) != (s.Undecodable == 1) {
			t.Errorf("verdict %d, %+v", v, s)
		}
	})
}

func judged(t testing.TB, j Judge) *Guard {
	g, err := New(testConfig(j))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestIsRegister(t *testing.T) {
	for text, want := range map[string]bool{
		"REGISTER sip:a SIP/2.0": true, "register sip:a": true, "\r\n\r\nREGISTER ": true, "\x00\x00REGISTER ": true, " \t\x01REGISTER\tx": true, "REGISTER\r\n": true,
		"REGISTER": false, "REGISTERS sip:a": false, "xREGISTER sip:a": false, "": false, "\r\n": false, "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER \r\n": false,
		"REG ISTER sip:a": false, "OPTIONS sip:a SIP/2.0\r\nREGISTER sip:a": false,
	} {
		if got := isRegister([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestPackets has the packets that are sent read by another implementation,
// which checks every checksum.
func TestPackets(t *testing.T) {
	for size := range 40 {
		payload := bytes.Repeat([]byte{0xfe, 0x7f}, 20)[:size]
		for first, b := range map[gopacket.LayerType][]byte{
			layers.LayerTypeIPv4: sum4(appendIPv4(nil, netip.AddrPortFrom(switch4, 5060), phone4, payload)),
			layers.LayerTypeIPv6: appendIPv6(nil, netip.AddrPortFrom(switch6, 5060), phone6, payload),
		} {
			p := gopacket.NewPacket(b, first, gopacket.Default)
			udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
			if p.ErrorLayer() != nil || !ok || udp.SrcPort != 5060 || udp.DstPort != 40000 || !bytes.Equal(udp.Payload, payload) {
				t.Fatalf("%v %x: %v", first, b, p)
			}
			check(t, udp.SetNetworkLayerForChecksum(p.NetworkLayer()))
			if err, bad := p.VerifyChecksums(); err != nil || len(bad) > 0 {
				t.Errorf("%v of %d bytes: %v %v", first, size, err, bad)
			}
		}
	}
	// A checksum of 0 means that there is none: it is sent as ffff.
	for n := range 1 << 16 {
		b := appendUDP(nil, make([]byte, 4), make([]byte, 4), 0, 0, []byte{byte(n >> 8), byte(n)})
		if b[6] == 0 && b[7] == 0 {
			t.Fatalf("no checksum: %x", b)
		}
	}
}

func TestLimiter(t *testing.T) {
	l := newLimiter(10)
	second := int64(time.Second)
	now := 1_000_000 * second
	count := func(a string, times int) (n int) {
		for range times {
			if l.allow(netip.MustParseAddr(a), now) == answerAllowed {
				n++
			}
		}
		return n
	}
	steps := []struct {
		after int64
		from  string
		want  int // of a hundred
	}{
		{0, "192.0.2.1", 20},
		{0, "192.0.2.2", 20},
		{0, "2001:db8::1", 20},
		{0, "2001:db8::2", 0}, // the same /64
		{0, "2001:db8:0:1::1", 20},
		{second / 2, "192.0.2.1", 5},
		{second, "192.0.2.1", 10},
		{second, "192.0.2.1", 10},
		{10 * second, "192.0.2.1", 20},
		{-100 * second, "192.0.2.1", 20}, // the clock was set back
	}
	for i, s := range steps {
		now += s.after
		if got := count(s.from, 100); got != s.want {
			t.Errorf("step %d: %d answers, want %d", i, got, s.want)
		}
	}
}

// TestLimiterBound: millions of sources leave little behind, and get no more
// than there is for all.
func TestLimiterBound(t *testing.T) {
	l := newLimiter(10)
	now, allowed, most := int64(time.Hour), 0, 0
	const sources, seconds = 1 << 20, 10
	for i := range sources {
		now += seconds * int64(time.Second) / sources
		switch l.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now) {
		case answerAllowed:
			allowed++
		case answerSourceLimit:
			t.Fatal("a new source is limited")
		}
		most = max(most, len(l.now)+len(l.old))
	}
	if want := allAnswers * (seconds + 1); allowed < want-10 || allowed > want || most > 6*allAnswers {
		t.Errorf("%d answers, want %d; %d sources kept", allowed, want, most)
	}
}

func TestReadQueues(t *testing.T) {
	const text = "    5    100     1 2 65535     2     3      4  1\n   77 103142     4 2 65535     5     6       99  1\n   78 103142 1 2 65535 1 1 1 1\n junk\n"
	for _, tc := range []struct {
		first uint16
		n     int
		want  queueFigures
		some  bool
	}{
		{77, 1, queueFigures{4, 5, 6}, true},
		{77, 2, queueFigures{5, 6, 7}, true},
		{79, 1, queueFigures{}, false},
	} {
		if got, some := readQueues([]byte(text), tc.first, tc.n); got != tc.want || some != tc.some {
			t.Errorf("%d: %+v %v", tc.first, got, some)
		}
	}
}

// TestBypassed: what rules sent to a queue and nobody saw is counted, and
// nothing is made up.
func TestBypassed(t *testing.T) {
	var k kernelCounts
	k.last = queueFigures{waiting: 2, queueDropped: 3, socketDropped: 5}
	k.reset(10) // 20 came before the rules
	steps := []struct {
		sent, received, want uint64
	}{
		{5, 15, 0}, {20, 25, 5}, {20, 35, 5}, {40, 40, 10},
	}
	for i, s := range steps {
		if k.ruled(s.sent, s.received); k.bypassed != s.want {
			t.Errorf("step %d: %d", i, k.bypassed)
		}
	}
	k.reset(40) // rules anew
	if k.ruled(7, 45); k.bypassed != 12 {
		t.Errorf("%d", k.bypassed)
	}
}

func TestReadSets(t *testing.T) {
	got, err := readSets("create sipward4 hash:ip family inet\nadd sipward4 192.0.2.9 timeout 12\nadd sipward6 2001:db8:1::/64 timeout 600\nadd other 1.2.3.4 timeout 1\n")
	want := []Banned{{netip.MustParsePrefix("192.0.2.9/32"), 12 * time.Second}, {netip.MustParsePrefix("2001:db8:1::/64"), 10 * time.Minute}}
	if err != nil || !cmp.Equal(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"add sipward4 here timeout 1", "add sipward4 192.0.2.9 timeout soon"} {
		if _, err := readSets(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	const listed = `{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"set": {"family": "inet", "name": "banned4", "elem": [{"elem": {"val": "192.0.2.9", "timeout": 600, "expires": 12}}]}}]}`
	if got, err := readNFTSet(listed, 32); err != nil || len(got) != 1 || got[0] != want[0] {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", `{"nftables": [{"set": {"elem": [{"elem": {"val": "x"}}]}}]}`} {
		if _, err := readNFTSet(text, 32); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// BenchmarkJudge is all that a packet costs between netlink and netlink, less
// the verdict itself.
func BenchmarkJudge(b *testing.B) {
	g := judged(b, judgeFunc(func(*register.Request, *packet.Packet, *parse.Message) register.Verdict {
		return register.Verdict{Reason: register.Allowed}
	}))
	r := newReader(g, nil, nil)
	p := appendIPv4(nil, phone4, netip.AddrPortFrom(switch4, 5060), []byte(registration("1000", phone4)))
	b.ReportAllocs()
	for b.Loop() {
		r.judge(p, 0, 0)
	}
}
