package dtmf

import (
	"encoding/binary"
	"testing"
)

func TestStepDoesNotAllocate(t *testing.T) {
	var d Detector
	var s State
	packet := sent{ssrc: 1, ts: 1, event: 1, dur: 160}.bytes()
	wrapped := raw(redPT, false, 1, 1, 1, red(block{eventPT, 160, one(1, 800, true)}, block{eventPT, 0, one(2, 160, false)}))
	ts := uint32(0)
	allocs := testing.AllocsPerRun(1000, func() {
		ts += 1600
		binary.BigEndian.PutUint32(packet[4:], ts)
		binary.BigEndian.PutUint32(wrapped[4:], ts+800)
		d.Step(&s, packet, negotiated, false)
		d.Step(&s, wrapped, negotiated, false)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a step", allocs)
	}
	if s.Count() == 0 {
		t.Error("nothing was counted")
	}
}

func BenchmarkStep(b *testing.B) {
	var d Detector
	var s State
	packet := sent{ssrc: 1, ts: 1, event: 1, dur: 160}.bytes()
	b.ReportAllocs()
	for i := range b.N {
		if i%10 == 0 {
			binary.BigEndian.PutUint32(packet[4:], uint32(i)*1600)
		}
		d.Step(&s, packet, negotiated, false)
	}
}

func BenchmarkStepRedundant(b *testing.B) {
	var d Detector
	var s State
	packet := raw(redPT, false, 1, 1, 1, red(block{eventPT, 160, one(1, 800, true)}, block{eventPT, 0, one(2, 160, false)}))
	b.ReportAllocs()
	for i := range b.N {
		if i%10 == 0 {
			binary.BigEndian.PutUint32(packet[4:], uint32(i)*1600)
		}
		d.Step(&s, packet, negotiated, false)
	}
}
