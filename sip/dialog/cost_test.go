package dialog

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// TestLegCost holds 20,000 answered calls with two hops and media relayed on
// both, and measures the heap that one takes.
func TestLegCost(t *testing.T) {
	const bound = 2048
	calls := race.Of(20_000, 5_000)
	table := NewTable(Config{}, testBook(t))
	before := heap.Bytes()
	for i := range calls {
		for _, line := range []string{
			"phone>switch INVITE branch=p1 sdp=10.1.0.1:4000,101",
			"switch>west INVITE branch=s1 sdp=192.0.2.1:6000,101",
			"west>switch 180-INVITE branch=s1 to=as7d6f87asd6f",
			"west>switch 200-INVITE branch=s1 to=as7d6f87asd6f sdp=198.51.100.1:7000,96",
			"switch>phone 200-INVITE branch=p1 to=as7d6f87asd6f sdp=192.0.2.1:6002,101",
		} {
			p, m := message(t, int64(time.Second), strings.Fields(line))
			m.CallID = fmt.Sprintf("%08x-7a6b-4c5d-8e9f-0123456789ab@192.0.2.1", i)
			m.FromTag, m.UserAgent = "gK0c8a1b2d", "Example Phone 1.2.3"
			table.Message(p, m)
		}
	}
	cost := (heap.Bytes() - before) / uint64(calls) // positive
	t.Logf("%d bytes a call", cost)
	if cost > bound {
		t.Errorf("a call costs %d bytes of heap, want at most %d", cost, bound)
	}
	runtime.KeepAlive(table)
}

// TestStepAllocations: a message that changes nothing costs nothing.
func TestStepAllocations(t *testing.T) {
	table := NewTable(Config{}, testBook(t))
	p, m := message(t, 1, strings.Fields("phone>switch INVITE"))
	table.Message(p, m)
	again := []struct {
		p *packet.Packet
		m *parse.Message
	}{{p, m}}
	for _, line := range []string{"switch>phone 100-INVITE", "phone>switch ACK", "phone>switch OPTIONS cid=none", "phone>switch INFO cid=none"} {
		p, m := message(t, 2, strings.Fields(line))
		again = append(again, struct {
			p *packet.Packet
			m *parse.Message
		}{p, m})
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, a := range again {
			table.Message(a.p, a.m)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
