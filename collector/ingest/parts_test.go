package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

func TestLiveTable(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	tab := newTable(2, 1000)
	for _, c := range []struct {
		name, node, kind, payload string
		at                        int
		ok                        bool
	}{
		{"live", "a", "live", `{"node":"a","time_unix_ms":5,"live_setup":1,"customers":[{"id":"c","live_setup":1}]}`, 1, true},
		{"what a newer agent says", "a", "live", `{"node":"a","live_setup":2,"moon":"full"}`, 2, true},
		{"state", "a", "state", `{"node":"a","state":"up"}`, 3, true},
		{"another's", "a", "live", `{"node":"b"}`, 4, false},
		{"nobody's", "a", "live", `{}`, 4, false},
		{"state of another", "a", "state", `{"node":"b","state":"down"}`, 4, false},
		{"state that is none", "a", "state", `{"node":"a","state":"gone"}`, 4, false},
		{"below zero", "a", "live", `{"node":"a","live_setup":-1}`, 4, false},
		{"words for numbers", "a", "live", `{"node":"a","live_setup":"1"}`, 4, false},
		{"two values", "a", "live", `{"node":"a"}{}`, 4, false},
		{"list", "a", "live", `[]`, 4, false},
		{"cut", "a", "live", `{"node":"a"`, 4, false},
		{"nothing", "a", "live", ``, 4, false},
		{"too many parties", "a", "live", `{"node":"a","carriers":[{}` + strings.Repeat(",{}", maxParties) + `]}`, 4, false},
		{"second", "b", "live", `{"node":"b"}`, 5, true},
		{"no room", "c", "live", `{"node":"c"}`, 6, false},
		{"room of one that is silent", "c", "live", `{"node":"c"}`, 605, true},
	} {
		set := tab.setLive
		if c.kind == "state" {
			set = tab.setState
		}
		if err := set(c.node, []byte(c.payload), at(c.at)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.name == "nothing" {
			a, _ := tab.get("a")
			diff(t, "a", Node{ID: "a", Live: &record.Live{Node: "a", LiveSetup: 2}, LiveAt: at(2), State: &record.State{Node: "a", State: "up"}, StateAt: at(3)}, a)
		}
	}
	var ids []string
	for _, n := range tab.list() {
		ids = append(ids, n.ID)
	}
	diff(t, "nodes", []string{"b", "c"}, ids)
	if err := tab.setState("b", nil, at(700)); err != nil {
		t.Error(err)
	}
	if err := tab.setState("c", nil, at(700)); err != nil {
		t.Error(err)
	}
	if tab.count() != 0 || tab.size != 0 {
		t.Errorf("%d nodes, %d bytes after all were cleared", tab.count(), tab.size)
	}
}

func TestLiveTableBytes(t *testing.T) {
	tab := newTable(100, 60)
	for n := range 10 {
		id := fmt.Sprintf("n%d", n)
		err := tab.setLive(id, []byte(`{"node":"`+id+`"}`), time.Unix(1, 0)) // 13 bytes
		if want := n >= 5; errors.Is(err, errFull) != want {
			t.Errorf("node %d: %v", n, err)
		}
	}
}

func TestOutbox(t *testing.T) {
	ack := func(id string, hello int64, cursors ...*record.Cursor) *record.Ack {
		return &record.Ack{StoreId: id, HelloUnixMs: hello, Cursors: cursors}
	}
	cur := func(epoch, n uint64) *record.Cursor {
		return record.NewCursor(epoch, calls, record.Ranges{{First: 1, Last: n}})
	}
	o := newOutbox(2)
	first := ack("s", 7, cur(1, 5), cur(2, 5))
	o.put("a", first)
	o.put("b", ack("s", 0, cur(1, 1)))
	o.put("a", ack("s", 0, cur(2, 9)))
	if o.put("c", ack("s", 0)) {
		t.Error("beyond its bound")
	}
	node, a := o.take()
	got := map[uint64]uint64{}
	for _, c := range a.GetCursors() {
		got[c.GetEpoch()] = c.GetContiguous()
	}
	if node != "a" || a.GetHelloUnixMs() != 7 {
		t.Errorf("%s: %v", node, a)
	}
	diff(t, "merged", map[uint64]uint64{1: 5, 2: 9}, got)
	if first.GetCursors()[1].GetContiguous() != 5 || len(first.GetCursors()) != 2 {
		t.Error("an ack that others may hold was changed")
	}
	o.put("b", ack("restored", 0, cur(3, 1)))
	if _, b := o.take(); len(b.GetCursors()) != 1 || b.GetStoreId() != "restored" {
		t.Errorf("histories were mixed: %v", b)
	}
	o.put("a", ack("s", 0))
	o.clear()
	if node, _ := o.take(); node != "" {
		t.Error("not cleared")
	}
}

func TestDamagedIsBounded(t *testing.T) {
	d := newDamaged(8)
	for n := range 1000 {
		if d.third("a", fmt.Append(nil, n)) {
			t.Error("a third that was the first")
		}
	}
	if len(d.n) > 8 {
		t.Errorf("%d are remembered", len(d.n))
	}
	x := []byte("x")
	if d.third("a", x) || d.third("b", x) || d.third("a", x) || !d.third("a", x) || d.third("a", x) {
		t.Error("only the third of one node counts")
	}
}

func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(10, time.Second)
	for n := range uint64(100) {
		var done record.Ranges
		for k := range uint64(2 * maxBeyond) {
			done.Add(record.Range{First: 2*k + 2, Last: 2*k + 2})
		}
		c := record.NewCursor(n, calls, done)
		l.heard(fmt.Sprint(n), time.Unix(0, 0))
		l.state("a", []*record.Cursor{c}, time.Unix(0, 0))
		l.state("a", []*record.Cursor{c}, time.Unix(2, 0))
		if len(c.GetBeyond()) > maxBeyond || len(c.GetNeed()) != maxNeed {
			t.Fatalf("ack with %d ranges and %d needs", len(c.GetBeyond()), len(c.GetNeed()))
		}
	}
	if len(l.done) > 10 || len(l.gaps) > 10 || len(l.nodes) > 10 {
		t.Errorf("%d, %d, %d entries", len(l.done), len(l.gaps), len(l.nodes))
	}
}

