package media

import (
	"encoding/binary"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// FuzzTable runs a program on a small table: each step opens, closes, or hands
// in a packet. Whatever the order, totals equal the sum over flows, the bounds
// hold, and nothing is left once all is closed.
func FuzzTable(f *testing.F) {
	voicePacket := voice(phone, relay, 1, 1, 1)[0].Payload[:20]
	eventPacket := key(phone, relay, 1, 800, 5)[0].Payload
	program := func(steps ...[]byte) (b []byte) {
		for _, s := range steps {
			b = append(b, byte(len(s)))
			b = append(b, s...)
		}
		return b
	}
	send := func(ends byte, payload []byte) []byte { return append([]byte{2, ends}, payload...) }
	f.Add(program([]byte{0, 0x11}, send(0x21, voicePacket), send(0x21, eventPacket), []byte{1, 0x11}))
	f.Add(program([]byte{0, 0x11}, []byte{0, 0x21}, send(0x21, voicePacket), []byte{1, 0x21}, send(0x21, voicePacket)))
	f.Add(program([]byte{0, 0x11}, send(0x12, eventPacket), send(0x10, eventPacket), send(0x34, voicePacket)))
	ends := [8]packet.Endpoint{phone, relay, carrier, nat, at("[2001:db8::1]:4000"), at("[2001:db8::2]:4000")}
	f.Fuzz(func(t *testing.T, data []byte) {
		table := NewTable(Options{Endpoints: 3, Owners: 6, Flows: 2, AllFlows: 5, Streams: 4, Digits: true, Learn: true})
		table.learner.limit = 2
		var closed Counters
		var presses, digits uint64
		sum := func(flows []*Flow) {
			for _, f := range flows {
				closed.add(&f.Counters)
				presses += uint64(f.Presses())
			}
		}
		now := second
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			step := data[1 : 1+n]
			data = data[1+n:]
			if len(step) < 2 {
				continue
			}
			owner, ep := uint64(step[1]>>4), ends[step[1]&7]
			switch step[0] % 3 {
			case 0:
				s := spec(owner, Side(1+owner%2))
				s.Encrypted, s.RedundantIn = owner == 7, set(redPT)
				table.Open(ep, s, now)
			case 1:
				sum(table.Close(ep, owner))
			case 2:
				now += ms
				v := table.Packet(&packet.Packet{Time: now, Src: ends[step[1]>>4&7], Dst: ep, Payload: step[2:], Transport: packet.UDP})
				if v.Kind == 0 || (v.Flow != nil) != (v.Kind == RTP) {
					t.Fatalf("verdict %+v", v)
				}
				digits += uint64(v.Digits)
			}
			if table.Len() > 3 || table.owners > 6 || table.flows > 5+6 {
				t.Fatalf("%d endpoints, %d owners, %d flows", table.Len(), table.owners, table.flows)
			}
		}
		for _, ep := range ends {
			for owner := range uint64(16) {
				sum(table.Close(ep, owner))
			}
		}
		if closed.Packets != table.Stats.RTP || presses != digits || closed.Lost > closed.Packets*maxDropout {
			t.Fatalf("flows %+v with %d presses; stats %+v, %d presses", closed, presses, table.Stats, digits)
		}
		if table.Len() != 0 || table.owners != 0 || table.flows != 0 {
			t.Fatalf("left: %d endpoints, %d owners, %d flows", table.Len(), table.owners, table.flows)
		}
		for range table.Learned() {
		}
	})
}

// FuzzSequence takes sequence numbers, two bytes each: the loss is never
// negative and never more than the steps could give.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 4, 0, 3})
	f.Add([]byte{0xFF, 0xFF, 0, 0, 0, 1, 0x80, 0, 0x80, 1, 0, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		var q sequence
		lost, most := int64(0), int64(0)
		for ; len(data) >= 2; data = data[2:] {
			n, what := q.next(binary.BigEndian.Uint16(data))
			lost += n
			most += maxDropout
			if lost < 0 || lost > most || what == 0 {
				t.Fatalf("lost %d of at most %d, step %d", lost, most, what)
			}
		}
	})
}
