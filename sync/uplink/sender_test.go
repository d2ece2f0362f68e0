package uplink

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
)

// bench is a sender with its spool, without a network.
type bench struct {
	t     *testing.T
	now   time.Time
	spool *memory
	s     *sender
}

func newBench(t *testing.T, set settings) *bench {
	b := &bench{t: t, now: time.UnixMilli(1_700_000_000_000), spool: newMemory(7)}
	b.s = newSender(set, 7)
	return b
}

// connect connects, says hello and takes the answer.
func (b *bench) connect(done record.Ranges) {
	b.s.hold(b.now, b.spool.Held())
	b.s.connected(b.now)
	b.greet(done)
}

func (b *bench) greet(done record.Ranges) {
	b.t.Helper()
	if _, hello, _ := b.s.next(b.now); !hello {
		b.t.Fatal("no hello is due")
	}
	h := b.s.hello(b.now)
	b.ack(&record.Ack{Version: 1, StoreId: "s", HelloUnixMs: h.SentUnixMs, Cursors: []*record.Cursor{record.NewCursor(7, record.Calls, done)}})
}

func (b *bench) ack(a *record.Ack) (done record.Ranges) {
	b.t.Helper()
	out, again := b.s.ack(b.now, a)
	if again {
		b.t.Fatal("un-released")
	}
	for _, r := range out {
		b.spool.Release(r.epoch, r.stream, r.done)
		done.AddAll(r.done)
	}
	return done
}

func (b *bench) hold() { b.s.hold(b.now, b.spool.Held()) }

// send sends what is due, each batch with bytes bytes, and returns it.
func (b *bench) send(bytes int) (out []order) {
	for range 1000 {
		o, hello, _ := b.s.next(b.now)
		switch {
		case hello:
			b.s.hello(b.now)
		case o.records == 0:
			return out
		default:
			r := record.Range{First: o.First, Last: min(o.Last, o.First+uint64(o.records)-1)}
			b.s.sentBatch(b.now, &o, r, bytes)
			o.Range = r
			out = append(out, o)
		}
	}
	b.t.Fatal("it does not stop to send")
	return nil
}

func ranges(list []order) (out []record.Range) {
	for _, o := range list {
		out = append(out, o.Range)
	}
	return out
}

func TestNumbersThatWereNeverSent(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 100)
	b.connect(record.Ranges{{First: 1, Last: 1_000_000}})
	if n := b.spool.left(); n != 100 {
		t.Fatalf("%d records were released unsent", 100-n)
	}
	b.send(1000)
	all := &record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Contiguous: ^uint64(0)}}}
	if got := b.ack(all); !cmp.Equal(got, record.Ranges{{First: 1, Last: 100}}) {
		t.Errorf("released %v", got)
	}
	b.spool.add(record.Calls, 50) // numbers that the collector claimed before they existed
	b.hold()
	if got := b.ack(all); got != nil || b.spool.left() != 50 {
		t.Errorf("released %v", got)
	}
	b.now = b.now.Add(time.Second)
	if got := ranges(b.send(10)); !cmp.Equal(got, []record.Range{{First: 101, Last: 150}}) {
		t.Errorf("sent %v", got)
	}
	if b.s.n.neverSent != 3 {
		t.Errorf("counted %d", b.s.n.neverSent)
	}
}

// TestSetBackWithMemory: a virtual machine that was set back to a snapshot gives
// numbers out again that a store has. They cannot be told from what was sent by their
// numbers, but that the store knows more than was sent is noticed before.
func TestSetBackWithMemory(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 10)
	b.connect(nil)
	b.now = b.now.Add(time.Second)
	b.send(1000)
	upTo := func(calls, telemetry uint64) *record.Ack {
		return &record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Contiguous: calls}, {Epoch: 7, Stream: 2, Contiguous: telemetry}}}
	}
	if b.ack(upTo(10, 99)); b.s.n.neverSent != 0 {
		t.Errorf("telemetry that gave way was counted")
	}
	if b.ack(upTo(11, 99)); b.s.n.neverSent != 1 {
		t.Errorf("counted %d", b.s.n.neverSent)
	}
}

