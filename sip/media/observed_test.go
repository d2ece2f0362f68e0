package media

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// TestObserved has the kernel count all packets while this table sees only the
// telephone-events among them, and looks twice.
func TestObserved(t *testing.T) {
	table := NewTable(Options{Digits: true})
	open(t, table, relay, spec(1, Callee))
	feed(table, key(phone, relay, 5, 800, 3))
	for _, packets := range []uint64{100, 250} {
		table.Observe(relay, []Observed{
			{Peer: phone, SSRC: 5, Counters: Counters{Packets: packets, Bytes: packets * 172, Lost: 2, Jitter: ms, First: second, Last: 2 * second}},
			{Peer: nat, SSRC: 6, Reverse: true, Counters: Counters{Packets: 10}},
			{Counters: Counters{Packets: 7}},
			{Peer: carrier, SSRC: 8}, // nothing came
		})
		feed(table, key(phone, relay, 5, 8000, 4)) // the flow goes on
	}
	flows := table.Close(relay, 1)
	if len(flows) != 3 || table.Stats.Streams != 2 || table.flows != 0 {
		t.Fatalf("%d flows, %d streams, %d left", len(flows), table.Stats.Streams, table.flows)
	}
	to := Summarize(flows, Callee, 0)
	if to.Packets != 250+6+7 || to.Lost != 2 || to.Jitter != ms || to.Digits != "34" {
		t.Errorf("to the callee %+v", to)
	}
	if from := Summarize(flows, Caller, 0); from.Packets != 10 {
		t.Errorf("to the caller %+v", from)
	}
}

func TestObservedOfNobody(t *testing.T) {
	table := NewTable(Options{KeepClosed: true})
	table.Observe(relay, []Observed{{Peer: phone, Counters: Counters{Packets: 1}}})
	open(t, table, relay, spec(1, Callee))
	table.Close(relay, 1)
	table.Observe(relay, []Observed{{Peer: phone, Counters: Counters{Packets: 1}}})
	if table.Stats.Streams != 0 {
		t.Errorf("%d streams", table.Stats.Streams)
	}
}

func counted(peer packet.Endpoint, ssrc uint32, packets uint64) Observed {
	return Observed{Peer: peer, SSRC: ssrc, Counters: Counters{
		Packets: packets, Bytes: packets * 172, Lost: packets / 10, First: second, Last: second + int64(packets)*20*ms}}
}

// shares adds up what every owner of relay got.
func shares(table *Table, owners ...uint64) (got []uint64) {
	for _, owner := range owners {
		n := uint64(0)
		for f := range table.Flows(relay, owner) {
			n += f.Packets
		}
		got = append(got, n)
	}
	return got
}

// TestObservedReuse has a relay's port taken by the next call while the last one
// settles: each gets what passed in its time.
func TestObservedReuse(t *testing.T) {
	for _, c := range []struct {
		name       string
		next       packet.Endpoint // the second call's other end
		then, last []Observed      // what the kernel counts when the second call comes, and at the end
		want       []uint64
	}{
		{"another phone", carrier, []Observed{counted(phone, 5, 300)}, []Observed{counted(phone, 5, 301), counted(carrier, 6, 50)}, []uint64{301, 50}},
		{"the same phone", phone, []Observed{counted(phone, 5, 300)}, []Observed{counted(phone, 5, 300), counted(phone, 6, 50)}, []uint64{300, 50}},
		{"the same stream", phone, []Observed{counted(phone, 5, 300)}, []Observed{counted(phone, 5, 350)}, []uint64{300, 50}},
		{"folded meanwhile", carrier, []Observed{counted(phone, 5, 300)}, []Observed{counted(carrier, 6, 50), counted(packet.Endpoint{}, 0, 300)}, []uint64{300, 50}},
		{"folded, and began again", phone, []Observed{counted(phone, 5, 300)}, []Observed{counted(phone, 5, 50), counted(packet.Endpoint{}, 0, 310)}, []uint64{300, 60}},
		{"nothing more", phone, []Observed{counted(phone, 5, 300)}, []Observed{counted(phone, 5, 300)}, []uint64{300, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := NewTable(Options{})
			open(t, table, phone, spec(1, Caller))
			open(t, table, relay, spec(1, Callee))
			table.Observe(relay, c.then)
			open(t, table, c.next, spec(2, Caller))
			open(t, table, relay, spec(2, Callee))
			for range 2 { // a second look finds nothing new
				table.Observe(relay, c.last)
				if got := shares(table, 1, 2); !slices.Equal(got, c.want) {
					t.Errorf("packets %v, want %v", got, c.want)
				}
			}
		})
	}
}

