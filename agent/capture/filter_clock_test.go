package capture

import (
	"testing"
	"time"

	"github.com/sipward/sipward/sip/media"
)

// Two CPUs handle one stream on its two interfaces at once. The one that read
// the clock first may be the last to look at the flow, which then was heard in
// its future: that is no silence.
func TestFilterHeardLater(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	k := loadKernel(t, nil)
	openTestEndpoints(k)
	second := uint32(linkIndex(t, "v0"))
	packet := func(ssrc uint32, seq int) []byte {
		return udp(phone, local, rtp{pt: 101, seq: uint16(seq), ssrc: ssrc, payload: 4}.bytes())
	}
	for ssrc := uint32(1); ssrc <= mapFlows; ssrc++ {
		k.run(etherIPv4, packet(ssrc, 1), 1)
	}
	k.age(local, -time.Minute)
	for ssrc := uint32(1); ssrc <= mapFlows; ssrc++ {
		if k.run(etherIPv4, packet(ssrc, 1), second) {
			t.Errorf("the second interface took over the flow of SSRC %d", ssrc)
		}
	}
	k.run(etherIPv4, packet(99, 1), 1)
	if s := k.stats(); s.Twice != mapFlows || s.Crowded != 1 {
		t.Errorf("%d packets on the second interface, %d without a flow of their own; want %d and 1", s.Twice, s.Crowded, mapFlows)
	}
	for _, f := range k.read(local) {
		if f.Packets != 1 {
			t.Errorf("flow %+v, want one packet", f)
		}
	}
}

// An endpoint becomes known after a packet to it came in, counted by its source,
// and before it goes out.
func TestFilterKnownAmidst(t *testing.T) {
	inNamespace(t)
	addVeth(t, "v0", "v1")
	k := loadKernel(t, nil)
	second := uint32(linkIndex(t, "v0"))
	spec := media.Spec{EventsIn: types(101), EventsOut: types(101), ClockHz: 8000}
	k.open(phone, spec)
	for seq := range 50 {
		p := udp(phone, local, rtp{pt: 101, seq: uint16(seq), ssrc: 1, payload: 4}.bytes())
		in := k.run(etherIPv4, p, 1)
		if seq == 5 {
			k.open(local, spec)
		}
		if out := k.run(etherIPv4, p, second); !in || out {
			t.Errorf("packet %d passed when it came in: %v, when it went out: %v", seq, in, out)
		}
	}
	if s := k.stats(); s.Twice != 50 || s.Events != 50 || s.Reverse != 11 {
		t.Errorf("%d on the second interface, %d events, %d found by their source; want 50, 50 and 11", s.Twice, s.Events, s.Reverse)
	}
	from, to := k.read(phone), k.read(local)
	if len(from) != 1 || from[0].Packets != 6 || len(to) != 1 || to[0].Packets != 44 || to[0].Lost != 0 {
		t.Errorf("flows from the phone %+v, to its peer %+v; want 6 and 44 packets", from, to)
	}

	// Where packets go another way from then on, their flow begins there in the end.
	k.Close(endpoint(local))
	k.open(local, spec)
	k.age(phone, 3*time.Second)
	if p := udp(phone, local, rtp{pt: 101, seq: 50, ssrc: 1, payload: 4}.bytes()); !k.run(etherIPv4, p, second) {
		t.Error("the second interface is ignored although the first is silent")
	}
}
