package media

import (
	"slices"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

func TestOpenAndClose(t *testing.T) {
	table := NewTable(Options{})
	if table.Open(packet.Endpoint{}, spec(1, Caller), 0) || table.Open(relay, Spec{}, 0) {
		t.Error("an announcement without endpoint or owner was taken")
	}
	open(t, table, relay, spec(1, Caller))
	if got := table.Close(relay, 2); got != nil {
		t.Errorf("another owner closed it: %v", got)
	}
	feed(table, voice(phone, relay, 9, 1, 5))
	got := table.Close(relay, 1)
	if len(got) != 1 || got[0].Packets != 5 || got[0].Spec().Owner != 1 {
		t.Errorf("closed %+v", got)
	}
	if v := feed(table, voice(phone, relay, 9, 6, 5)); v.Kind != NotMedia || table.Len() != 0 || table.Stats.RTP != 5 {
		t.Errorf("after the close: %v, %d endpoints, %+v", v.Kind, table.Len(), table.Stats)
	}
	if table.Close(relay, 1) != nil {
		t.Error("it could be closed twice")
	}
}

func TestSameEndpointSeveralOwners(t *testing.T) {
	table := NewTable(Options{Streams: 100})
	owners := func() uint64 { return table.Packet(voice(phone, relay, 9, 1, 1)[0]).Owner }
	var got []uint64
	open(t, table, relay, spec(1, Callee))
	got = append(got, owners())
	open(t, table, relay, spec(2, Callee))
	got = append(got, owners(), owners())
	open(t, table, relay, spec(3, Callee))
	open(t, table, relay, spec(1, Callee)) // a re-INVITE does not make it newest
	got = append(got, owners())
	table.Close(relay, 2)
	got = append(got, owners())
	table.Close(relay, 3)
	got = append(got, owners())
	if want := []uint64{1, 2, 2, 3, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("owners %v, want %v", got, want)
	}
	if f := only(t, table, relay, 1); f.Packets != 2 {
		t.Errorf("the first owner has %d packets", f.Packets)
	}
	if table.Stats.Streams != 1 || table.Stats.RTP != 6 {
		t.Errorf("one stream counted as %d, packets %d", table.Stats.Streams, table.Stats.RTP)
	}
}

// TestSharedPortIsToldApartByTheOtherEnd has two calls to one media port, as a
// load generator answers them, from two phones: the newer call must not take
// the packets of the older one.
func TestSharedPortIsToldApartByTheOtherEnd(t *testing.T) {
	table := NewTable(Options{})
	phones := []packet.Endpoint{at("192.0.2.1:4000"), at("192.0.2.2:4000"), at("192.0.2.3:4000")}
	for i, ep := range phones {
		owner := uint64(i + 1)
		open(t, table, ep, spec(owner, Caller))
		open(t, table, relay, spec(owner, Callee))
	}
	for seq := range 10 {
		for i, ep := range phones {
			feed(table, voice(ep, relay, uint32(i), seq, 1), voice(relay, ep, uint32(i), seq, 1))
		}
	}
	for i, ep := range phones {
		if f := only(t, table, relay, uint64(i+1)); f.Packets != 10 || f.Src != ep {
			t.Errorf("phone %d: %d packets from %v", i, f.Packets, f.Src)
		}
	}
}

// TestOneMediaPortForAllCalls has both ends on one port each, thousands of
// calls at a time, and every call closed in the order it was opened.
func TestOneMediaPortForAllCalls(t *testing.T) {
	const calls = 3000
	table := NewTable(Options{})
	for i := range calls {
		owner := uint64(i + 1)
		open(t, table, phone, spec(owner, Caller))
		open(t, table, relay, spec(owner, Callee))
		if v := feed(table, voice(phone, relay, 9, i, 1)); v.Owner != owner {
			t.Fatalf("call %d: packet went to %d", owner, v.Owner)
		}
	}
	for i := range calls {
		owner := uint64(i + 1)
		if got := table.Close(relay, owner); len(got) != 1 || got[0].Packets != 1 {
			t.Fatalf("call %d: %v", owner, got)
		}
		table.Close(phone, owner)
	}
	if table.Len() != 0 || table.owners != 0 || table.flows != 0 {
		t.Errorf("left: %d endpoints, %d owners, %d flows", table.Len(), table.owners, table.flows)
	}
}

func TestReplacedAnnouncement(t *testing.T) {
	table := NewTable(Options{Digits: true})
	s := spec(1, Callee)
	s.EventsIn = set(96)
	open(t, table, relay, s)
	feed(table, key(phone, relay, 9, 800, 1)) // type 101 means nothing yet
	s.EventsIn = set(101)
	open(t, table, relay, s) // the flow goes on with the new types
	feed(table, key(phone, relay, 9, 8000, 2))
	if f := only(t, table, relay, 1); f.Digits() != "2" || f.Packets != 12 {
		t.Errorf("digits %q, packets %d", f.Digits(), f.Packets)
	}
}

func TestSSRCChange(t *testing.T) {
	table := NewTable(Options{Digits: true})
	open(t, table, relay, spec(1, Callee))
	feed(table, voice(phone, relay, 1, 60000, 50), numbered(60050, key(phone, relay, 1, 800, 1)),
		voice(phone, relay, 2, 5, 50), numbered(55, key(phone, relay, 2, 800, 1)), voice(phone, relay, 1, 60056, 1))
	got := Summarize(table.Close(relay, 1), Callee, 0)
	if got.Packets != 113 || got.Restarts != 1 || got.Streams != 2 || got.Digits != "11" {
		t.Errorf("summary %+v", got)
	}
	if got.Lost != 0 {
		t.Errorf("%d lost where none was", got.Lost)
	}
}

func TestFlowsAreBounded(t *testing.T) {
	table := NewTable(Options{Flows: 4, Digits: true})
	open(t, table, relay, spec(1, Callee))
	real := voice(phone, relay, 1, 1, 100)
	feed(table, key(phone, relay, 77, 800, 6)) // will be the one idle longest
	for i, p := range real {
		table.Packet(p)
		sprayed := voice(phone, relay, uint32(1000+i), i+1, 1)
		feed(table, sprayed, voice(relay, nat, uint32(1000+i), i+1, 1))
	}
	flows := table.Close(relay, 1)
	if len(flows) != 6 {
		t.Fatalf("%d flows, want 4 and the sum of the others for each direction", len(flows))
	}
	var all Counters
	presses := 0
	for _, f := range flows {
		all.add(&f.Counters)
		presses += f.Presses()
		if f.SSRC == 1 && f.Packets != 100 {
			t.Errorf("the real stream has %d packets", f.Packets)
		}
	}
	if all.Packets != 306 || presses != 1 || table.Stats.RTP != 306 {
		t.Errorf("packets %d, presses %d, total %d", all.Packets, presses, table.Stats.RTP)
	}
	if table.Stats.FoldedFlows == 0 || table.flows != 0 {
		t.Errorf("folded %d, flows left %d", table.Stats.FoldedFlows, table.flows)
	}
	if to := Summarize(flows, Callee, 0); to.Packets != 206 || to.Digits != "6" || to.Streams != 102 {
		t.Errorf("to the callee: %+v", to)
	}
}

func TestTheFloodOfSSRCsDoesNotAllocate(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(1, Callee))
	p := voice(phone, relay, 1, 1, 1)[0]
	i := byte(0)
	next := func() {
		i++
		p.Payload[11], p.Time = i, p.Time+ms
		table.Packet(p)
	}
	for range 100 {
		next()
	}
	if allocs := testing.AllocsPerRun(1000, next); allocs != 0 {
		t.Errorf("%v allocations a packet", allocs)
	}
}

