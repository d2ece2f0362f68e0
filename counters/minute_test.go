package counters

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
)

// leaves lists every number in v, with what it is called.
func leaves(v reflect.Value, name string, to map[string]*uint64) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			leaves(v.Field(i), name+"."+v.Type().Field(i).Name, to)
		}
	}
	if v.Kind() == reflect.Array {
		for i := range v.Len() {
			leaves(v.Index(i), name+"."+string(rune('a'+i)), to)
		}
	}
	if v.Kind() == reflect.Uint64 {
		to[name] = (*uint64)(v.Addr().UnsafePointer())
	}
}

// TestSumsAreComplete: a figure that is added later is not left out of minutes.
func TestSumsAreComplete(t *testing.T) {
	var f Figures
	all := map[string]*uint64{}
	leaves(reflect.ValueOf(&f).Elem(), "", all)
	sums := f.sums(nil)
	for _, none := range []string{".LiveSetup", ".LiveAnswered", ".Peak", ".PeakAnswered", ".Rate.Last", ".Rate.Max", ".Rate.count", ".high", ".highAnswered"} {
		if all[none] == nil || slices.Contains(sums, all[none]) {
			t.Errorf("%s is added up, or is none", none)
		}
		delete(all, none)
	}
	for name, p := range all {
		if !slices.Contains(sums, p) {
			t.Errorf("%s is in no minute", name)
		}
	}
	if len(sums) != len(all) {
		t.Errorf("%d sums of %d figures", len(sums), len(all))
	}
}

// TestMinutesAddUp plays calls under a clock that leaps and goes back: the sum
// of all minutes is the figures, and their greatest peak is the peak.
func TestMinutesAddUp(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		book := chaosBook(t)
		table, c := dialog.NewTable(dialog.Config{MediaTimeout: -1}, book), New(book.Len())
		sum := map[party.Kind]map[party.ID]Figures{0: {}, party.Customer: {}, party.Carrier: {}}
		ends := 0
		add := func(list []Minute) {
			for i := range list {
				m := &list[i]
				f := sum[m.Kind][m.Party]
				to, from := f.sums(nil), m.Figures.sums(nil)
				for i := range to {
					*to[i] += *from[i]
				}
				f.Peak, f.PeakAnswered = max(f.Peak, m.Peak), max(f.PeakAnswered, m.PeakAnswered)
				f.LiveSetup, f.LiveAnswered = m.LiveSetup, m.LiveAnswered
				sum[m.Kind][m.Party] = f
				if m.Start%minute != 0 || m.Observed < 0 || m.Observed > time.Minute {
					t.Fatalf("seed %d: a minute from %d, %v of it watched", seed, m.Start, m.Observed)
				}
			}
			if len(list) > 0 {
				ends++
				if list[0].Kind != 0 {
					t.Fatalf("seed %d: the total is not first", seed)
				}
			}
		}
		step := func(effects []dialog.Effect) {
			for i := range effects {
				if l := effects[i].Leg; effects[i].Kind == dialog.LegClosed {
					c.Media(l, &MediaResult{Sent: [2]media.Summary{{Presses: 2, MOS: 4}, {Presses: 1}}})
				}
				c.Step(&effects[i])
			}
		}
		now := int64(1e18)
		for _, m := range disturb(r, chaosMessages(r)) {
			switch now += r.Int64N(int64(20 * time.Second)); r.IntN(12) {
			case 0:
				now += r.Int64N(int64(3 * time.Hour))
			case 1:
				now -= r.Int64N(int64(3 * time.Hour))
			}
			add(c.Tick(now))
			m.packet.Time = now
			step(table.Message(&m.packet, &m.message))
			step(table.Tick(now))
		}
		step(table.Finish(now))
		add(c.Close())
		if extra := c.Close(); len(extra) != 1 || extra[0].Figures != (Figures{}) {
			t.Errorf("seed %d: after the last minute came %+v", seed, extra)
		}
		same := func(what string, got, want Figures) {
			want.Rate, want.high, want.highAnswered = Rate{}, 0, 0
			if got != want {
				t.Errorf("seed %d: %s: %s", seed, what, cmp.Diff(want, got, cmp.AllowUnexported(Figures{}, Rate{})))
			}
		}
		same("total", sum[0][0], c.total.Figures)
		for i := range book.Len() {
			id := party.ID(i)
			same("customer", sum[party.Customer][id], *c.customer(id))
			same("carrier", sum[party.Carrier][id], *c.carrier(id))
		}
		if t.Failed() || ends == 0 {
			t.Fatalf("seed %d: %d minutes", seed, ends)
		}
	}
}

