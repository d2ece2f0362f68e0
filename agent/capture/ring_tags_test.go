package capture

import (
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

func TestSkipTags(t *testing.T) {
	v4, v6 := udp(sipA, sipB, sipMessage), udp(sipA6, sipB6, sipMessage)
	// An IPv4 packet whose length field reads as the type of IPv4.
	odd := udp(sipA, sipB, make([]byte, 0x0800-28))
	for _, tc := range []struct {
		name     string
		named    uint16 // what the kernel named
		data     []byte
		want     uint16
		wantData []byte
	}{
		{"IPv4", etherIPv4, v4, etherIPv4, v4},
		{"IPv6", etherIPv6, v6, etherIPv6, v6},
		{"padded to 60 bytes", etherIPv4, append(v4[:len(v4):len(v4)], 0, 0, 0), etherIPv4, append(v4[:len(v4):len(v4)], 0, 0, 0)},
		{"inner tag", etherVLAN, tagged(etherIPv4, v4, etherVLAN), etherIPv4, v4},
		{"inner tag named by what is inside", etherIPv4, tagged(etherIPv4, v4, etherVLAN), etherIPv4, v4},
		{"inner tag named by what is inside, IPv6", etherIPv6, tagged(etherIPv6, v6, etherVLAN), etherIPv6, v6},
		{"two tags", etherQinQ, tagged(etherIPv6, v6, etherQinQ, etherVLAN), etherIPv6, v6},
		{"two tags named by what is inside", etherIPv4, tagged(etherIPv4, v4, etherQinQ, etherVLAN), etherIPv4, v4},
		{"data begins behind the tag", etherVLAN, v4, etherIPv4, v4},
		{"data begins behind the tag, IPv6", etherQinQ, v6, etherIPv6, v6},
		{"length that reads as a type", etherVLAN, odd, etherIPv4, odd},
		{"PPPoE", etherPPPoE, pppoe(0x0021, v4), etherIPv4, v4},
		{"PPPoE IPv6", etherPPPoE, pppoe(0x0057, v6), etherIPv6, v6},
		{"PPPoE control", etherPPPoE, pppoe(0xc021, v4), etherPPPoE, pppoe(0xc021, v4)},
		{"ARP", 0x0806, make([]byte, 28), 0x0806, make([]byte, 28)},
		{"tagged ARP", etherVLAN, tagged(0x0806, make([]byte, 28), etherVLAN), etherVLAN, tagged(0x0806, make([]byte, 28), etherVLAN)},
		{"nothing", etherVLAN, nil, etherVLAN, nil},
		{"three bytes", etherVLAN, []byte{0, 1, 8}, etherVLAN, []byte{0, 1, 8}},
	} {
		f := frame{etherType: tc.named, data: tc.data, wireLen: len(tc.data)}
		skipTags(&f)
		if f.etherType != tc.want || string(f.data) != string(tc.wantData) || f.wireLen != len(tc.wantData) {
			t.Errorf("%s: type %#x, %d bytes of %d; want %#x, %d", tc.name, f.etherType, len(f.data), f.wireLen, tc.want, len(tc.wantData))
		}
	}
}

func FuzzSkipTags(f *testing.F) {
	for _, tc := range filterCases() {
		f.Add(tc.etherType, tc.packet, 0)
	}
	f.Fuzz(func(t *testing.T, etherType uint16, b []byte, cut int) {
		in := frame{etherType: etherType, data: b, wireLen: len(b) + cut&0xffff}
		out := in
		skipTags(&out)
		skipped := len(in.data) - len(out.data)
		if skipped < 0 || skipped > 8 || out.wireLen != in.wireLen-skipped || string(out.data) != string(b[skipped:]) {
			t.Fatalf("%d bytes of %d became %d of %d", len(in.data), in.wireLen, len(out.data), out.wireLen)
		}
		again := out
		skipTags(&again)
		if out.etherType == etherIPv4 && skipped > 0 && len(again.data) != len(out.data) && ipAt(out.data, 0, etherIPv4, out.wireLen) {
			t.Fatal("an IP header was taken for a tag")
		}
	})
}

// hand must not allocate for each frame.
func TestHandAllocations(t *testing.T) {
	b := packet.NewBatch(4096, 1<<22)
	h := newHand(oneBatch{b}, &liveCounts{})
	f := frame{etherType: etherIPv4, data: udp(sipA, sipB, sipMessage)}
	f.wireLen = len(f.data)
	if n := testing.AllocsPerRun(100, func() { h.add(&f); skipTags(&f) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

type oneBatch struct{ b *packet.Batch }

func (s oneBatch) Get() *packet.Batch     { return s.b }
func (s oneBatch) Put(*packet.Batch) bool { s.b.Reset(); return true }
