package media

import (
	"testing"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// hop opens an announcement of leg 1 on a hop.
func hop(t *testing.T, table *Table, ep packet.Endpoint, n uint8, side Side) {
	t.Helper()
	s := spec(1, side)
	s.Hop = n
	open(t, table, ep, s)
}

func closeAll(table *Table, eps ...packet.Endpoint) (all []*Flow) {
	for _, ep := range eps {
		all = append(all, table.Close(ep, 1)...)
	}
	return all
}

// TestRelayedDigitIsOneDigit has a media relay between phone and carrier, seen
// on both its hops, in the three ways a relay can treat a stream.
func TestRelayedDigitIsOneDigit(t *testing.T) {
	inside, outside := relay, at("198.51.100.1:20002") // the relay's two ports
	cases := map[string]struct {
		ssrc, ts uint32 // on the second hop
		lost     int    // presses that the second hop did not carry on
		want     string
	}{
		"kept":             {9, 0, 0, "123"},
		"rewritten":        {77, 5_000_000, 0, "123"},
		"one not relayed":  {9, 0, 1, "123"},
		"none relayed":     {9, 0, 3, "123"},
		"first hop silent": {9, 0, -3, "123"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{Digits: true})
			hop(t, table, phone, 0, Caller)
			hop(t, table, inside, 0, Callee)
			hop(t, table, outside, 1, Caller)
			hop(t, table, carrier, 1, Callee)
			for i := range uint32(3) {
				if c.lost >= 0 {
					feed(table, key(phone, inside, 9, 1600*i, uint8(i+1)))
				}
				if int(i) < 3-c.lost {
					feed(table, key(outside, carrier, c.ssrc, c.ts+1600*i, uint8(i+1)))
				}
			}
			got := Summarize(closeAll(table, phone, inside, outside, carrier), Callee, parse.Audio)
			if got.Digits != c.want || got.Presses != len(c.want) {
				t.Errorf("digits %q, presses %d", got.Digits, got.Presses)
			}
			if got.Packets != 18 {
				t.Errorf("%d packets: hops were added up", got.Packets)
			}
		})
	}
}

func TestSummaryParts(t *testing.T) {
	table := NewTable(Options{Digits: true})
	video := at("198.51.100.1:20010")
	hop(t, table, phone, 0, Caller)
	hop(t, table, relay, 0, Callee)
	s := spec(1, Callee)
	s.Kind, s.ClockHz, s.Codec = parse.Video, 90000, "VP8"
	open(t, table, video, s)
	feed(table, voice(phone, relay, 1, 100, 50), voice(phone, relay, 1, 160, 40), voice(relay, phone, 2, 1, 30),
		voice(phone, video, 3, 1, 500))
	flows := closeAll(table, phone, relay, video)
	callee, caller := Summarize(flows, Callee, parse.Audio), Summarize(flows, Caller, parse.Audio)
	if callee.Packets != 90 || callee.Lost != 10 || callee.Codec != "PCMU" || callee.Streams != 1 {
		t.Errorf("callee %+v", callee)
	}
	if callee.First != 2*second || callee.Last != 199*20*ms {
		t.Errorf("callee from %d to %d", callee.First, callee.Last)
	}
	if caller.Packets != 30 || caller.Lost != 0 {
		t.Errorf("caller %+v", caller)
	}
	if callee.MOS >= caller.MOS || callee.MOS < 1 || caller.MOS < 4.3 {
		t.Errorf("MOS %.2f with loss, %.2f without", callee.MOS, caller.MOS)
	}
	if all := Summarize(flows, Callee, 0); all.Packets != 590 {
		t.Errorf("of any kind: %d packets", all.Packets)
	}
	if none := Summarize(nil, Callee, 0); none != (Summary{}) {
		t.Errorf("of nothing: %+v", none)
	}
}

// TestDigitsOfSeveralStreamsAreInOrderOfTime although the flows come in any.
func TestDigitsOfSeveralStreamsAreInOrderOfTime(t *testing.T) {
	table := NewTable(Options{Digits: true})
	other := at("198.51.100.1:20010")
	hop(t, table, relay, 0, Callee)
	hop(t, table, other, 0, Callee)
	feed(table, key(phone, other, 1, 800, 1), key(phone, relay, 2, 8000, 2))
	if got := Summarize(closeAll(table, relay, other), Callee, 0); got.Digits != "12" || got.Presses != 2 {
		t.Errorf("digits %q", got.Digits)
	}
}
