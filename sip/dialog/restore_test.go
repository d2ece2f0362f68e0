package dialog

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/party"
)

// legsOf lists what a table has open, by ID.
func legsOf(t *Table) (all []*Leg) {
	for _, x := range t.timers {
		all = append(all, x.leg)
	}
	slices.SortFunc(all, func(a, b *Leg) int { return int(a.ID) - int(b.ID) })
	return all
}

// moved returns a new table with what the old one had open, and what followed.
func moved(t *testing.T, old *Table, alive, now int64) (*Table, []Effect) {
	t.Helper()
	var saved [][]byte
	for _, l := range legsOf(old) {
		saved = append(saved, old.Save(l, nil))
	}
	next := NewTable(old.cfg, old.book)
	effects, bad := next.Restore(saved, alive, now)
	if len(bad) != 0 || next.Stats().Legs != old.Stats().Legs || len(next.legs) != len(old.legs) {
		t.Errorf("%v legs could not be restored; %d of %d are there", bad, next.Stats().Legs, old.Stats().Legs)
	}
	for i, l := range legsOf(next) {
		doubt := l.doubt
		l.doubt = 0 // alone, with the flag and the session, is not as it was
		l.Restored = legsOf(old)[i].Restored
		l.sessionEnd = legsOf(old)[i].sessionEnd
		l.mediaSeen = legsOf(old)[i].mediaSeen
		legsOf(old)[i].doubt = 0
		if again := next.Save(l, nil); !bytes.Equal(again, old.Save(legsOf(old)[i], nil)) {
			t.Errorf("leg %d is not what was saved:\n%+v\n%+v", l.ID, l, legsOf(old)[i])
		}
		l.doubt, l.Restored = doubt, true
	}
	return next, effects
}

// finals lists the records that effects close, without what a restart changes.
func finals(effects []Effect) (out []string) {
	for i := range effects {
		if l := effects[i].Leg; effects[i].Kind == LegClosed {
			s := fmt.Sprintf("%s %s %s: %s, customer %d call %v inbound %v srtp %v %v", l.CallID, l.FromTag, l.Phrase,
				strings.Replace(summary(l), " restored", "", 1), l.Customer, l.Call, l.Inbound, l.Encrypted, l.Src)
			for _, a := range l.Attempts {
				s += fmt.Sprintf("; %d %v %d %v %d-%d-%d-%d", a.Carrier, a.Dst, a.Status, a.Release, a.Invited, a.Rang, a.Answer, a.End)
			}
			out = append(out, s)
		}
	}
	return out
}

// TestRestoredLegsGoOn plays the scripts to a table that is never restarted,
// and to one that is at random moments: their records are the same. Call-IDs
// that are over are the one thing that a restart forgets; the test carries them
// over.
func TestRestoredLegsGoOn(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 3))
		cfg := Config{MediaTimeout: -1, KeepDigits: true}
		one, two := NewTable(cfg, testBook(t)), NewTable(cfg, testBook(t))
		g := newGauges(t)
		var want, got []string
		show := func(effects []Effect) {
			for i := range effects {
				g.step(&effects[i])
			}
			got = append(got, finals(effects)...)
		}
		now := int64(time.Hour)
		for _, line := range jumble(rng) {
			now += rng.Int64N(int64(300 * time.Millisecond)) // no timer but that of the end runs out
			if rng.IntN(5) == 0 {
				closed, hash := two.closed, two.seed
				var effects []Effect
				two, effects = moved(t, two, now, now)
				two.closed, two.seed = closed, hash
				show(effects)
			}
			p, m := message(t, now, strings.Fields(line))
			m.CallID = fmt.Sprint("c", rng.IntN(2))
			want = append(want, finals(one.Message(p, m))...)
			want = append(want, finals(one.Tick(now))...)
			show(two.Message(p, m))
			show(two.Tick(now))
		}
		want = append(want, finals(one.Finish(now))...)
		show(two.Finish(now))
		g.zero()
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: without restarts (-), with (+):\n%s", seed, diff)
		}
		if t.Failed() {
			return
		}
	}
}

