package uplink

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// world is an agent, a collector and a network between them that loses, repeats
// and reorders. All of it dies now and then.
type world struct {
	t     *testing.T
	r     *rand.Rand
	now   time.Time
	spool *memory
	s     *sender
	up    bool
	bad   float64 // how much goes wrong

	toStore []any // parcel or *record.Hello
	toAgent []*record.Ack

	id      string
	done    map[key]record.Ranges // committed
	ever    map[key]record.Ranges // was committed once, or declared
	ledger  map[key]record.Ranges // declared lost by the store
	taken   []parcel              // received, not committed
	saved   map[key]record.Ranges // an old copy of done
	rolls   bool                  // copies are restored
	credit  uint64
	appends uint64
	epochs  uint64
}

type parcel struct {
	key
	record.Range
}

func newWorld(t *testing.T, seed uint64, bad float64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_700_000_000_000), bad: bad, id: "store-1",
		done: map[key]record.Ranges{}, ever: map[key]record.Ranges{}, ledger: map[key]record.Ranges{}, saved: map[key]record.Ranges{}, epochs: 1}
	w.spool = newMemory(w.epochs)
	w.start()
	return w
}

func (w *world) start() {
	w.s = newSender(settings{window: 1 + w.r.IntN(8), rate: w.r.IntN(3) * 2000, started: w.now}, w.spool.epoch)
	w.up = false
}

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

// step lets one thing happen.
func (w *world) step() {
	switch n := w.r.IntN(100); {
	case n < 10 && w.appends < 8000:
		k := w.r.IntN(300)
		w.appends += uint64(k)
		w.spool.add(record.Streams[w.r.IntN(2)], k)
	case n < 30:
		w.send()
	case n < 55:
		w.deliver()
	case n < 65:
		w.commit()
	case n < 80:
		w.hear()
	case n < 82:
		w.spool.clean(w.spool.order[w.r.IntN(max(len(w.spool.order), 1))%max(len(w.spool.order), 1)])
	default:
		w.now = w.now.Add(time.Duration(w.r.IntN(400)) * time.Millisecond)
	}
	if w.chance(w.bad * 0.01) {
		w.disaster()
	}
}

func (w *world) disaster() {
	switch n := w.r.IntN(10); {
	case n < 3: // the agent dies
		w.epochs++
		w.spool.restart(w.epochs)
		w.start()
	case n < 5: // the collector dies before it commits
		w.taken = nil
	case n < 8: // the connection ends
		if w.up {
			w.s.disconnected()
			w.up = false
		}
		if w.chance(0.5) {
			w.toStore = nil
		}
		if w.chance(0.5) {
			w.toAgent = nil
		}
	case w.rolls && n == 8: // the database is restored from a copy
		w.done = w.saved
		w.saved = clone(w.done)
		if w.chance(0.5) {
			w.id += "'"
		}
		w.taken = nil
	case n == 9:
		w.saved = clone(w.done)
	}
}

func clone(m map[key]record.Ranges) map[key]record.Ranges {
	out := map[key]record.Ranges{}
	for k, v := range m {
		out[k] = v.Clone()
	}
	return out
}

// send lets the agent send what it wants to.
func (w *world) send() {
	w.s.hold(w.now, w.spool.Held())
	if !w.up {
		w.s.connected(w.now)
		w.up = true
	}
	for range 3 {
		o, hello, _ := w.s.next(w.now)
		switch {
		case hello:
			w.toStore = append(w.toStore, w.s.hello(w.now))
		case o.records > 0:
			first, records, err := w.spool.Read(o.epoch, o.stream, o.First, o.records, o.bytes, nil)
			if err != nil || len(records) == 0 || first > o.Last {
				w.s.absent(&o, o.Range)
				continue
			}
			r := record.Range{First: first, Last: min(first+uint64(len(records))-1, o.Last)}
			bytes := record.HeaderSize + int(r.Len())*20
			if bytes > o.bytes && w.s.busy() && w.s.credit > 0 {
				w.s.tooLarge(&o)
				continue
			}
			w.s.sentBatch(w.now, &o, r, bytes)
			w.toStore = append(w.toStore, parcel{o.key, r})
		default:
			return
		}
		w.check()
	}
}

// check looks at the window and the credit.
func (w *world) check() {
	if n := len(w.s.flights); n > w.s.window {
		w.t.Fatalf("%d batches on their way, the window is %d", n, w.s.window)
	}
	if n := len(w.s.flights); n > 1 && w.s.credit > 0 && uint64(w.s.bytes) > w.s.credit {
		// A credit that shrank holds for what is sent after it.
		if last := w.s.flights[n-1]; w.s.ackAt.Before(last.at) {
			w.t.Fatalf("%d bytes in %d batches on their way, the credit is %d", w.s.bytes, n, w.s.credit)
		}
	}
}

// deliver takes a message off the network, any of the first few.
func (w *world) deliver() {
	if len(w.toStore) == 0 {
		return
	}
	i := 0
	if w.chance(w.bad * 0.3) {
		i = w.r.IntN(len(w.toStore))
	}
	m := w.toStore[i]
	if !w.chance(w.bad * 0.1) { // else it comes once more
		w.toStore = append(w.toStore[:i:i], w.toStore[i+1:]...)
	}
	if w.chance(w.bad * 0.1) {
		return // lost
	}
	switch m := m.(type) {
	case parcel:
		w.taken = append(w.taken, m)
	case *record.Hello:
		w.greet(m)
	}
}

