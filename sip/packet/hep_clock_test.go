package packet

import (
	"testing"
	"time"
)

// clocked returns a HEP packet of agent that says it was seen at when.
func clocked(agent uint32, node string, when int64) []byte {
	b := cat(chunk(0, 2, uint8(17)), chunk(0, 3, src4.Addr().AsSlice()), chunk(0, 4, dst4.Addr().AsSlice()),
		chunk(0, 7, src4.Port()), chunk(0, 8, dst4.Port()),
		chunk(0, 9, uint32(when/1e9)), chunk(0, 10, uint32(when%1e9/1e3)), chunk(0, 11, uint8(1)), chunk(0, 12, agent))
	if node != "" {
		b = cat(b, chunk(0, 0x13, node))
	}
	return hep3(b, chunk(0, 0x0f, register))
}

// TestHEPClocks: what a sender's clock says of each packet, and what becomes
// of it, in milliseconds since the start of the receiver's clock.
func TestHEPClocks(t *testing.T) {
	const minute = 60_000
	type step struct {
		agent        uint32
		iface        uint32
		node         string
		received     int64
		sent, placed int64
	}
	for _, tc := range []struct {
		name      string
		steps     []step
		corrected uint64
		kept      int
	}{
		{name: "right", steps: []step{
			{received: 100, sent: 95, placed: 95}, {received: 200, sent: 120, placed: 120}, {received: 5000, sent: 3001, placed: 3001},
		}},
		{name: "ten minutes behind: its own spacing", corrected: 1, kept: 1, steps: []step{
			{received: 0, sent: -10 * minute, placed: 0}, {received: 1200, sent: -10*minute + 1000, placed: 1000},
			{received: 11_050, sent: -10*minute + 11_000, placed: 11_000},
		}},
		{name: "a day ahead", corrected: 1, kept: 1, steps: []step{
			{received: 20, sent: 1440 * minute, placed: 20}, {received: 130, sent: 1440*minute + 100, placed: 120},
		}},
		{name: "set right while we listen", corrected: 2, steps: []step{
			{received: 0, sent: -10 * minute, placed: 0}, {received: 1000, sent: 990, placed: 990}, {received: 2000, sent: 1999, placed: 1999},
		}},
		{name: "drifts", corrected: 2, kept: 1, steps: []step{
			{received: 0, sent: -minute, placed: 0}, {received: 1000, sent: -minute - 900, placed: -900}, // 1.9 s
			{received: 2000, sent: -minute - 1000, placed: 2000}, {received: 3000, sent: -minute, placed: 3000},
		}},
		{name: "two agents", corrected: 1, kept: 1, steps: []step{
			{agent: 1, received: 0, sent: -minute, placed: 0}, {agent: 2, received: 10, sent: 5, placed: 5},
			{agent: 1, received: 20, sent: -minute + 15, placed: 15}, {agent: 2, received: 30, sent: 25, placed: 25},
		}},
		{name: "two nodes, two interfaces", corrected: 3, kept: 3, steps: []step{
			{node: "a", received: 0, sent: -minute, placed: 0}, {node: "b", received: 0, sent: minute, placed: 0},
			{node: "a", iface: 1, received: 0, sent: 2 * minute, placed: 0}, {node: "a", received: 10, sent: -minute + 5, placed: 5},
			{node: "b", received: 10, sent: minute + 5, placed: 5}, {node: "a", iface: 1, received: 10, sent: 2*minute + 5, placed: 5},
		}},
		{name: "two clocks under one name: the time of receipt", corrected: 4, steps: []step{
			{received: 0, sent: -minute, placed: 0}, {received: 10, sent: 9, placed: 9},
			{received: 20, sent: -minute + 19, placed: 20}, {received: 30, sent: 29, placed: 29},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDecoder(Limits{})
			const start, ms = int64(1700000000e9), int64(time.Millisecond)
			for i, s := range tc.steps {
				b := clocked(s.agent, s.node, start+s.sent*ms)
				var p Packet
				if r := d.Decode(&Frame{Time: start + s.received*ms, Data: b, WireLen: len(b), Link: LinkHEP, Iface: s.iface}, &p); r != Payload {
					t.Fatalf("packet %d: %v", i, r)
				}
				if got := (p.Time - start) / ms; got != s.placed {
					t.Errorf("packet %d received at %d, sent at %d: placed at %d ms, want %d", i, s.received, s.sent, got, s.placed)
				}
			}
			if st := d.Stats(); st.ClockCorrections != tc.corrected || st.ClocksForgotten != 0 {
				t.Errorf("%d corrections, %d forgotten; want %d, 0", st.ClockCorrections, st.ClocksForgotten, tc.corrected)
			}
			if n := len(d.clocks.offsets); n != tc.kept {
				t.Errorf("%d senders kept, want %d", n, tc.kept)
			}
		})
	}
}

// TestHEPClocksAreBounded: senders that make up numbers cost bounded memory.
func TestHEPClocksAreBounded(t *testing.T) {
	d := NewDecoder(Limits{})
	const start = int64(1700000000e9)
	for i := range uint32(3 * maxHEPClocks) {
		b := clocked(i, "", start-int64(time.Hour))
		var p Packet
		if r := d.Decode(&Frame{Time: start, Data: b, WireLen: len(b), Link: LinkHEP}, &p); r != Payload || p.Time != start {
			t.Fatalf("sender %d: %v at %d", i, r, p.Time)
		}
	}
	if n, st := len(d.clocks.offsets), d.Stats(); n != maxHEPClocks || st.ClocksForgotten != 2*maxHEPClocks || st.ClockCorrections != 3*maxHEPClocks {
		t.Errorf("%d kept, %+v", n, st)
	}
}

// TestHEPClockAllocations: a sender whose clock is off costs nothing more.
func TestHEPClockAllocations(t *testing.T) {
	d := NewDecoder(Limits{})
	b := clocked(1, "node", 1700000000e9)
	f := Frame{Time: 1700000000e9 + int64(time.Hour), Data: b, WireLen: len(b), Link: LinkHEP}
	var p Packet
	d.Decode(&f, &p)
	if n := testing.AllocsPerRun(100, func() { d.Decode(&f, &p) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