func TestNonsenseIsIgnored(t *testing.T) {
	many := &record.Cursor{Epoch: 7, Stream: 1}
	for i := range uint64(maxSpans + 1) {
		many.Beyond = append(many.Beyond, &record.Span{First: 2*i + 1, Last: 2*i + 1})
	}
	tests := map[string]*record.Cursor{
		"no epoch":        {Stream: 1, Contiguous: 5},
		"another epoch":   {Epoch: 8, Stream: 1, Contiguous: 5},
		"no stream":       {Epoch: 7, Contiguous: 5},
		"another stream":  {Epoch: 7, Stream: 3, Contiguous: 5},
		"stream overflow": {Epoch: 7, Stream: 257, Contiguous: 5},
		"zero":            {Epoch: 7, Stream: 1, Contiguous: 5, Beyond: []*record.Span{{First: 0, Last: 9}}},
		"reversed":        {Epoch: 7, Stream: 1, Contiguous: 5, Beyond: []*record.Span{{First: 9, Last: 8}}},
		"reversed need":   {Epoch: 7, Stream: 1, Contiguous: 5, Need: []*record.Span{{First: 9, Last: 8}}},
		"empty span":      {Epoch: 7, Stream: 1, Contiguous: 5, Beyond: []*record.Span{nil}},
		"nothing":         nil,
		"too many ranges": many,
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, settings{})
			b.spool.add(record.Calls, 100)
			b.connect(nil)
			b.send(1000)
			if got := b.ack(&record.Ack{StoreId: "s", Cursors: []*record.Cursor{c}}); got != nil || b.s.n.ignored != 1 {
				t.Errorf("released %v, ignored %d", got, b.s.n.ignored)
			}
		})
	}
}

func TestNeed(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 5000)
	b.connect(nil)
	first := b.send(1000)
	need := &record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Need: []*record.Span{{First: 10, Last: 20}, {First: 9000, Last: 9001}}}}}
	b.now = b.now.Add(needAfter - time.Millisecond)
	b.ack(need)
	if got := b.send(1000); len(got) > 0 {
		t.Errorf("what was just sent is sent again: %v", got)
	}
	b.now = b.now.Add(time.Millisecond)
	b.ack(need)
	b.ack(&record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Beyond: []*record.Span{{First: first[2].First, Last: first[2].Last}}}}})
	got := b.send(1000)
	if len(got) == 0 || got[0].Range != (record.Range{First: 10, Last: 20}) || got[0].kind != urgent {
		t.Errorf("sent %+v", got)
	}
	if b.s.n.asked != 11 || b.s.n.resent.Records != 11 {
		t.Errorf("%+v", b.s.n)
	}
}

func TestWindowAndCredit(t *testing.T) {
	tests := []struct {
		name    string
		set     settings
		credit  uint64
		bytes   int
		batches int
	}{
		{"window, with room for fresh ones", settings{}, 0, 1000, 6},
		{"small window", settings{window: 1}, 0, 1000, 1},
		{"credit", settings{}, 100_000, 20_000, 4},
		{"credit for less than one", settings{}, 500, 500, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.set)
			b.spool.restart(6)
			b.spool.add(record.Calls, 10_000)
			b.spool.restart(7)
			b.connect(nil)
			b.s.credit = tt.credit
			if got := b.send(tt.bytes); len(got) != tt.batches {
				t.Errorf("%d batches on their way: %v", len(got), ranges(got))
			}
			if tt.set.window == 1 || tt.credit == 500 {
				return
			}
			b.spool.add(record.Calls, 100)
			b.hold()
			if got := b.send(tt.bytes); len(got) != 1 || got[0].kind != fresh {
				t.Errorf("fresh ones found no room: %v", got)
			}
		})
	}
}

// TestShares looks at who is next while everybody has something.
func TestShares(t *testing.T) {
	b := newBench(t, settings{window: 1000})
	b.spool.restart(6)
	b.spool.add(record.Calls, 50_000)
	b.spool.add(record.Telemetry, 50_000)
	b.spool.restart(7)
	b.connect(nil)
	b.spool.add(record.Calls, 900)
	b.spool.add(record.Telemetry, 900)
	b.hold()
	count := map[kind]int{}
	streams := map[record.Stream]int{}
	for _, o := range b.send(100)[:16] {
		count[o.kind]++
		streams[o.stream]++
	}
	if count[fresh] != 8 || count[backlog] != 8 || streams[record.Calls] != 12 {
		t.Errorf("of 16 batches %v, %v", count, streams)
	}
}