// greet answers a hello as docs/protocol.md wants it.
func (w *world) greet(h *record.Hello) {
	held := map[key]record.Ranges{}
	keys := map[key]bool{{h.Epoch, record.Calls}: true, {h.Epoch, record.Telemetry}: true}
	for _, x := range h.Held {
		k := key{x.Epoch, record.Stream(x.Stream)}
		keys[k] = true
		set := held[k]
		set.Add(record.Range{First: x.First, Last: x.Last})
		held[k] = set
	}
	for _, x := range h.Released {
		k := key{x.Epoch, record.Stream(x.Stream)}
		keys[k] = true
		if h.StoreId != w.id {
			continue
		}
		for _, r := range w.done[k].Missing(record.Range{First: x.First, Last: x.Last}) {
			if lost := w.spool.line(k).disk.And(record.Ranges{r}); len(lost) > 0 {
				w.t.Fatalf("declared %v of %v, which is on disk", lost, k)
			}
			add(w.done, k, r)
			add(w.ever, k, r)
			add(w.ledger, k, r)
		}
	}
	w.say(keys, h.SentUnixMs)
}

func add(m map[key]record.Ranges, k key, r record.Range) {
	set := m[k].Clone()
	set.Add(r)
	m[k] = set
}

func (w *world) say(keys map[key]bool, hello int64) {
	a := &record.Ack{Version: 1, StoreId: w.id, CreditBytes: w.credit, SentUnixMs: w.now.UnixMilli() + 5000, HelloUnixMs: hello}
	for k := range keys {
		c := record.NewCursor(k.epoch, k.stream, w.done[k])
		if w.chance(0.3) && w.done[k].Last() > 0 {
			for _, r := range w.done[k].Missing(record.Range{First: 1, Last: w.done[k].Last()}) {
				c.Need = append(c.Need, &record.Span{First: r.First, Last: r.Last})
			}
		}
		a.Cursors = append(a.Cursors, c)
	}
	w.toAgent = append(w.toAgent, a)
}

// commit stores what was received, in one transaction, and says so.
func (w *world) commit() {
	keys := map[key]bool{}
	for _, p := range w.taken {
		add(w.done, p.key, p.Range)
		add(w.ever, p.key, p.Range)
		keys[p.key] = true
	}
	w.taken = nil
	if len(keys) > 0 {
		w.say(keys, 0)
	}
}

// hear lets the agent have an ack, any of them.
func (w *world) hear() {
	if len(w.toAgent) == 0 {
		return
	}
	i := 0
	if w.chance(w.bad * 0.3) {
		i = w.r.IntN(len(w.toAgent))
	}
	a := w.toAgent[i]
	if !w.chance(w.bad * 0.1) {
		w.toAgent = append(w.toAgent[:i:i], w.toAgent[i+1:]...)
	}
	if w.chance(w.bad*0.1) || !w.up {
		return
	}
	w.listen(a)
}

func (w *world) listen(a *record.Ack) {
	done, again := w.s.ack(w.now, a)
	if again {
		if !w.rolls {
			w.t.Fatal("un-released, and no store went back")
		}
		w.spool.Unrelease()
		w.s.forget(w.now)
		w.s.hold(w.now, w.spool.Held())
		if done, again = w.s.ack(w.now, a); again {
			w.t.Fatal("un-released twice by one ack")
		}
	}
	for _, r := range done {
		if lost := r.done.Minus(w.ever[r.key]); len(lost) > 0 {
			w.t.Fatalf("released %v of %v, which was never committed", lost, r.key)
		}
		w.spool.Release(r.epoch, r.stream, r.done)
	}
}

// settle lets all go well until nothing is left to be sent.
func (w *world) settle() {
	w.bad = 0
	end := w.now.Add(20 * time.Minute)
	for w.spool.left() > 0 || !w.same() {
		if w.now.After(end) {
			w.t.Fatalf("no progress: %d records are left, on their way %v, sender %+v", w.spool.left(), w.s.flights, w.s)
		}
		w.send()
		for len(w.toStore) > 0 {
			w.deliver()
		}
		w.commit()
		for len(w.toAgent) > 0 {
			w.hear()
		}
		w.now = w.now.Add(20 * time.Millisecond)
	}
}

// same reports whether the store has all that was ever appended, but for what it
// declared.
func (w *world) same() bool {
	for k, l := range w.spool.lines {
		if l.last > 0 && len(w.done[k].Missing(record.Range{First: 1, Last: l.last})) > 0 {
			return false
		}
	}
	return true
}

func TestEverythingArrives(t *testing.T) {
	for _, bad := range []float64{0, 0.3, 1} {
		for seed := range uint64(16) {
			t.Run(fmt.Sprintf("%v/%d", bad, seed), func(t *testing.T) {
				w := newWorld(t, seed, bad)
				w.credit = []uint64{0, 200, 5_000, 100_000}[seed%4]
				w.spool.add(record.Calls, 1)
				for range 2000 {
					w.step()
				}
				w.settle()
				if len(w.ledger) > 0 {
					t.Errorf("declared lost: %v", w.ledger)
				}
				if bad == 0 && w.s.n.resent.Batches > 0 {
					t.Errorf("%d batches were sent again without need", w.s.n.resent.Batches)
				}
				if w.s.n.neverSent > 0 {
					t.Errorf("%d cursors named what was never sent", w.s.n.neverSent)
				}
			})
		}
	}
}

func TestStoreGoesBack(t *testing.T) {
	lost, rolls := 0, uint64(0)
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed, 1)
			w.rolls = true
			w.spool.add(record.Calls, 1)
			for range 2500 {
				w.step()
			}
			w.settle()
			rolls += w.s.n.rollbacks + w.s.n.storeChanges
			for _, set := range w.ledger {
				lost += int(set.Len())
			}
		})
	}
	if rolls == 0 || lost == 0 {
		t.Errorf("%d times back, %d records declared: nothing was tried", rolls, lost)
	}
}