func TestBounds(t *testing.T) {
	table := NewTable(Options{Endpoints: 2, Owners: 3, AllFlows: 2})
	third := at("192.0.2.1:1")
	steps := []struct {
		ep    packet.Endpoint
		owner uint64
		want  bool
	}{{phone, 1, true}, {relay, 1, true}, {third, 1, false}, {relay, 2, true}, {relay, 3, false}, {relay, 2, true}}
	for i, s := range steps {
		if got := table.Open(s.ep, spec(s.owner, Caller), 0); got != s.want {
			t.Errorf("step %d: %v, want %v", i, got, s.want)
		}
	}
	if table.Stats.RefusedEndpoints != 2 {
		t.Errorf("refused %d, want 2", table.Stats.RefusedEndpoints)
	}
	table.Close(relay, 2)
	for ssrc := range uint32(5) {
		feed(table, voice(carrier, phone, ssrc, 1, 1), voice(carrier, relay, ssrc, 1, 1))
	}
	if table.flows != 2 || table.Stats.RTP != 10 || table.Stats.FoldedFlows != 8 {
		t.Errorf("%d flows, stats %+v", table.flows, table.Stats)
	}
	table.Close(phone, 1)
	if !table.Open(third, spec(1, Caller), 0) {
		t.Error("no room after a close")
	}
}

