package pipeline

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/sipward/sipward/sip/packet"
)

// sighting is one packet with a message, so many milliseconds after the first.
type sighting struct {
	at    int64
	iface uint32
	ipid  uint16
	text  string
	dst   uint16
	want  seen
}

// TestRepeats: a message is new, sent again or captured twice.
func TestRepeats(t *testing.T) {
	long := memory.Milliseconds()
	for name, all := range map[string][]sighting{
		"sent again on one interface":      {{at: 0, ipid: 1, want: first}, {at: 500, ipid: 2, want: again}, {at: 1500, ipid: 3, want: again}},
		"sent again at once":               {{at: 0, ipid: 1, want: first}, {at: 20, ipid: 2, want: again}},
		"same packet twice on one":         {{at: 0, ipid: 7, want: first}, {at: 1, ipid: 7, want: twice}},
		"same packet on two":               {{at: 0, iface: 1, ipid: 7, want: first}, {at: 1, iface: 2, ipid: 7, want: twice}},
		"a router changed the id":          {{at: 0, iface: 1, ipid: 7, want: first}, {at: 1, iface: 2, ipid: 8, want: twice}},
		"captured out of order":            {{at: 5, iface: 1, ipid: 7, want: first}, {at: 0, iface: 2, ipid: 7, want: twice}},
		"long before, by a clock set back": {{at: 0, iface: 1, want: first}, {at: -3_600_000, iface: 2, want: again}},
		"no id says nothing":               {{at: 0, want: first}, {at: 1, want: again}},
		"id 0 on two interfaces":           {{at: 0, iface: 1, want: first}, {at: 1, iface: 2, want: twice}},
		"sent again, each on two":          {{at: 0, iface: 1, ipid: 1, want: first}, {at: 1, iface: 2, ipid: 1, want: twice}, {at: 500, iface: 1, ipid: 2, want: again}, {at: 501, iface: 2, ipid: 2, want: twice}},
		"sent again, seen elsewhere":       {{at: 0, iface: 1, ipid: 1, want: first}, {at: 500, iface: 2, ipid: 2, want: again}},
		"the edge of the moment":           {{at: 0, iface: 1, want: first}, {at: 100, iface: 2, want: twice}, {at: 201, iface: 1, want: again}},
		"the id came round":                {{at: 0, ipid: 1, want: first}, {at: 32000, ipid: 1, want: again}},
		"other text":                       {{at: 0, text: "183 a", want: first}, {at: 1, text: "183 b", want: first}},
		"another way":                      {{at: 0, dst: 5060, want: first}, {at: 1, dst: 5061, want: first}},
		"remembered":                       {{at: 0, want: first}, {at: long, text: "other", want: first}, {at: 2*long - 1, want: again}, {at: 3*long - 1, want: again}},
		"forgotten":                        {{at: 0, want: first}, {at: long, text: "other", want: first}, {at: 2 * long, text: "third", want: first}, {at: 2*long + 1, want: first}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepeats()
			for i, s := range all {
				p := packet.Packet{Time: start + s.at*int64(time.Millisecond), Iface: s.iface, IPID: s.ipid, Payload: []byte("INVITE" + s.text)}
				p.Dst.Port = s.dst
				if got := r.see(&p); got != s.want {
					t.Errorf("packet %d: %d, want %d", i, got, s.want)
				}
			}
			if r.forgotten != 0 {
				t.Errorf("%d forgotten before their time", r.forgotten)
			}
		})
	}
}

// TestRepeatsAreBounded: what does not fit is counted, once and no more.
func TestRepeatsAreBounded(t *testing.T) {
	r := newRepeats()
	see := func(i int) seen {
		return r.see(&packet.Packet{Time: start, Payload: binary.BigEndian.AppendUint64(nil, uint64(i))})
	}
	for i := range 5*maxRepeats/2 + 1 {
		if got := see(i); got != first {
			t.Fatalf("message %d: %d", i, got)
		}
	}
	if n := len(r.young) + len(r.old); n != 3*maxRepeats/2+1 || r.forgotten != maxRepeats {
		t.Errorf("%d remembered, %d forgotten; want %d, %d", n, r.forgotten, 3*maxRepeats/2+1, maxRepeats)
	}
	for i, want := range map[int]seen{0: first, maxRepeats: again, 5 * maxRepeats / 2: again} {
		if got := see(i); got != want {
			t.Errorf("message %d the second time: %d, want %d", i, got, want)
		}
	}
}

// TestRepeatsAfterStep: a clock that is set back neither empties the memory
// nor lets it fill up until the old time comes again.
func TestRepeatsAfterStep(t *testing.T) {
	r := newRepeats()
	see := func(text string, at time.Duration) seen {
		return r.see(&packet.Packet{Time: start + int64(at), Payload: []byte(text)})
	}
	see("before", 0)
	if got := see("before", -time.Hour); got != again {
		t.Errorf("sent again after the step: %d", got)
	}
	for i := range 10 {
		see(fmt.Sprint(i), -time.Hour+time.Duration(i)*memory)
	}
	if n := len(r.young) + len(r.old); n > 2 {
		t.Errorf("%d messages remembered", n)
	}
}
