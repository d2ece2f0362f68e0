package pipeline

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
)

const start = int64(1_700_000_000_500_000_000)

// TestTime: what each frame, Tick or the end makes of the time, in seconds.
func TestTime(t *testing.T) {
	const hour, year = 3600, 365 * 86400
	type step struct {
		what    string // "" is a frame
		at, now int64
	}
	for _, tc := range []struct {
		name          string
		steps         []step
		strays, backs uint64
		first, last   int64
	}{
		{name: "in order", last: 9, steps: []step{{at: 0, now: 0}, {at: 1, now: 1}, {at: 9, now: 9}}},
		{name: "a little late", last: 9, steps: []step{{at: 0, now: 0}, {at: 9, now: 9}, {at: 1, now: 9}, {at: 2, now: 9}}},
		{name: "the earliest is not the first", first: -3, last: 2, steps: []step{{at: 0, now: 0}, {at: -3, now: 0}, {at: -1, now: 0}, {at: 2, now: 2}}},
		{name: "one far ahead", last: 2, strays: 1, steps: []step{{at: 0, now: 0}, {at: 50 * year, now: 0}, {at: 1, now: 1}, {at: 2, now: 2}}},
		{name: "one far behind", last: 2, strays: 1, steps: []step{{at: 0, now: 0}, {at: -50 * year, now: 0}, {at: 1, now: 1}, {at: 2, now: 2}}},
		{name: "one far ahead, silence", last: hour, strays: 1, steps: []step{{at: 0, now: 0}, {at: year, now: 0}, {at: hour, now: 0}, {at: hour, now: hour}}},
		{name: "one far ahead, live", last: 4, strays: 2, steps: []step{
			{at: 0, now: 0}, {at: year, now: 0}, {what: "tick", at: 1, now: 1}, {at: 1, now: 1}, {at: year, now: 1}, {what: "tick", at: 2, now: 2}, {at: 4, now: 4}}},
		{name: "the first far ahead", first: 0, last: 50 * year, backs: 1, steps: []step{{at: 50 * year, now: 50 * year}, {at: 0, now: 50 * year}, {at: 1, now: 1}, {at: 2, now: 2}}},
		{name: "captures hours apart", last: 10*hour + 1, steps: []step{{at: 0, now: 0}, {at: 10 * hour, now: 0}, {at: 10*hour + 1, now: 10*hour + 1}}},
		{name: "a packet an hour", last: 4 * hour, steps: []step{{at: 0, now: 0}, {at: hour, now: 0}, {at: 2 * hour, now: hour}, {at: 3 * hour, now: 2 * hour}, {at: 4 * hour, now: 3 * hour}, {what: "finish", now: 4 * hour}}},
		{name: "captures in the wrong order", first: -10 * hour, last: 1, backs: 1, steps: []step{
			{at: 0, now: 0}, {at: 1, now: 1}, {at: -10 * hour, now: 1}, {at: 5 - 10*hour, now: 5 - 10*hour}, {at: 7 - 10*hour, now: 7 - 10*hour}}},
		{name: "turn by turn of two clocks", last: 3, strays: 3, steps: []step{
			{at: 0, now: 0}, {at: -60, now: 0}, {at: 1, now: 1}, {at: -59, now: 1}, {at: 2, now: 2}, {at: -58, now: 2}, {at: 3, now: 3}}},
		{name: "clock set back", first: -hour, last: 5, backs: 1, steps: []step{{at: 5, now: 5}, {at: -hour, now: 5}, {at: 1 - hour, now: 1 - hour}, {what: "tick", at: 2 - hour, now: 2 - hour}}},
		{name: "clock set back, quiet line", first: -hour, last: 5, backs: 1, steps: []step{{at: 5, now: 5}, {what: "tick", at: -hour, now: -hour}, {at: 1 - hour, now: 1 - hour}}},
		{name: "clock set back, one frame before the tick", first: -hour, last: 5, backs: 1, steps: []step{{at: 5, now: 5}, {at: -hour, now: 5}, {what: "tick", at: 1 - hour, now: 1 - hour}}},
		{name: "clock set back a little", last: 5, steps: []step{{at: 0, now: 0}, {at: 5, now: 5}, {what: "tick", at: 1, now: 5}, {at: 2, now: 5}}},
		{name: "suspended, quiet line", last: hour + 1, steps: []step{{at: 0, now: 0}, {what: "tick", at: hour, now: hour}, {at: hour + 1, now: hour + 1}}},
		{name: "suspended, one frame before the tick", last: hour + 1, steps: []step{{at: 0, now: 0}, {at: hour, now: 0}, {what: "tick", at: hour + 1, now: hour + 1}}},
		{name: "the last after a silence", last: hour, steps: []step{{at: 0, now: 0}, {at: hour, now: 0}, {what: "finish", now: hour}}},
		{name: "the last far behind", last: 0, strays: 1, steps: []step{{at: 0, now: 0}, {at: -hour, now: 0}, {what: "finish", now: 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			core := New(Config{Book: book(t, testkit.Plan{})})
			frames := uint64(0)
			data := []byte{0x45} // of no use to the decoder, which counts it
			for i, s := range tc.steps {
				at := start + s.at*int64(time.Second)
				switch s.what {
				case "tick":
					core.Tick(at)
				case "finish":
					core.Finish()
				default:
					frames++
					core.Frame(&packet.Frame{Time: at, Data: data, WireLen: 1, Link: packet.LinkRaw})
				}
				if now := (core.Snapshot().Now - start) / int64(time.Second); now != s.now {
					t.Errorf("after step %d, at %d, it is %d; want %d", i, s.at, now, s.now)
				}
			}
			core.Finish()
			s := core.Snapshot()
			if s.Core.StrayTimes != tc.strays || s.Core.StepsBack != tc.backs || s.Core.Panics != 0 {
				t.Errorf("%d strays, %d steps back, %s; want %d, %d", s.Core.StrayTimes, s.Core.StepsBack, s.Core.LastPanic, tc.strays, tc.backs)
			}
			if first, last := (s.First-start)/int64(time.Second), (s.Last-start)/int64(time.Second); first != tc.first || last != tc.last {
				t.Errorf("from %d to %d, want %d to %d", first, last, tc.first, tc.last)
			}
			if n := s.Packets.Frames[packet.Malformed]; n != frames || s.Core.Frames != frames {
				t.Errorf("%d of %d frames decoded", n, frames)
			}
		})
	}
}

// TestTimeExtremes: no time is too strange.
func TestTimeExtremes(t *testing.T) {
	core := New(Config{Book: book(t, testkit.Plan{})})
	for _, at := range []int64{math.MinInt64, 0, math.MaxInt64, -1, 1, math.MinInt64, math.MinInt64, math.MaxInt64, math.MaxInt64, start, start, start} {
		core.Frame(&packet.Frame{Time: at, Link: packet.LinkRaw})
	}
	core.Finish()
	if s := core.Snapshot(); s.Core.Panics != 0 || s.Now != start {
		t.Errorf("it is %d, %d panics: %s", s.Now, s.Core.Panics, s.Core.LastPanic)
	}
}

// TestTimeOfCalls: what strange times do to calls.
func TestTimeOfCalls(t *testing.T) {
	const hour = int64(time.Hour)
	calls := testkit.Plan{Calls: 20, Rate: 5, Hold: 5 * time.Second, RTP: true}
	plan, one := frames(t, calls)
	calls.Seed = 7
	_, other := frames(t, calls)
	bk := book(t, plan)
	play := func(core *Core, all []packet.Frame, shift func(f *packet.Frame, i int) int64) {
		for i := range all {
			f := all[i]
			f.Time += shift(&f, i)
			core.Frame(&f)
		}
	}
	by := func(d int64) func(*packet.Frame, int) int64 { return func(*packet.Frame, int) int64 { return d } }
	alone := func(all []packet.Frame) *counters.Figures {
		core := New(Config{Book: bk})
		play(core, all, by(0))
		core.Finish()
		return &core.Snapshot().Figures.Total
	}
	check := func(t *testing.T, core *Core, of ...*counters.Figures) {
		t.Helper()
		var started, answered, ms, byes uint64
		for _, f := range of {
			started, answered, ms = started+f.Started, answered+f.Answered, ms+f.AnsweredMs
			byes += f.ByRelease[dialog.ByeCaller] + f.ByRelease[dialog.ByeCallee]
		}
		got := core.Snapshot().Figures.Total
		if n := got.ByRelease[dialog.ByeCaller] + got.ByRelease[dialog.ByeCallee]; n != byes || byes == 0 ||
			got.Started != started || got.Answered != answered || got.AnsweredMs != ms || got.Live() != 0 {
			t.Errorf("%d started, %d answered, %d ms, %d ended by BYE, %d live; want %d, %d, %d, %d, 0",
				got.Started, got.Answered, got.AnsweredMs, n, got.Live(), started, answered, ms, byes)
		}
	}
	for name, at := range map[string]int64{"ahead": 1000 * hour, "behind": -1000 * hour} {
		t.Run("nonsense "+name, func(t *testing.T) {
			core := New(Config{Book: bk})
			play(core, one, func(f *packet.Frame, i int) int64 {
				if i%100 == 50 && len(f.Data) < 250 { // audio: SIP would be as late as the frame before is
					return at
				}
				return 0
			})
			core.Finish()
			if core.Snapshot().Core.StrayTimes == 0 {
				t.Error("no stray")
			}
			check(t, core, alone(one))
		})
	}
	for name, shift := range map[string]int64{"later": 100 * hour, "earlier": -100 * hour} {
		t.Run("joined with one "+name, func(t *testing.T) {
			core := New(Config{Book: bk})
			play(core, one, by(0))
			play(core, other, by(shift))
			core.Tick(core.Snapshot().Now + int64(time.Minute))
			check(t, core, alone(one), alone(other))
			if s := core.Snapshot(); s.Dialogs.Legs != 0 || s.Core.StrayTimes != 0 {
				t.Errorf("%d legs left, %d strays", s.Dialogs.Legs, s.Core.StrayTimes)
			}
		})
		t.Run("clock set "+name, func(t *testing.T) {
			core := New(Config{Book: bk})
			play(core, one, by(0))
			before := core.Snapshot().Figures.Total.Started
			begun := 0 // a call begins, and no more is seen of it
			for ; begun < 3 || core.Snapshot().Figures.Total.Started == before; begun++ {
				f := other[begun]
				f.Time += shift
				core.Frame(&f)
			}
			last := other[begun-1].Time + shift
			for s := range int64(600) {
				core.Tick(last + s*int64(time.Second))
			}
			if s := core.Snapshot(); s.Figures.Total.Started != before+1 || s.Dialogs.Legs != 0 || s.Figures.Total.Live() != 0 {
				t.Errorf("%d started, %d legs, %d live after ten minutes; want %d, 0, 0",
					s.Figures.Total.Started, s.Dialogs.Legs, s.Figures.Total.Live(), before+1)
			}
		})
	}
}

// TestTimeOfSenders: calls of a switch whose clock is off, as HEP reports them,
// last as long as it says and do not time out.
func TestTimeOfSenders(t *testing.T) {
	plan, err := testkit.Plan{Calls: 20, Rate: 5, Ring: 10 * time.Second, Hold: 10 * time.Second}.Fill()
	if err != nil {
		t.Fatal(err)
	}
	for name, off := range map[string]time.Duration{"right": 0, "ten minutes behind": -10 * time.Minute, "a day ahead": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			core := New(Config{Book: book(t, plan)})
			decoder := packet.NewDecoder(packet.Limits{})
			ticked := int64(0)
			want, err := testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
				for ; ticked != 0 && ticked < f.Time; ticked += int64(time.Second) {
					core.Tick(ticked)
				}
				ticked = max(ticked, f.Time)
				var p packet.Packet
				if r := decoder.Decode(f, &p); r != packet.Payload {
					return errors.New(r.String())
				}
				b := hep2(&p, f.Time+int64(off))
				core.Frame(&packet.Frame{Time: f.Time, Data: b, WireLen: len(b), Link: packet.LinkHEP})
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			core.Finish()
			s := core.Snapshot()
			if f := s.Figures.Total; int(f.Answered) != 20 || int(f.AnsweredMs) != talk(f.AnsweredMs, &want.Calls) || f.ByRelease[dialog.NoResponse] != 0 {
				t.Errorf("%d answered for %d ms, %d without response; want 20 for %d, 0",
					f.Answered, f.AnsweredMs, f.ByRelease[dialog.NoResponse], want.Calls.Talk.Milliseconds())
			}
			if n := s.Packets.ClockCorrections; n > 1 || n == 0 && off != 0 {
				t.Errorf("%d corrections", n)
			}
		})
	}
}

// hep2 is p as a HEP packet of version 2, seen at when.
func hep2(p *packet.Packet, when int64) []byte {
	b := []byte{2, 16, 2, 17}
	b = binary.BigEndian.AppendUint16(b, p.Src.Port)
	b = binary.BigEndian.AppendUint16(b, p.Dst.Port)
	b = append(append(b, p.Src.IP[12:]...), p.Dst.IP[12:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(when/1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(when%1e9/1e3))
	return append(append(b, 1, 0, 0, 0), p.Payload...)
}