// TestObserved: what was watched of each minute, by ticks at seconds.
func TestObserved(t *testing.T) {
	type told struct{ start, watched int64 } // seconds
	for _, tt := range []struct {
		name  string
		ticks []int64
		want  []told
	}{
		{"a second apart", every(30, 150), []told{{0, 30}, {60, 60}, {120, 30}}},
		{"nothing seen twice", []int64{60, 60, 60}, []told{{60, 0}}},
		{"a pause", append(every(0, 10), every(40, 60)...), []told{{0, 30}, {60, 0}}},
		{"minutes without a tick", append(every(0, 30), every(200, 245)...), []told{{0, 30}, {180, 40}, {240, 5}}},
		{"over the boundary", []int64{55, 64, 65}, []told{{0, 5}, {60, 5}}},
		{"set back", append(every(100, 130), every(10, 70)...), []told{{60, 20}, {120, 10}, {0, 50}, {60, 10}}},
		{"set back within the minute", append(every(0, 50), every(20, 60)...), []told{{0, 60}, {60, 0}}},
		{"before 1970", every(-70, -50), []told{{-120, 10}, {-60, 10}}},
	} {
		c := New(0)
		var got []told
		add := func(list []Minute) {
			for _, m := range list {
				got = append(got, told{m.Start / second, int64(m.Observed.Seconds())})
			}
		}
		for _, s := range tt.ticks {
			add(c.Tick(s * second))
		}
		add(c.Close())
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(told{})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if list := New(3).Close(); list != nil {
		t.Errorf("without any time: %+v", list)
	}
}

func every(from, to int64) (out []int64) {
	for s := from; s <= to; s++ {
		out = append(out, s)
	}
	return out
}

// TestMinuteOfParties: a party with a live call is told of every minute, one
// without anything never, and peaks are those of the minute.
func TestMinuteOfParties(t *testing.T) {
	c := New(4)
	c.Tick(0)
	legs := []*dialog.Leg{{ID: 1, Call: true, Initial: true, Customer: 1}, {ID: 2, Call: true, Initial: true, Customer: 1}}
	for _, l := range legs {
		c.Step(&dialog.Effect{Kind: dialog.LegOpened, Now: dialog.Setup, Leg: l})
	}
	c.Step(&dialog.Effect{Kind: dialog.LegReleased, Was: dialog.Setup, Now: dialog.Ended, Leg: legs[1]})
	want := [][3]uint64{{1, 2, 2}, {1, 0, 1}} // live at the end, started, peak
	for i, at := range []int64{61, 122} {
		list := c.Tick(at * second)
		if len(list) != 2 || list[0].Kind != 0 || list[1].Kind != party.Customer || list[1].Party != 1 {
			t.Fatalf("minute %d: %+v", i, list)
		}
		for _, m := range list {
			if [3]uint64{m.LiveSetup, m.Started, m.Peak} != want[i] || m.PeakAnswered != 0 {
				t.Errorf("minute %d: %d live, %d started, peak %d", i, m.LiveSetup, m.Started, m.Peak)
			}
		}
	}
	c.Step(&dialog.Effect{Kind: dialog.LegReleased, Was: dialog.Setup, Now: dialog.Ended, Leg: legs[0]})
	if list := c.Tick(183 * second); len(list) != 2 || list[1].Peak != 1 || list[1].LiveSetup != 0 {
		t.Errorf("the minute in which the last call ended: %+v", list)
	}
	if list := c.Tick(244 * second); len(list) != 1 {
		t.Errorf("a minute without calls: %+v", list)
	}
}

// TestMinuteAllocations: a minute of a hundred parties costs no allocation once
// there was one.
func TestMinuteAllocations(t *testing.T) {
	c := New(100)
	for i := range party.ID(100) {
		c.customer(i).LiveAnswered = 1
	}
	now := int64(0)
	if n := testing.AllocsPerRun(20, func() {
		now += minute
		c.Tick(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