func TestTooManyFreshRecordsBecomeBacklog(t *testing.T) {
	b := newBench(t, settings{})
	b.connect(nil)
	b.spool.add(record.Calls, freshMost+1)
	b.hold()
	l := b.s.lines[key{7, record.Calls}]
	if got := l.fresh(); !cmp.Equal(got, record.Ranges{{First: freshMost + 2 - freshRecords, Last: freshMost + 1}}) {
		t.Errorf("fresh: %v", got)
	}
	if got := l.backlog(); !cmp.Equal(got, record.Ranges{{First: 1, Last: freshMost + 1 - freshRecords}}) {
		t.Errorf("backlog: %v", got)
	}
}

// TestLateAck: an ack that was overtaken states less, and proves nothing.
func TestLateAck(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 100)
	b.connect(nil)
	b.send(1000)
	cursor := func(n uint64) *record.Ack {
		return &record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Contiguous: n}}}
	}
	b.ack(cursor(80))
	b.ack(cursor(40))
	if b.s.n.behind != 1 || b.spool.left() != 20 {
		t.Errorf("%+v", b.s.n)
	}
	b.now = b.now.Add(doubtAfter)
	b.greet(record.Ranges{{First: 1, Last: 80}}) // asks, and all is well
	b.ack(&record.Ack{StoreId: "other", Cursors: []*record.Cursor{{Epoch: 7, Stream: 1, Contiguous: 100}}})
	if b.spool.left() != 20 || b.s.n.storeChanges != 0 || b.s.n.ignored != 1 {
		t.Errorf("an ack of another store that answers nothing: %+v", b.s.n)
	}
	b.now = b.now.Add(doubtAfter)
	if _, hello, _ := b.s.next(b.now); !hello {
		t.Error("it is not asked after")
	}
}

func TestClock(t *testing.T) {
	var c clock
	now := time.UnixMilli(1_700_000_000_000)
	for _, x := range []struct{ took, there, off time.Duration }{
		{2 * time.Second, 1900 * time.Millisecond, 0}, {20 * time.Millisecond, 15 * time.Millisecond, 0}, {500 * time.Millisecond, 10 * time.Millisecond, 0},
	} {
		asked := now
		theirs := asked.Add(x.there - 3*time.Second) // their clock is 3 s behind
		now = now.Add(x.took)
		c.add(now, asked, theirs.UnixMilli())
		now = now.Add(time.Second)
	}
	ahead, within, ok := c.skew(now)
	if !ok || (ahead-3*time.Second).Abs() > within || within != 10*time.Millisecond {
		t.Errorf("ahead %v within %v %v", ahead, within, ok)
	}
	if _, _, ok := c.skew(now.Add(clockAge)); ok {
		t.Error("old samples are still good")
	}
	c.add(now, now, -5)
	if len(c.samples) != 3 {
		t.Error("a time before 1970 was taken")
	}
}

func TestForeignEpochs(t *testing.T) {
	b := newBench(t, settings{})
	b.connect(nil)
	say := func(n uint64) {
		b.ack(&record.Ack{StoreId: "s", Cursors: []*record.Cursor{{Epoch: 99, Stream: 1, Contiguous: n}}})
	}
	say(10)
	say(10) // an old batch that came again: nobody writes
	if b.s.twins.suspected(b.now) {
		t.Error("suspected too early")
	}
	say(11)
	if !b.s.twins.suspected(b.now) || b.s.twins.suspected(b.now.Add(twinFor)) {
		t.Error("an epoch of somebody else grows, and nobody notices")
	}
	for e := range uint64(10_000) {
		b.s.twins.foreign(b.now, e, record.Calls, 1)
		b.s.twins.own(e)
	}
	if len(b.s.twins.others) > maxEpochs || len(b.s.twins.ours) > maxEpochs {
		t.Error("no bound")
	}
}