// TestGaugesHoldOverRestarts restarts with pauses of any length, within any
// calls: no state may be left twice, none may stay, and what ended unseen ended
// before the restart.
func TestGaugesHoldOverRestarts(t *testing.T) {
	missed := 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 4))
		now, alive := int64(time.Hour), int64(0)
		table := NewTable(Config{Alive: func(*Leg) (int64, bool) { return max(0, now*(rng.Int64N(3)-1)), rng.IntN(2) == 0 },
			LastMedia: func(*Leg) int64 { return now * rng.Int64N(2) }}, testBook(t))
		g := newGauges(t)
		show := func(effects []Effect) {
			for i := range effects {
				e := &effects[i]
				g.step(e)
				if e.Kind != LegReleased || e.Leg.Release != EndMissed {
					continue
				}
				missed++
				if !e.Leg.Restored || e.Leg.End > alive || e.Leg.End < e.Leg.lastSeen {
					t.Errorf("seed %d: missed the end of leg %d: restored %v, ended %d, last message %d, last run ended %d", seed, e.Leg.ID, e.Leg.Restored, e.Leg.End, e.Leg.lastSeen, alive)
				}
			}
		}
		for _, line := range jumble(rng) {
			now += rng.Int64N(int64(3 * time.Second))
			if rng.IntN(10) == 0 {
				var effects []Effect
				alive = now
				now += rng.Int64N(int64(400 * time.Second))
				table, effects = moved(t, table, alive, now)
				show(effects)
			}
			if rng.IntN(20) == 0 {
				now += rng.Int64N(int64(400 * time.Second))
			}
			show(table.Tick(now))
			p, m := message(t, now, strings.Fields(line))
			m.CallID = fmt.Sprint("c", rng.IntN(2))
			show(table.Message(p, m))
		}
		for i := range int64(5) { // found alive, given up, settled, closed
			show(table.Tick(now + (13+i)*int64(time.Hour)))
		}
		g.zero()
		if s := table.Stats(); s.Legs != 0 || len(table.legs) != 0 || len(table.timers) != 0 {
			t.Errorf("at the end: %d legs, %d Call-IDs, %d timers", s.Legs, len(table.legs), len(table.timers))
		}
		if t.Failed() {
			return
		}
	}
	if missed < 100 {
		t.Errorf("only %d ends were missed", missed)
	}
}

// answeredCall opens one call with media and an attempt.
func answeredCall(t testing.TB, table *Table, id string, now int64) *Leg {
	t.Helper()
	for _, line := range []string{
		"phone>switch INVITE branch=p1 sdp=10.1.0.1:4000,101",
		"switch>west INVITE branch=s1 sdp=192.0.2.1:6000,101",
		"west>switch 180-INVITE branch=s1 to=as7d6f87asd6f",
		"west>switch 200-INVITE branch=s1 to=as7d6f87asd6f sdp=198.51.100.1:7000,96",
		"switch>phone 200-INVITE branch=p1 to=as7d6f87asd6f sdp=192.0.2.1:6002,101 se=1800",
	} {
		p, m := message(&testing.T{}, now, strings.Fields(line))
		m.CallID, m.FromTag, m.UserAgent = id, "gK0c8a1b2d", "Example Phone 1.2.3"
		table.Message(p, m)
	}
	return table.legs[id]
}

