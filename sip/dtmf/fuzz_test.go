package dtmf

import (
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzStep feeds a flow with packets, each preceded by its length in two
// bytes. Whatever comes, a second copy of a packet right after the first is no
// press, and count, digits and totals agree.
func FuzzStep(f *testing.F) {
	frame := func(packets ...[]byte) (b []byte) {
		for _, p := range packets {
			b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
			b = append(b, p...)
		}
		return b
	}
	f.Add(frame(encode(keyPress(1, 1000, 1, 5, 4))...))
	f.Add(frame(raw(eventPT, true, 1, 1000, 1, join(one(1, 800, true), one(2, 800, true), one(3, 160, false)))))
	f.Add(frame(raw(redPT, false, 2, 9000, 1, red(block{eventPT, 1600, one(6, 800, true)}, block{eventPT, 0, one(7, 160, false)}))))
	f.Add(frame(encode(rollover(48000, 3))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Detector
		var s State
		sum := 0
		for len(data) >= 2 {
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			packet := data[2 : 2+n]
			data = data[2+n:]
			first := d.Step(&s, packet, negotiated, true)
			if first < 0 || first > remembered*maxBlocks {
				t.Fatalf("%d presses in one packet", first)
			}
			sum += first
			// A RED packet can hold more than is remembered; a plain one cannot.
			again := d.Step(&s, packet, negotiated, true)
			if len(packet) > 1 && packet[1]&0x7F == eventPT && again != 0 {
				t.Fatalf("%d presses in a repeated packet", again)
			}
			sum += again
		}
		if s.Count() != sum || d.Counts.Presses != uint64(sum) || len(s.Digits()) != min(sum, MaxDigits) {
			t.Fatalf("count %d, presses %d, digits %q, sum %d", s.Count(), d.Counts.Presses, s.Digits(), sum)
		}
		if strings.Trim(s.Digits(), alphabet) != "" {
			t.Fatalf("digits %q", s.Digits())
		}
	})
}