func TestKeepClosed(t *testing.T) {
	table := NewTable(Options{KeepClosed: true, Streams: 100})
	open(t, table, relay, spec(1, Callee))
	feed(table, voice(phone, relay, 1, 1, 3))
	table.Close(relay, 1)
	v := feed(table, voice(phone, relay, 1, 4, 3), voice(phone, relay, 2, 1, 2))
	if v.Kind != RTP || v.Owner != 0 || v.Flow != nil {
		t.Errorf("verdict %+v", v)
	}
	if table.Stats.RTP != 8 || table.Stats.Streams != 2 {
		t.Errorf("stats %+v", table.Stats)
	}
	open(t, table, relay, spec(2, Callee))
	if v := feed(table, voice(phone, relay, 2, 3, 1)); v.Owner != 2 || table.Stats.Streams != 2 {
		t.Errorf("verdict %+v, stats %+v", v, table.Stats)
	}
}

// What nobody owns is counted where closed endpoints are, and handed to the
// first who announces it.
func TestNote(t *testing.T) {
	live := NewTable(Options{})
	if live.Note(relay, &Spec{}); live.Len() != 0 {
		t.Error("noted without KeepClosed")
	}
	table := NewTable(Options{KeepClosed: true, Streams: 100, Endpoints: 1})
	table.Note(packet.Endpoint{}, &Spec{})
	table.Note(relay, &Spec{})
	table.Note(relay, &Spec{})
	table.Note(phone, &Spec{})
	if table.Len() != 1 || table.Stats.RefusedEndpoints != 1 {
		t.Errorf("%d endpoints, %+v", table.Len(), table.Stats)
	}
	if v := feed(table, voice(phone, relay, 1, 1, 5)); v.Kind != RTP || v.Flow != nil || v.Owner != 0 {
		t.Errorf("noted: %+v", v)
	}
	open(t, table, relay, spec(1, Callee))
	if v := feed(table, voice(phone, relay, 1, 6, 5)); v.Owner != 1 || v.Flow.Packets != 5 {
		t.Errorf("announced: %+v", v)
	}
	table = NewTable(Options{KeepClosed: true, Streams: 100})
	table.Note(phone, &Spec{})
	open(t, table, relay, spec(1, Callee))
	if v := feed(table, voice(relay, phone, 1, 6, 5)); v.Owner != 1 || !v.Flow.Reverse {
		t.Errorf("from an owned endpoint to a noted one: %+v", v)
	}
	feed(table, voice(phone, relay, 1, 1, 5))
	table.Note(relay, &Spec{})
	if table.Stats.RTP != 10 || table.Stats.Streams != 2 {
		t.Errorf("%+v", table.Stats)
	}
}