func TestPause(t *testing.T) {
	u := &Uplink{}
	for i := range 20 {
		most := min(time.Second<<min(i, 6), time.Minute)
		if d := u.pause(errors.New("no route")); d < 0 || d >= most {
			t.Errorf("try %d: %v", i, d)
		}
	}
	if d := u.pause(&refusal{errors.New("no"), ""}); d < 45*time.Second || d > 75*time.Second {
		t.Errorf("refused: %v", d)
	}
	for range 20 {
		if d := u.pause(&lostError{errors.New("lost"), stable}); d >= time.Second {
			t.Errorf("after a connection that lasted: %v", d)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Node: "a/b", Brokers: []string{"mqtt://h"}}, {Node: "a"}, {Node: "a", Brokers: []string{"x"}}} {
		if _, err := New(c, newMemory(1)); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// TestManyRangesBeyond: an answer that has no room for all ranges does not mean that
// the store has gone back; one that has room does.
func TestManyRangesBeyond(t *testing.T) {
	acked := record.Ranges{{First: 1, Last: 1}}
	c := &record.Cursor{Epoch: 7, Stream: 1, Contiguous: 2}
	for n := uint64(1); n <= maxBeyond+200; n++ {
		acked.Add(record.Range{First: 2 * n, Last: 2 * n})
	}
	for _, r := range acked[1 : maxBeyond+1] {
		c.Beyond = append(c.Beyond, &record.Span{First: r.First, Last: r.Last})
	}
	k := key{7, record.Calls}
	q := &question{acked: map[key]record.Ranges{k: acked}}
	s := newSender(settings{}, 7)
	if s.wentBack(q, &record.Ack{Cursors: []*record.Cursor{c}}) {
		t.Error("what was left out is taken for lost")
	}
	c.Beyond = append(c.Beyond[:50], c.Beyond[51:]...)
	if !s.wentBack(q, &record.Ack{Cursors: []*record.Cursor{c}}) {
		t.Error("with room for more, what is not stated is lost")
	}
}

// TestTwoStores: of two collectors with databases of their own that both answer, the
// one that is known counts, and records are sent; once it is silent, the other does.
func TestTwoStores(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 10)
	b.connect(nil)
	answer := func(store string, h *record.Hello) (again bool) {
		_, again = b.s.ack(b.now, &record.Ack{Version: 1, StoreId: store, HelloUnixMs: h.SentUnixMs})
		return again
	}
	hellos := 0
	for range 125 * 10 {
		if _, hello, _ := b.s.next(b.now); hello {
			hellos++
			h := b.s.hello(b.now)
			if answer("other", h) || answer("s", h) {
				t.Fatal("un-released although the known store answers")
			}
		}
		b.now = b.now.Add(100 * time.Millisecond)
	}
	if hellos < 2 || hellos > 126 {
		t.Errorf("%d hellos in two minutes", hellos)
	}
	if len(b.send(1000)) == 0 {
		t.Error("nothing is sent")
	}
	changed := 0
	for range 75 * 10 {
		if _, hello, _ := b.s.next(b.now); hello {
			if answer("other", b.s.hello(b.now)) {
				b.s.forget(b.now)
				changed++
			}
		}
		b.now = b.now.Add(100 * time.Millisecond)
	}
	if changed != 1 || b.s.store != "other" {
		t.Errorf("the store changed %d times, and is %q", changed, b.s.store)
	}
}

// TestUnreadableLargeRecord: a record that may only go alone, and cannot be read, waits
// like any other.
func TestUnreadableLargeRecord(t *testing.T) {
	b := newBench(t, settings{})
	b.spool.add(record.Calls, 1)
	b.connect(nil)
	b.now = b.now.Add(freshWait)
	o, _, _ := b.s.next(b.now)
	if o.records != 1 {
		t.Fatalf("%+v is to be sent", o)
	}
	b.s.tooLarge(&o)
	b.s.unread(b.now, &o)
	if o, _, at := b.s.next(b.now); o.records > 0 || !at.After(b.now) {
		t.Errorf("%+v is to be sent at once again", o)
	}
	b.now = b.now.Add(readAgain)
	if o, _, _ := b.s.next(b.now); o.records != 1 {
		t.Errorf("%+v is to be sent later", o)
	}
}
