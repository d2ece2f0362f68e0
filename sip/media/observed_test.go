package media

import "testing"

// TestObserved has the kernel count all packets while this table sees only the
// telephone-events among them, and looks twice.
func TestObserved(t *testing.T) {
	table := NewTable(Options{Digits: true})
	open(t, table, relay, spec(1, Callee))
	feed(table, key(phone, relay, 5, 800, 3))
	for _, packets := range []uint64{100, 250} {
		table.Observe(relay, 1, []Observed{
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
	table := NewTable(Options{})
	table.Observe(relay, 1, []Observed{{Peer: phone, Counters: Counters{Packets: 1}}})
	open(t, table, relay, spec(1, Callee))
	table.Observe(relay, 2, []Observed{{Peer: phone, Counters: Counters{Packets: 1}}})
	if got := table.Close(relay, 1); len(got) != 0 || table.Stats.Streams != 0 {
		t.Errorf("flows %v", got)
	}
}

func TestCurrent(t *testing.T) {
	table := NewTable(Options{KeepClosed: true})
	check := func(want uint64) {
		t.Helper()
		owner, open := table.Owner(relay)
		s, current := table.Current(relay)
		if owner != want || s.Owner != want || open != (want != 0) || current != open {
			t.Errorf("owner %d, current %d, open %v; want %d", owner, s.Owner, open, want)
		}
	}
	check(0)
	open(t, table, relay, spec(1, Callee))
	check(1)
	open(t, table, relay, spec(2, Callee))
	check(2)
	table.Close(relay, 2)
	check(1)
	table.Close(relay, 1)
	check(0)
}
