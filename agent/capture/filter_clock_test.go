package capture

import (
	"testing"
	"time"
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