// TestAcksBecomeOne: what asks while the store is busy is answered once.
func TestAcksBecomeOne(t *testing.T) {
	s, in := newMemory(), newInbox()
	i, err := New(config(s))
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(1000) {
		i.acks.touch("a", n%5, in)
	}
	for n := range maxEpochs + 10 {
		i.acks.touch("b", uint64(n), in)
	}
	run(t, i.Run)
	in.await(t, "a", func(a *record.Ack) bool { return len(a.GetCursors()) == 10 })
	in.await(t, "b", func(a *record.Ack) bool { return len(a.GetCursors()) == 2*maxEpochs })
	if len(in.acks["a"]) != 1 || len(in.acks["b"]) != 1 {
		t.Errorf("%d and %d acks", len(in.acks["a"]), len(in.acks["b"]))
	}
}

func TestNodesWithoutRoomForAnAckAreCounted(t *testing.T) {
	cfg := config(newMemory())
	cfg.MaxNodes = 3
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		i.acks.touch(fmt.Sprint(n), 1, newInbox())
	}
	if got, most := i.Stats().Unanswered, uint64(100-3*len(i.acks.shards)); got != most {
		t.Errorf("%d unanswered, not %d", got, most)
	}
}

func TestAckThatTheStoreCannotGive(t *testing.T) {
	s, in := newMemory(), newInbox()
	s.failing = errors.New("away")
	i := start(t, config(s))
	i.deliver(t.Context(), in, record.Topic("a", "hello"), hello(t, 1, 5), func() {})
	eventually(t, func() bool { return i.Stats().Unanswered == 1 })
	s.set(func(s *memory) { s.failing = nil })
	i.deliver(t.Context(), in, record.Topic("a", "hello"), hello(t, 1, 6), func() {})
	in.await(t, "a", func(a *record.Ack) bool { return a.GetHelloUnixMs() == 6 })
}

// burner cannot even bury.
type burner struct{ *memory }

func (burner) Bury(context.Context, string, *record.Header, []byte, string) error {
	return poisonError{}
}

func TestWhatCannotBeSetAsideBlocksNobody(t *testing.T) {
	s, in := newMemory(), newInbox()
	cfg := config(s)
	cfg.Store = burner{s}
	i := start(t, cfg)
	i.deliver(t.Context(), in, data("a"), batch(t, 7, 1, "poison"), func() {})
	i.deliver(t.Context(), in, data("b"), batch(t, 7, 1, "x"), func() {})
	in.await(t, "b", covers(7, 1))
	eventually(t, func() bool { return i.Stats().Unburied == 1 && i.Stats().QueueBytes == 0 })
	if s.has("a", 7, calls).Len() != 0 {
		t.Error("done, and nowhere")
	}
}