// TestPartiesByName: the next configuration has other parties in another order.
func TestPartiesByName(t *testing.T) {
	old := NewTable(Config{}, testBook(t))
	old.SetEpoch(77)
	saved := old.Save(answeredCall(t, old, "c1", 5e9), nil)
	book, err := party.NewBook([]party.Entry{{Name: "new", Kind: party.Customer}, {Name: "west", Kind: party.Carrier}, {Name: "acme", Kind: party.Customer}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := NewTable(Config{}, book)
	next.SetEpoch(78)
	next.Restore([][]byte{saved}, 6e9, 7e9)
	l := next.legs["c1"]
	if l == nil || book.Entry(l.Customer).Name != "acme" || book.Entry(l.Attempts[0].Carrier).Name != "west" || l.Epoch != 77 {
		t.Fatalf("restored %+v", l)
	}
	empty, err := party.NewBook(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next = NewTable(Config{}, empty)
	next.Restore([][]byte{saved}, 6e9, 7e9)
	if l := next.legs["c1"]; l.Customer != party.Unknown || l.Attempts[0].Carrier != party.Unknown || !l.Call {
		t.Errorf("of parties that are gone: %+v", l)
	}
}

// TestRestoreRefuses gives Restore what cannot be taken over.
func TestRestoreRefuses(t *testing.T) {
	old := NewTable(Config{}, testBook(t))
	good := old.Save(answeredCall(t, old, "c1", 5e9), nil)
	other := old.Save(answeredCall(t, old, "c2", 5e9), nil)
	version := slices.Clone(good)
	version[0]++
	for _, tt := range []struct {
		name  string
		saved [][]byte
		legs  int
		bad   int
	}{
		{"nothing", nil, 0, 0},
		{"empty", [][]byte{nil, {}}, 0, 2},
		{"twice", [][]byte{good, good}, 1, 1},
		{"another version", [][]byte{version, other}, 1, 1},
		{"cut short", [][]byte{good[:len(good)-1]}, 0, 1},
		{"too long", [][]byte{append(slices.Clone(good), 0)}, 0, 1},
		{"more than fit", [][]byte{good, other}, 1, 1},
	} {
		next := NewTable(Config{MaxLegs: 1}, testBook(t))
		if _, bad := next.Restore(tt.saved, 1, 2); len(bad) != tt.bad || next.Stats().Legs != tt.legs {
			t.Errorf("%s: %d legs, bad %v, want %d and %d", tt.name, next.Stats().Legs, bad, tt.legs, tt.bad)
		}
	}
	for n := range good {
		next := NewTable(Config{}, testBook(t))
		if _, bad := next.Restore([][]byte{good[:n]}, 1, 2); len(bad) != 1 {
			t.Errorf("%d of %d bytes were taken", n, len(good))
		}
	}
}

// earlyBefore is a leg whose answer came before its INVITE, as programs wrote it that did
// not keep the branch.
const earlyBefore = "0101008180a0f6f4acdbe01b02633101610431303031093139322e302e322e310434393330093139322e302e322e31" +
	"0434393330093139322e302e322e3100010a010001c42701c0000201c427010461636d65051203000081a8d6b90781a8d6b9079703000003" +
	"000000000000000000000000000000000000000081d0acf30e0000000001010a010001c42701c0000201c42701bad5d7abfbe0e5ea0801970301" +
	"0000000081d0acf30e01770200c80100"

func TestRestoreWithoutBranch(t *testing.T) {
	saved, err := hex.DecodeString(earlyBefore)
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable(Config{}, testBook(t))
	if _, bad := table.Restore([][]byte{saved}, 1e18+3e9, 1e18+4e9); len(bad) != 0 {
		t.Fatal("it was refused")
	}
	l := legsOf(table)[0]
	if e := l.early; e == nil || e.tag != "w" || e.cseq != 2 || e.status != 200 || e.branch != 0 {
		t.Errorf("%+v", e)
	}
	p, m := message(t, 1e18+5e9, strings.Fields("phone>switch INVITE branch=p2 cseq=2"))
	if table.Message(p, m); l.State != Answered || l.Answer != 1e18+2e9 {
		t.Errorf("%+v", l)
	}
}

// TestChanged: a leg is listed once after each change, and not when it is
// closed.
func TestChanged(t *testing.T) {
	table := NewTable(Config{Changes: true}, testBook(t))
	ids := func() (out []string) {
		for l := range table.Changed {
			out = append(out, l.CallID)
		}
		return out
	}
	answeredCall(t, table, "c1", 1e9)
	answeredCall(t, table, "c2", 1e9)
	if got := ids(); !slices.Equal(got, []string{"c1", "c2"}) {
		t.Errorf("opened: %v", got)
	}
	table.Tick(2e9)
	if got := ids(); got != nil {
		t.Errorf("nothing happened: %v", got)
	}
	p, m := message(t, 3e9, strings.Fields("phone>switch BYE from=gK0c8a1b2d to=as7d6f87asd6f cseq=2"))
	table.Message(p, m)
	if got := ids(); !slices.Equal(got, []string{"c1"}) {
		t.Errorf("hung up: %v", got)
	}
	table.Tick(60e9)
	if got := ids(); got != nil || table.Stats().Legs != 1 {
		t.Errorf("closed: %v, %d legs", got, table.Stats().Legs)
	}
}

func TestSaveCost(t *testing.T) {
	table := NewTable(Config{}, testBook(t))
	l := answeredCall(t, table, "3f2a9c1e-7a6b-4c5d-8e9f-0123456789ab@192.0.2.1", 1_700_000_000e9)
	b := table.Save(l, nil)
	t.Logf("%d bytes", len(b))
	if len(b) > 700 {
		t.Errorf("a call with two hops and media takes %d bytes, want at most 700", len(b))
	}
	if n := testing.AllocsPerRun(100, func() { b = table.Save(l, b[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSave(b *testing.B) {
	table := NewTable(Config{}, testBook(b))
	l := answeredCall(b, table, "c1", 1e18)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = table.Save(l, buf[:0])
	}
}

// BenchmarkRestore takes 10,000 calls over.
func BenchmarkRestore(b *testing.B) {
	const calls = 10_000
	table := NewTable(Config{}, testBook(b))
	var saved [][]byte
	for i := range calls {
		saved = append(saved, table.Save(answeredCall(b, table, fmt.Sprint("call-", i), 1e18), nil))
	}
	b.ReportAllocs()
	for b.Loop() {
		NewTable(Config{}, table.book).Restore(saved, 1e18, 1e18)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls), "ns/call")
}

// FuzzRestore: whatever was saved, the table goes on.
func FuzzRestore(f *testing.F) {
	for _, script := range scripts {
		lines := strings.Split(script, "\n")
		for _, n := range []int{len(lines) / 2, len(lines)} {
			table := NewTable(Config{}, testBook(f))
			for i, line := range lines[:n] {
				p, m := message(&testing.T{}, int64(i+1)*1e9, strings.Fields(line))
				table.Message(p, m)
			}
			f.Add(table.Save(legsOf(table)[0], nil))
		}
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		table := NewTable(Config{Alive: func(*Leg) (int64, bool) { return 0, true }, Changes: true}, testBook(t))
		effects, bad := table.Restore([][]byte{saved}, 5e9, 6e9)
		if len(bad) == 1 {
			if len(effects) != 0 {
				t.Errorf("%d effects of a leg that was refused", len(effects))
			}
			return
		}
		l := legsOf(table)[0]
		callID := l.CallID
		again := table.Save(l, nil)
		other := NewTable(Config{}, testBook(t))
		if _, bad := other.Restore([][]byte{again}, 5e9, 6e9); len(bad) != 0 {
			t.Errorf("what was restored cannot be saved again: %+v", l)
		}
		for i, line := range strings.Split(scripts[0], "\n") {
			p, m := message(t, 6e9+int64(i)*1e9, strings.Fields(line))
			m.CallID = callID
			table.Message(p, m)
			table.Tick(p.Time)
		}
		table.Finish(100e9)
		if n := table.Stats().Legs; n != 0 {
			t.Errorf("%d legs at the end", n)
		}
	})
}