// TestObservedDigitOnItsWay has a digit that the kernel counted for the first
// call reach this table when the second has come.
func TestObservedDigitOnItsWay(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(1, Callee))
	table.Observe(relay, []Observed{counted(phone, 5, 300)})
	open(t, table, relay, spec(2, Callee))
	feed(table, key(phone, relay, 5, 800, 3))
	table.Observe(relay, []Observed{counted(phone, 5, 300)})
	if got := shares(table, 1, 2); !slices.Equal(got, []uint64{300, 0}) {
		t.Errorf("packets %v", got)
	}
}

// TestLossTakenBack has the gap of one call filled in the time of the next.
func TestLossTakenBack(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(1, Callee))
	o := counted(phone, 5, 100)
	table.Observe(relay, []Observed{o})
	open(t, table, relay, spec(2, Callee))
	o.Packets, o.Lost = 200, 3
	table.Observe(relay, []Observed{o})
	if f := only(t, table, relay, 2); f.Lost != 0 || f.Packets != 100 {
		t.Errorf("%d lost of %d", f.Lost, f.Packets)
	}
}

func TestJoined(t *testing.T) {
	table := NewTable(Options{KeepClosed: true})
	check := func(want string) {
		t.Helper()
		s, open := table.Joined(relay)
		got := "closed"
		if open {
			got = fmt.Sprint(s.EventsIn.Has(96), s.EventsIn.Has(101), s.Encrypted, s.ClockHz)
		}
		if got != want {
			t.Errorf("joined %s, want %s", got, want)
		}
	}
	check("closed")
	s := spec(1, Callee)
	s.EventsIn, s.Encrypted = set(96), true
	open(t, table, relay, s)
	check("true false true 8000")
	s = spec(2, Callee)
	s.ClockHz = 48000
	open(t, table, relay, s)
	check("true true false 48000")
	table.Close(relay, 2)
	check("true false true 8000")
	table.Close(relay, 1)
	check("closed")
}

// TestMixed: ports of calls that are live at once are mixed, those of calls one
// after the other are not, though the first still settles.
func TestMixed(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(1, Callee))
	table.End(relay, 1, true)
	open(t, table, relay, spec(2, Callee))
	if table.Mixed(relay, 1) || table.Mixed(relay, 2) {
		t.Error("mixed although the first was over")
	}
	open(t, table, relay, spec(3, Callee))
	if table.Mixed(relay, 1) || !table.Mixed(relay, 2) || !table.Mixed(relay, 3) || table.Stats.Mixed != 1 {
		t.Error("the second and third were live at once")
	}
}

func TestLast(t *testing.T) {
	table := NewTable(Options{})
	table.Open(relay, spec(1, Callee), second)
	table.Open(phone, spec(1, Caller), second)
	check := func(what string, owner uint64, seen []Observed, to, from int64) {
		t.Helper()
		if got := table.Last(relay, owner, seen); got != [2]int64{to, from} {
			t.Errorf("%s: %v, want %d and %d", what, got, to, from)
		}
	}
	check("nothing", 1, nil, 0, 0)
	check("before it was announced", 1, []Observed{{Peer: phone, Counters: Counters{Packets: 1, Last: ms}}}, 0, 0)
	check("kernel", 1, []Observed{{Peer: phone, Counters: Counters{Packets: 1, Last: 2 * second}},
		{Peer: nat, Reverse: true, Counters: Counters{Packets: 1, Last: 3 * second}}}, 2*second, 3*second)
	check("no RTP", 1, []Observed{{OtherLast: 4 * second}}, 4*second, 0)
	fax := voice(phone, relay, 1, 1, 1)[0]
	fax.Payload, fax.Time = []byte{0, 1, 2, 3}, 5*second
	table.Packet(fax)
	check("fax", 1, nil, 5*second, 0)
	table.Open(relay, spec(2, Callee), 6*second)
	table.Open(carrier, spec(2, Caller), 6*second)
	at := []Observed{{Peer: carrier, Counters: Counters{Packets: 1, Last: 7 * second}}}
	check("another call's", 1, at, 5*second, 0)
	check("its own", 2, at, 7*second, 0)
	at[0].Peer = nat
	check("either one's", 1, at, 7*second, 0)
	check("either one's", 2, at, 7*second, 0)
}
