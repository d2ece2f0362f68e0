package media

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

const (
	second  = int64(1_000_000_000)
	ms      = int64(1_000_000)
	eventPT = 101
	redPT   = 121
)

var (
	phone   = at("192.0.2.10:4000")
	relay   = at("198.51.100.1:20000")
	carrier = at("203.0.113.5:30000")
	nat     = at("192.0.2.99:61000")
)

func at(s string) packet.Endpoint { return packet.EndpointFrom(netip.MustParseAddrPort(s)) }

func set(pts ...uint8) (s parse.PayloadTypes) {
	for _, pt := range pts {
		s.Add(pt)
	}
	return s
}

// spec is an announcement of G.711 with telephone events both ways.
func spec(owner uint64, side Side) Spec {
	return Spec{Owner: owner, Side: side, Kind: parse.Audio, ClockHz: 8000, Codec: "PCMU",
		EventsIn: set(eventPT), EventsOut: set(eventPT)}
}

// rtp describes one datagram.
type rtp struct {
	src, dst packet.Endpoint
	time     int64
	ssrc, ts uint32
	seq      uint16
	pt       uint8
	marker   bool
	payload  []byte
}

func (r rtp) packet() *packet.Packet {
	b := make([]byte, 12, 12+len(r.payload))
	b[0], b[1] = 0x80, r.pt
	if r.marker {
		b[1] |= markerBit
	}
	binary.BigEndian.PutUint16(b[2:], r.seq)
	binary.BigEndian.PutUint32(b[4:], r.ts)
	binary.BigEndian.PutUint32(b[8:], r.ssrc)
	return &packet.Packet{Time: r.time, Src: r.src, Dst: r.dst, Payload: append(b, r.payload...), Transport: packet.UDP}
}

// key is a press of event at ts: three packets while it lasts, three ends.
func key(src, dst packet.Endpoint, ssrc, ts uint32, event uint8) (out []*packet.Packet) {
	for i := range 6 {
		payload := []byte{event, 10, 0, byte(160 * min(i+1, 4) >> 2)}
		if i >= 3 {
			payload[1] |= 0x80
		}
		out = append(out, rtp{src: src, dst: dst, ssrc: ssrc, ts: ts, seq: uint16(ts) + uint16(min(i, 3)), pt: eventPT,
			marker: i == 0, payload: payload, time: int64(ts)*125_000 + int64(i)*20*ms}.packet())
	}
	return out
}

// numbered gives the packets sequence numbers from seq on.
func numbered(seq uint16, ps []*packet.Packet) []*packet.Packet {
	for i, p := range ps {
		binary.BigEndian.PutUint16(p.Payload[2:], seq+uint16(i))
	}
	return ps
}

// voice is n packets of 20 ms of G.711 from sequence number seq on.
func voice(src, dst packet.Endpoint, ssrc uint32, seq, n int) (out []*packet.Packet) {
	for i := range n {
		out = append(out, rtp{src: src, dst: dst, ssrc: ssrc, seq: uint16(seq + i), ts: uint32(seq+i) * 160,
			payload: make([]byte, 160), time: int64(seq+i) * 20 * ms}.packet())
	}
	return out
}

// feed hands the packets to the table and returns the last verdict.
func feed(t *Table, lists ...[]*packet.Packet) (v Verdict) {
	for _, l := range lists {
		for _, p := range l {
			v = t.Packet(p)
		}
	}
	return v
}

func open(t *testing.T, table *Table, ep packet.Endpoint, s Spec) {
	t.Helper()
	if !table.Open(ep, s, 0) {
		t.Fatalf("open %v: refused", ep)
	}
}

// only returns the single flow of owner's announcement.
func only(t *testing.T, table *Table, ep packet.Endpoint, owner uint64) *Flow {
	t.Helper()
	var got *Flow
	n := 0
	for f := range table.Flows(ep, owner) {
		got = f
		n++
	}
	if n != 1 {
		t.Fatalf("%v of owner %d has %d flows, want 1", ep, owner, n)
	}
	return got
}