// TestManyAtOnce delivers from many goroutines, as paho does: everything is
// stored once and acked to the broker once.
func TestManyAtOnce(t *testing.T) {
	s, in := newMemory(), newInbox()
	cfg := config(s)
	cfg.QueueBytes, cfg.GroupRecords = 20_000, 50
	i := start(t, cfg)
	const nodes, batches = 20, 50
	var wg, acked sync.WaitGroup
	acked.Add(2 * nodes * batches)
	for n := range nodes {
		for k := range uint64(batches) {
			for range 2 { // everything comes twice
				wg.Go(func() {
					if !i.deliver(t.Context(), in, data(fmt.Sprint(n)), batch(t, 3, 2*k+1, "x", "y"), acked.Done) {
						t.Error("turned away")
					}
				})
			}
		}
	}
	wg.Wait()
	acked.Wait()
	for n := range nodes {
		in.await(t, fmt.Sprint(n), covers(3, 2*batches))
	}
	if s.stored != 2*nodes*batches {
		t.Errorf("%d rows", s.stored)
	}
	settled(t, i)
	if st := i.Stats(); st.QueueBytes != 0 || st.QueueWaiting != 0 || st.Records != 4*nodes*batches {
		t.Errorf("stats %+v", st)
	}
}

func FuzzDeliver(f *testing.F) {
	f.Add("sipward/v1/a/data/calls", batch(f, 7, 1, "x", "y"), false)
	f.Add("sipward/v1/a/data/telemetry", pack(f, record.Header{Version: 1, Codec: record.Plain, Stream: record.Telemetry, Epoch: 1, First: 9}, "x"), true)
	f.Add("sipward/v1/a/hello", hello(f, 1, 2), false)
	f.Add("sipward/v1/a/live", []byte(`{"node":"a","customers":[{"id":"x"}]}`), false)
	f.Add("sipward/v1/a/state", []byte(`{"node":"a","state":"up","spool":{"bytes":1}}`), false)
	f.Add("sipward/v1/", []byte{}, false)
	u, err := newUnpacker()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte, seal bool) {
		if seal && len(payload) >= record.HeaderSize { // so that more than the checksum is tried
			payload = resealed(payload, func([]byte) {})
		}
		i, err := New(config(newMemory()))
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		if !i.deliver(t.Context(), newInbox(), topic, payload, func() { done++ }) {
			t.Fatal("turned away from an empty queue")
		}
		select {
		case m := <-i.queue.ch:
			i.unpack(u, m)
			if (m.batch == nil) == (m.bury == "") {
				t.Error("neither good nor bad, or both")
			}
			if m.batch != nil && uint32(len(m.batch.Records)) != m.header.Count {
				t.Error("count")
			}
			i.queue.release(m)
		default:
			if done != 1 {
				t.Errorf("done %d times", done)
			}
		}
		if i.queue.used.Load() != 0 || i.stats.panics.Load() != 0 {
			t.Errorf("%d bytes left, %d panics", i.queue.used.Load(), i.stats.panics.Load())
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	for _, n := range []int{100, 500} {
		ids := make([]string, n)
		for k := range ids {
			ids[k] = fmt.Sprintf("call-%d@host.example", k)
		}
		raw := batch(b, 7, 1, ids...)
		h, body, err := record.Open(raw)
		if err != nil {
			b.Fatal(err)
		}
		m := &message{node: "a", header: &h, body: body, raw: raw}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			u, err := newUnpacker()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := u.read(m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// nothing is a store that costs nothing.
type nothing struct{}

func (nothing) ID() string                                         { return "x" }
func (nothing) Commit(context.Context, []*record.Received) error   { return nil }
func (nothing) Hello(context.Context, string, *record.Hello) error { return nil }
func (nothing) Bury(context.Context, string, *record.Header, []byte, string) error {
	return nil
}

func (nothing) Cursors(context.Context, string, []uint64) ([]*record.Cursor, error) {
	return nil, nil
}

// BenchmarkIngest measures all but the network and the store, per batch of 500.
func BenchmarkIngest(b *testing.B) {
	i, err := New(Config{Store: nothing{}, Local: nowhere{}})
	if err != nil {
		b.Fatal(err)
	}
	run(b, i.Run)
	ids := make([]string, 500)
	for k := range ids {
		ids[k] = fmt.Sprintf("call-%d@host.example", k)
	}
	raw := batch(b, 7, 1, ids...)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range b.N {
		wg.Add(1)
		i.deliver(b.Context(), discard{}, data("a"), raw, wg.Done)
	}
	wg.Wait()
	b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "records/s")
}

type discard struct{}

func (discard) post(string, *record.Ack) {}
