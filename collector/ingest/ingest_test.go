package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/sync/record"
)

const calls = record.Calls

func data(node string) string { return record.Topic(node, record.TopicData+"calls") }

func covers(epoch uint64, last uint64) func(*record.Ack) bool {
	return func(a *record.Ack) bool {
		for _, c := range a.GetCursors() {
			if c.GetEpoch() == epoch && c.GetStream() == uint32(calls) && c.GetContiguous() >= last {
				return true
			}
		}
		return false
	}
}

func TestCommitThenAck(t *testing.T) {
	s, in := newMemory(), newInbox()
	i := start(t, config(s))
	var acked atomic.Int32
	for n := range 5 {
		if !i.deliver(t.Context(), in, data("a"), batch(t, 7, uint64(n*2+1), "x", "y"), func() { acked.Add(1) }) {
			t.Fatal("no room")
		}
	}
	a := in.await(t, "a", covers(7, 10))
	if a.GetStoreId() != "store-1" || a.GetCollector() != "test" || a.GetCreditBytes() == 0 || a.GetVersion() != record.Version {
		t.Errorf("ack %v", a)
	}
	settled(t, i)
	diff(t, "committed", record.Ranges{{First: 1, Last: 10}}, s.has("a", 7, calls))
	diff(t, "acked to the broker", int32(5), acked.Load())
	if st := i.Stats(); st.Records != 10 || st.Batches != 5 || st.QueueBytes != 0 || st.Commits.Count == 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestDuplicatesAreCounted(t *testing.T) {
	s, in := newMemory(), newInbox()
	i := start(t, config(s))
	b := batch(t, 7, 1, "x", "y")
	i.deliver(t.Context(), in, data("a"), b, func() {})
	in.await(t, "a", covers(7, 2))
	again := make(chan struct{})
	i.deliver(t.Context(), in, data("a"), b, func() { close(again) })
	<-again
	i.deliver(t.Context(), in, data("a"), batch(t, 7, 3, "z"), func() {})
	in.await(t, "a", covers(7, 3))
	settled(t, i)
	if st := i.Stats(); st.Duplicates != 2 || s.stored != 3 {
		t.Errorf("%d duplicates, %d rows", st.Duplicates, s.stored)
	}
}

func TestHelloIsAnsweredAtOnce(t *testing.T) {
	s, in := newMemory(), newInbox()
	s.done[key{"a", 3, calls}] = record.Ranges{{First: 1, Last: 4}, {First: 9, Last: 9}}
	i := start(t, config(s))
	h, err := record.EncodeMessage(&record.Hello{Version: record.Version, Epoch: 5, SentUnixMs: 77, Held: []*record.Held{{Epoch: 3, Stream: 1, First: 2, Last: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	i.deliver(t.Context(), in, record.Topic("a", record.TopicHello), h, func() {})
	a := in.await(t, "a", func(a *record.Ack) bool { return a.GetHelloUnixMs() == 77 })
	got := map[uint64][]record.Ranges{}
	for _, c := range a.GetCursors() {
		got[c.GetEpoch()] = append(got[c.GetEpoch()], c.Done())
	}
	diff(t, "cursors", map[uint64][]record.Ranges{
		3: {{{First: 1, Last: 4}, {First: 9, Last: 9}}, nil}, 5: {nil, nil},
	}, got)
	if s.hellos["a"].GetEpoch() != 5 {
		t.Error("the store was not told")
	}
}

func TestGapsAreAskedFor(t *testing.T) {
	l := newLedger(10, 10*time.Second)
	t0 := time.Unix(1000, 0)
	need := func(at time.Duration, done ...record.Range) (need []record.Range) {
		c := record.NewCursor(1, calls, done)
		l.state("a", []*record.Cursor{c}, t0.Add(at))
		for _, s := range c.GetNeed() {
			need = append(need, record.Range{First: s.GetFirst(), Last: s.GetLast()})
		}
		return need
	}
	s := time.Second
	for _, c := range []struct {
		at   time.Duration
		done []record.Range
		want []record.Range
	}{
		{0, []record.Range{{First: 1, Last: 5}, {First: 10, Last: 12}}, nil},
		{5 * s, []record.Range{{First: 1, Last: 5}, {First: 10, Last: 12}, {First: 20, Last: 21}}, nil},
		{10 * s, []record.Range{{First: 1, Last: 5}, {First: 7, Last: 7}, {First: 10, Last: 12}, {First: 20, Last: 21}}, []record.Range{{First: 6, Last: 6}, {First: 8, Last: 9}}},
		{15 * s, []record.Range{{First: 1, Last: 12}, {First: 20, Last: 21}}, []record.Range{{First: 13, Last: 19}}},
		{16 * s, []record.Range{{First: 1, Last: 21}}, nil},
		{17 * s, []record.Range{{First: 1, Last: 21}, {First: 30, Last: 30}}, nil},
		{27 * s, []record.Range{{First: 1, Last: 21}, {First: 30, Last: 30}}, []record.Range{{First: 22, Last: 29}}},
	} {
		diff(t, c.at.String(), c.want, need(c.at, c.done...))
	}
}

func TestFailingStoreIsTriedAgain(t *testing.T) {
	s, in := newMemory(), newInbox()
	s.failing = errors.New("the database is away")
	i, err := New(config(s))
	if err != nil {
		t.Fatal(err)
	}
	i.retry = backoff.Backoff{First: time.Millisecond, Most: 2 * time.Millisecond}
	run(t, i.Run)
	var acked atomic.Bool
	i.deliver(t.Context(), in, data("a"), batch(t, 7, 1, "x"), func() { acked.Store(true) })
	eventually(t, func() bool { return i.Stats().Retries >= 5 })
	if acked.Load() || !i.Stats().StoreFailing {
		t.Error("acked what is not stored")
	}
	s.set(func(s *memory) { s.failing = nil })
	in.await(t, "a", covers(7, 1))
	if len(s.dead) != 0 {
		t.Errorf("buried %v", s.dead)
	}
}

func TestPoisonIsSetAsideAlone(t *testing.T) {
	for _, word := range []string{"poison", "panic"} {
		t.Run(word, func(t *testing.T) {
			s, in := newMemory(), newInbox()
			s.gate = make(chan struct{})
			i := start(t, config(s))
			i.deliver(t.Context(), in, data("a"), batch(t, 7, 1, "x"), func() {}) // holds the committer
			i.deliver(t.Context(), in, data("a"), batch(t, 7, 2, "y", "y"), func() {})
			i.deliver(t.Context(), in, data("b"), batch(t, 7, 1, "z", word), func() {})
			i.deliver(t.Context(), in, data("c"), batch(t, 7, 1, "z"), func() {})
			close(s.gate)
			in.await(t, "a", covers(7, 3))
			in.await(t, "b", covers(7, 2))
			in.await(t, "c", covers(7, 1))
			s.set(func(s *memory) {
				if len(s.dead) != 1 || s.dead[0].Node != "b" || s.dead[0].Range != (record.Range{First: 1, Last: 2}) || !strings.HasPrefix(s.dead[0].Reason, "refused 3 times") {
					t.Errorf("buried %+v", s.dead)
				}
				if s.stored != 4 {
					t.Errorf("%d rows", s.stored)
				}
			})
			settled(t, i)
			if st := i.Stats(); st.Buried != 1 || st.QueueBytes != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// resealed changes a message and gives it a good checksum again.
func resealed(message []byte, change func([]byte)) []byte {
	m := bytes.Clone(message)
	change(m)
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.BigEndian.PutUint32(m[40:], crc32.Update(crc32.Checksum(m[:40], table), table, m[record.HeaderSize:]))
	return m
}

func TestWhatCannotBeReadIsSetAside(t *testing.T) {
	good := batch(t, 7, 1, "x", "y")
	huge := encoder.EncodeAll(make([]byte, 64<<20), make([]byte, record.HeaderSize))
	bomb := bytes.Clone(huge)
	(&record.Header{Version: record.Version, Codec: record.Zstd, Stream: calls, Epoch: 7, First: 1, Count: 2, BodySize: 1000}).Seal(bomb)
	lie := bytes.Clone(huge)
	(&record.Header{Version: record.Version, Codec: record.Zstd, Stream: calls, Epoch: 7, First: 1, Count: 2, BodySize: record.MaxBody}).Seal(lie)
	whole := record.Range{First: 1, Last: 2}
	for _, c := range []struct {
		name, topic string
		raw         []byte
		reason      string
		r           record.Range
	}{
		{"version", "calls", resealed(good, func(b []byte) { b[4] = 9 }), "version 9", whole},
		{"codec", "calls", resealed(good, func(b []byte) { b[5] = 7 }), "codec 7", whole},
		{"topic of another stream", "telemetry", good, "stream calls on the topic", whole},
		{"unknown topic", "sums", good, "stream calls on the topic", whole},
		{"bomb", "calls", bomb, "more than the 1000 bytes", whole},
		{"bomb at the limit", "calls", lie, "unpacking", whole},
		{"cut", "calls", resealed(good[:len(good)-3], func([]byte) {}), "unpacking", whole},
		{"not zstd", "calls", resealed(good, func(b []byte) { b[record.HeaderSize] ^= 0xff }), "unpacking", whole},
		{"not protobuf", "calls", resealed(good, func(b []byte) { b[5] = byte(record.Plain) }), "", whole},
		{"count", "calls", resealed(good, func(b []byte) { b[27] = 3 }), "2 records in a batch whose header says 3", record.Range{First: 1, Last: 3}},
		{"range", "calls", resealed(good, func(b []byte) { clear(b[16:24]) }), "numbers make no sense", record.Range{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, in := newMemory(), newInbox()
			i := start(t, config(s))
			done := make(chan struct{})
			i.deliver(t.Context(), in, record.Topic("a", record.TopicData+c.topic), c.raw, func() { close(done) })
			<-done
			s.set(func(s *memory) {
				if len(s.dead) != 1 {
					t.Fatalf("buried %d", len(s.dead))
				}
				d := s.dead[0]
				if d.Range != c.r || d.Raw != string(c.raw) || !strings.Contains(d.Reason, c.reason) {
					t.Errorf("buried %v, %q", d.Range, d.Reason)
				}
			})
			if c.r.Len() > 0 {
				in.await(t, "a", covers(7, c.r.Last))
			}
		})
	}
}

// TestTooLong: what is longer than any batch is not even queued.
func TestTooLong(t *testing.T) {
	s := newMemory()
	i := start(t, config(s))
	long := make([]byte, maxData+1)
	copy(long, batch(t, 7, 1, "x"))
	for range 3 {
		acked := false
		if !i.deliver(t.Context(), newInbox(), data("a"), long, func() { acked = true }) || !acked {
			t.Error("the broker would keep it")
		}
	}
	settled(t, i)
	if st := i.Stats(); st.Damaged != 3 || st.Buried != 0 || len(s.dead) != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestDamagedIsSetAsideTheThirdTime(t *testing.T) {
	s, in := newMemory(), newInbox()
	i := start(t, config(s))
	bad := batch(t, 7, 1, "x")
	bad[len(bad)-1] ^= 1
	for range 5 {
		done := make(chan struct{})
		i.deliver(t.Context(), in, data("a"), bad, func() { close(done) })
		<-done
	}
	i.deliver(t.Context(), in, data("a"), batch(t, 7, 1, "x"), func() {})
	in.await(t, "a", covers(7, 1))
	settled(t, i)
	if len(s.dead) != 1 || s.dead[0].Range.Len() != 0 {
		t.Errorf("buried %+v", s.dead)
	}
	if st := i.Stats(); st.Damaged != 5 || st.Buried != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestFullQueueHoldsBack(t *testing.T) {
	s, in := newMemory(), newInbox()
	s.gate = make(chan struct{})
	cfg := config(s)
	cfg.QueueBytes = 20_000
	i := start(t, cfg)
	full := i.credit()
	var acked, taken atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	n := uint64(0)
	for {
		n++
		done := make(chan bool, 1)
		go func() { done <- i.deliver(ctx, in, data("a"), batch(t, 7, n, "x"), func() { acked.Add(1) }) }()
		eventually(t, func() bool { return i.Stats().QueueWaiting > 0 || len(done) > 0 })
		if len(done) == 0 {
			break
		}
		if !<-done {
			t.Fatal("turned away before it was full")
		}
		taken.Add(1)
	}
	if st := i.Stats(); st.QueueBytes > cfg.QueueBytes || st.QueueBytes < cfg.QueueBytes-2000 || acked.Load() != 0 {
		t.Errorf("%d bytes queued, %d acked", st.QueueBytes, acked.Load())
	}
	if i.credit() > full {
		t.Error("the credit grew")
	}
	cancel() // its connection is lost: nobody acks it
	eventually(t, func() bool { return i.Stats().TurnedAway > 0 })
	close(s.gate)
	in.await(t, "a", covers(7, uint64(taken.Load())))
	settled(t, i)
	diff(t, "acked", taken.Load(), acked.Load())
}

func TestCreditShrinks(t *testing.T) {
	cfg := config(newMemory())
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "empty", uint64(8<<20), i.credit())
	m := &message{cost: i.queue.size - 1<<20}
	i.queue.put(t.Context(), m)
	diff(t, "nearly full", uint64(1<<20), i.credit())
	for n := range 4 {
		i.ledger.heard(string(rune('a'+n)), i.now())
	}
	diff(t, "of four", uint64(256<<10), i.credit())
	i.queue.put(t.Context(), &message{cost: 1 << 20})
	diff(t, "full", uint64(64<<10), i.credit())
}

func TestGroups(t *testing.T) {
	s, in := newMemory(), newInbox()
	cfg := config(s)
	cfg.GroupRecords = 10
	s.gate = make(chan struct{})
	i := start(t, cfg)
	for n := range uint64(30) {
		i.deliver(t.Context(), in, data("a"), batch(t, 7, 2*n+1, "x", "y"), func() {})
	}
	close(s.gate)
	in.await(t, "a", covers(7, 60))
	if s.commits < 6 || s.commits > 8 {
		t.Errorf("%d transactions of 10 records for 60", s.commits)
	}
}
