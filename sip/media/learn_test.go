package media

import (
	"slices"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// typed gives the packets another payload type.
func typed(pt uint8, ps []*packet.Packet) []*packet.Packet {
	for _, p := range ps {
		p.Payload[1] = p.Payload[1]&markerBit | pt
	}
	return ps
}

func TestLearning(t *testing.T) {
	long := func(ps []*packet.Packet) []*packet.Packet {
		for _, p := range ps {
			p.Payload = append(p.Payload, 0, 0, 0, 0)
		}
		return ps
	}
	cases := map[string]struct {
		packets []*packet.Packet
		flows   int
		digits  string
	}{
		"voice":              {voice(phone, relay, 1, 1, 3), 1, ""},
		"two are too few":    {voice(phone, relay, 1, 1, 2), 0, ""},
		"events of type 101": {key(phone, relay, 1, 800, 5), 1, "5"},
		"events of type 96":  {typed(96, key(phone, relay, 1, 800, 5)), 1, "5"},
		"one event among voice": {slices.Concat(voice(phone, relay, 1, 1, 3),
			numbered(4, key(phone, relay, 1, 800, 5)[5:])), 1, "5"},
		"too few of an unusual type": {slices.Concat(voice(phone, relay, 1, 1, 3),
			numbered(4, typed(96, key(phone, relay, 1, 800, 5)[4:]))), 1, ""},
		"8 bytes are no event": {long(typed(96, key(phone, relay, 1, 800, 5))), 1, ""},
		"four bytes that are no event": {func() []*packet.Packet {
			ps := typed(96, key(phone, relay, 1, 800, 5))
			ps[3].Payload[12] = 17
			return ps
		}(), 1, ""},
		"type 101 before another": {numbered(1, slices.Concat(typed(96, key(phone, relay, 1, 800, 1)),
			key(phone, relay, 1, 8000, 2))), 1, "2"},
		"type 101 that is voice": {numbered(1, slices.Concat(typed(101, voice(phone, relay, 1, 1, 20)),
			typed(96, key(phone, relay, 1, 8000, 2)))), 1, "2"},
		"unassigned type": {typed(50, voice(phone, relay, 1, 1, 9)), 0, ""},
		"numbers of no order": {slices.Concat(voice(phone, relay, 1, 1, 1), voice(phone, relay, 1, 9000, 1),
			voice(phone, relay, 1, 30000, 1), voice(phone, relay, 1, 50000, 1)), 0, ""},
		"a new SSRC each time": {slices.Concat(voice(phone, relay, 1, 1, 1), voice(phone, relay, 2, 2, 1),
			voice(phone, relay, 3, 3, 1)), 0, ""},
		"two flows": {slices.Concat(voice(phone, relay, 1, 1, 3), voice(relay, phone, 2, 1, 3)), 2, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{Learn: true, Digits: true})
			feed(table, c.packets)
			flows, digits, packets := 0, "", uint64(0)
			for f := range table.Learned() {
				flows++
				digits += f.Digits()
				packets += f.Packets
			}
			if flows != c.flows || digits != c.digits {
				t.Errorf("%d flows, digits %q; want %d, %q", flows, digits, c.flows, c.digits)
			}
			if table.Stats.Learned != packets || table.Stats.RTP != 0 {
				t.Errorf("stats %+v, flows have %d packets", table.Stats, packets)
			}
		})
	}
}

func TestAnnouncedIsNotLearned(t *testing.T) {
	table := NewTable(Options{Learn: true})
	open(t, table, relay, spec(1, Callee))
	feed(table, voice(phone, relay, 1, 1, 9))
	for f := range table.Learned() {
		t.Errorf("learned %v", f)
	}
	if table.Stats.RTP != 9 {
		t.Errorf("stats %+v", table.Stats)
	}
}

func TestNothingIsLearnedUnasked(t *testing.T) {
	table := NewTable(Options{})
	if v := feed(table, voice(phone, relay, 1, 1, 9)); v.Kind != NotMedia {
		t.Errorf("verdict %v", v.Kind)
	}
	for f := range table.Learned() {
		t.Errorf("learned %v", f)
	}
}

func TestLearningIsBounded(t *testing.T) {
	table := NewTable(Options{Learn: true})
	table.learner.limit = 2
	for ssrc := range uint32(3 * candidates) {
		feed(table, voice(phone, relay, ssrc, 1, 1))
	}
	if n := len(table.learner.flows); n > candidates || table.Stats.RefusedLearning != 2*candidates {
		t.Errorf("%d candidates, %d refused", n, table.Stats.RefusedLearning)
	}
	for ssrc := range uint32(5) {
		feed(table, voice(phone, carrier, ssrc, 1, 3))
	}
	if n := len(table.learner.order); n != 2 {
		t.Errorf("%d flows, want 2", n)
	}
}
