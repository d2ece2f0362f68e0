package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// vault keeps what is saved, as a disk does, and all that runs told.
type vault struct {
	t       testing.TB
	saved   map[uint64][]byte
	over    map[uint64]bool // finished in this run
	saves   int
	records []string
	minutes []counters.Minute
	ended   map[int64][3]uint64 // by minute: calls that are over, of those the answered, their length in milliseconds
	ticks   []int64
}

func newVault(t testing.TB) *vault {
	return &vault{t: t, saved: map[uint64][]byte{}, ended: map[int64][3]uint64{}}
}

// run returns a Core that goes on with what the last one saved.
func (v *vault) run(cfg Config, epoch uint64, now int64) *Core {
	v.t.Helper()
	v.over = map[uint64]bool{}
	cfg.KeepOpen = true
	cfg.Saved = func(id uint64, state []byte) {
		if v.over[id] {
			v.t.Errorf("call %d is saved after its end", id)
		}
		v.saves++
		v.saved[id] = bytes.Clone(state)
	}
	cfg.Dropped = func(id uint64) {
		if v.saved[id] == nil {
			v.t.Errorf("call %d is dropped, and was not saved", id)
		}
		delete(v.saved, id)
	}
	cfg.Minute = func(list []counters.Minute, _ *party.Book) { v.minutes = append(v.minutes, list...) }
	cfg.Ticked = func(now int64) { v.ticks = append(v.ticks, now) }
	finished := cfg.Finished
	cfg.Finished = func(l *dialog.Leg, m *counters.MediaResult, b *party.Book) {
		v.finish(l)
		if finished != nil {
			finished(l, m, b)
		}
	}
	c := New(cfg)
	var saved []Saved
	for id, state := range v.saved {
		saved = append(saved, Saved{id, state})
	}
	want := max(len(saved)-1, 0)
	if restored, bad := c.Restore(epoch, saved, now); bad != 0 || restored != want {
		v.t.Errorf("%d calls restored, %d bad, want %d", restored, bad, want)
	}
	return c
}

func (v *vault) finish(l *dialog.Leg) {
	v.over[l.ID] = true
	v.records = append(v.records, fmt.Sprintf("%s %s %v %d-%d-%d-%d", l.CallID, l.FromTag, l.Release, l.Invited, l.Rang, l.Answer, l.End))
	if outcome, _ := counters.Outcome(l); outcome && l.Call {
		minute := l.Closed - l.Closed%int64(time.Minute)
		sum := v.ended[minute]
		sum[0]++
		if l.Answer != 0 {
			sum[1]++
			sum[2] += uint64(time.Duration(l.End - l.Answer).Round(time.Millisecond).Milliseconds())
		}
		v.ended[minute] = sum
	}
}

// total adds the minutes of one kind and party up.
func (v *vault) total(kind party.Kind, id party.ID) (f counters.Figures) {
	for _, m := range v.minutes {
		if m.Kind == kind && m.Party == id {
			f.Started += m.Started
			f.Outcomes += m.Outcomes
			f.Answered += m.Answered
			f.Effective += m.Effective
			f.Over += m.Over
			f.Ended += m.Ended
			f.AnsweredMs += m.AnsweredMs
			f.PDD.Count += m.PDD.Count
			f.SeenMidcall += m.SeenMidcall
		}
	}
	return f
}

// TestRestarts plays traffic to one run, and to many that take over from each
// other: the records are the same, and so are the sums of all minutes.
func TestRestarts(t *testing.T) {
	for name, plan := range map[string]testkit.Plan{
		"proxy": {Calls: 150, Rate: 10, Mix: everyOutcome, Spread: 0.5, Challenge: true},
		"b2bua": {Calls: 150, Rate: 10, Mix: everyOutcome, Spread: 0.5, Switch: testkit.B2BUA},
	} {
		t.Run(name, func(t *testing.T) {
			plan, all := frames(t, plan)
			for seed := range uint64(3) {
				r := rand.New(rand.NewPCG(seed, 8))
				one, many := newVault(t), newVault(t)
				playRuns(t, one, Config{Book: book(t, plan)}, all, func(int64) bool { return false })
				last, runs := all[0].Time, 1
				playRuns(t, many, Config{Book: book(t, plan)}, all, func(now int64) bool {
					if now < last+int64(200*time.Millisecond)+r.Int64N(int64(3*time.Second)) {
						return false
					}
					last, runs = now, runs+1
					return true
				})
				slices.Sort(one.records)
				slices.Sort(many.records)
				if diff := cmp.Diff(one.records, many.records); diff != "" {
					t.Fatalf("seed %d, %d runs: records of one (-), of many (+)\n%s", seed, runs, diff)
				}
				if runs < 5 || len(one.records) < plan.Calls {
					t.Fatalf("%d runs, %d records", runs, len(one.records))
				}
				for _, kind := range []party.Kind{0, party.Customer, party.Carrier} {
					for id := range book(t, plan).Len() {
						a, b := one.total(kind, party.ID(id)), many.total(kind, party.ID(id))
						if a != b {
							t.Errorf("seed %d: kind %v party %d: %+v in one run, %+v in %d", seed, kind, id, a, b, runs)
						}
					}
				}
				reconcile(t, one)
				reconcile(t, many)
			}
		})
	}
}

// playRuns plays frames to a run, and to a new one whenever stop says so.
func playRuns(t *testing.T, v *vault, cfg Config, all []packet.Frame, stop func(now int64) bool) {
	t.Helper()
	epoch := uint64(1)
	c := v.run(cfg, epoch, all[0].Time)
	for i := range all {
		if stop(all[i].Time) {
			c.Finish()
			if s := c.Snapshot().Figures; s.Skew != 0 {
				t.Fatalf("a gauge was led below zero in run %d", epoch)
			}
			epoch++
			c = v.run(cfg, epoch, all[i].Time)
		}
		c.Frame(&all[i])
	}
	c.Tick(all[len(all)-1].Time + int64(time.Minute))
	if f := c.Snapshot().Figures.Total; f.Live() != 0 {
		t.Errorf("%d calls live at the end", f.Live())
	}
	c.Finish()
	if len(v.saved) != 1 {
		t.Errorf("%d calls are saved when all are over", len(v.saved)-1)
	}
}

// reconcile compares the minutes with the records by the minute in which these
// were made.
func reconcile(t *testing.T, v *vault) {
	t.Helper()
	told := map[int64][3]uint64{}
	for _, m := range v.minutes {
		if m.Kind == 0 {
			sum := told[m.Start]
			told[m.Start] = [3]uint64{sum[0] + m.Over, sum[1] + m.Ended, sum[2] + m.AnsweredMs}
		}
	}
	for at, sum := range told {
		if sum == [3]uint64{} {
			delete(told, at)
		}
	}
	if diff := cmp.Diff(v.ended, told); diff != "" {
		t.Errorf("records (-) and minutes (+) of a minute differ:\n%s", diff)
	}
}

// TestRestoredMedia: a call that was up is seen at once by the next run, its
// media too, and its end has its true length.
func TestRestoredMedia(t *testing.T) {
	s := newScene(t, newFakeKernel())
	cfg := s.core.cfg
	v := newVault(t)
	s.core = v.run(cfg, 11, s.now)
	s.call("c1", phone, phoneRTP, switchRTP)
	s.talk(phoneRTP, switchRTP, 1, 100, step)
	first := s.now
	s.kernel = newFakeKernel() // the old one went with its process, which was killed
	cfg.Kernel = s.kernel
	s.now += int64(20 * time.Second)
	var got []string
	finished := cfg.Finished
	cfg.Finished = func(l *dialog.Leg, m *counters.MediaResult, b *party.Book) {
		finished(l, m, b)
		got = append(got, fmt.Sprint(l.Epoch, l.ID, l.Restored, (l.End-l.Answer)/1e9, l.Closed > l.End))
	}
	s.core = v.run(cfg, 12, s.now)
	if f := s.core.Snapshot().Figures.Total; f.LiveAnswered != 1 || f.Started != 0 || f.Answered != 0 {
		t.Errorf("after the restart: %d live, %d started, %d answered", f.LiveAnswered, f.Started, f.Answered)
	}
	if !s.kernel.open[at(switchRTP)] || !s.kernel.open[at(phoneRTP)] {
		t.Errorf("open in the kernel: %v", s.kernel.open)
	}
	s.talk(phoneRTP, switchRTP, 1, 50, step)
	s.call("c2", phone2, phone2RTP, theSwitch+":6002")
	s.bye("c2", phone2)
	s.bye("c1", phone)
	s.want("c1", "bye_caller two_way, 50 and 50 packets, 0 lost, 0 keys, mos true")
	length := (s.now-first)/1e9 - 10 + 2 // what want waits is no part of it
	if want := []string{fmt.Sprint(11, 1, true, length, true), fmt.Sprint(12, 2, false, 0, true)}; !slices.Equal(sorted(got), want) {
		t.Errorf("records %v, want %v", got, want)
	}
	if len(v.saved) != 1 || len(s.kernel.open) != 0 {
		t.Errorf("%d calls saved, open in the kernel %v", len(v.saved)-1, s.kernel.open)
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// TestEndMissed: the BYE of a call passed while no agent ran. Where media is
// seen, that is found out; the call ended when it was last watched.
func TestEndMissed(t *testing.T) {
	both(t, func(s *scene) {
		v := newVault(t)
		cfg := s.core.cfg
		s.core = v.run(cfg, 1, s.now)
		s.call("gone", phone, phoneRTP, switchRTP)
		s.call("alive", phone2, phone2RTP, theSwitch+":6002")
		s.call("past", "10.1.0.3", "10.1.0.3:4000", faraway+":7000") // its media goes past the switch
		answered := s.now
		s.talk(phoneRTP, switchRTP, 1, 50, step)
		s.wait(30 * time.Second)
		watched := s.now
		s.now += int64(time.Minute)
		if s.kernel != nil { // the old one went with its process
			s.kernel = newFakeKernel()
			cfg.Kernel = s.kernel
		}
		var ends []string
		cfg.Finished = func(l *dialog.Leg, m *counters.MediaResult, _ *party.Book) {
			ends = append(ends, fmt.Sprint(l.CallID, " ", l.Release, " ", m.Class(), " ", (l.End-answered)/1e9))
		}
		s.core = v.run(cfg, 2, s.now)
		for i := range 400 {
			s.rtp(phone2RTP, theSwitch+":6002", 7, i, 160) // nobody answers, and it is a sign of life
			s.wait(time.Second)
		}
		want := fmt.Sprint("gone end_missed not_seen ", (watched-answered)/1e9)
		if strings.Join(ends, "; ") != want {
			t.Errorf("ends: %q, want %q", ends, want)
		}
		if f := s.core.Snapshot().Figures.Total; f.LiveAnswered != 2 {
			t.Errorf("%d live", f.LiveAnswered)
		}
	})
}

// TestBadStates: what cannot be read is dropped, and does not come again.
func TestBadStates(t *testing.T) {
	var dropped []uint64
	c := New(Config{Book: book(t, testkit.Plan{}), Saved: func(uint64, []byte) {}, Dropped: func(id uint64) { dropped = append(dropped, id) }})
	restored, bad := c.Restore(1, []Saved{{0, []byte("x")}, {5, nil}, {3, []byte{1, 2, 3}}}, 1e18)
	slices.Sort(dropped)
	if restored != 0 || bad != 2 || !slices.Equal(dropped, []uint64{3, 5}) {
		t.Errorf("%d restored, %d bad, dropped %v", restored, bad, dropped)
	}
}

// TestManyCalls takes over more calls than one step takes.
func TestManyCalls(t *testing.T) {
	const calls = 3*restoreAtOnce + 5
	plan, all := frames(t, testkit.Plan{Calls: calls, Rate: 2000, Hold: time.Hour})
	v := newVault(t)
	core := v.run(Config{Book: book(t, plan)}, 1, all[0].Time)
	up := all[0].Time + int64(time.Minute)
	for i := range all {
		if all[i].Time < up {
			core.Frame(&all[i])
		}
	}
	core.Finish()
	core = v.run(Config{Book: book(t, plan)}, 2, up)
	if f := core.Snapshot().Figures.Total; f.LiveAnswered != calls || f.Peak != calls || len(v.saved) != calls+1 {
		t.Errorf("%d live, peak %d, %d saved", f.LiveAnswered, f.Peak, len(v.saved))
	}
	if n := cap(core.legs.Tick(up)); n > 20*restoreAtOnce {
		t.Errorf("room for %d effects is kept", n)
	}
}

// TestRestoredAtOnce: calls that are taken over after the task was made are in its
// snapshot as soon as it is ready, not a second later.
func TestRestoredAtOnce(t *testing.T) {
	s := newScene(t, nil)
	cfg := s.core.cfg
	v := newVault(t)
	s.core = v.run(cfg, 1, s.now)
	s.call("up", phone, phoneRTP, switchRTP)
	s.core.Finish()

	core := New(cfg)
	task := NewTask(core, NewQueue(1))
	var saved []Saved
	for id, state := range v.saved {
		saved = append(saved, Saved{id, state})
	}
	if restored, bad := core.Restore(2, saved, s.now); restored != 1 || bad != 0 {
		t.Fatalf("%d calls restored, %d bad", restored, bad)
	}
	end := run(t, task)
	if live := task.Snapshot().Figures.Total.LiveAnswered; live != 1 {
		t.Errorf("%d live as it begins, want 1", live)
	}
	end()
}

// TestTicked: the time is told once a second, and at the end.
func TestTicked(t *testing.T) {
	var ticks []int64
	c := New(Config{Book: book(t, testkit.Plan{}), Ticked: func(now int64) { ticks = append(ticks, now) }})
	start := int64(1_700_000_000) * 1e9
	for _, ms := range []int64{0, 300, 999, 1000, 1500, 3999} {
		c.Tick(start + ms*1e6)
	}
	c.Finish()
	want := []int64{start, start + 1e9, start + 3999e6, start + 3999e6}
	if !slices.Equal(ticks, want) {
		t.Errorf("told %v, want %v", ticks, want)
	}
}

// TestCheckpointAllocations: a second with changes in calls that are up costs no
// allocation but those of whoever keeps what is saved.
func TestCheckpointAllocations(t *testing.T) {
	s := newScene(t, nil)
	cfg := s.core.cfg
	saves := 0
	cfg.Saved = func(uint64, []byte) { saves++ }
	s.core = New(cfg)
	s.core.Restore(1, nil, s.now)
	s.call("c1", phone, phoneRTP, switchRTP)
	changed := func() {
		s.sip("c1", "SIP/2.0 200 OK", false, phone, "") // the scene's own text allocates
		s.now += int64(time.Second)
	}
	without := testing.AllocsPerRun(50, changed)
	saves = 0
	with := testing.AllocsPerRun(50, func() {
		changed()
		s.core.Tick(s.now)
	})
	if with-without > 1 || saves < 100 {
		t.Errorf("%v allocations a second, %d saves", with-without, saves)
	}
}

// BenchmarkCheckpoints is BenchmarkMessages with every call saved.
func BenchmarkCheckpoints(b *testing.B) {
	saves, bytes := 0, 0
	benchmark(b, testkit.Plan{Calls: 5000, Rate: 1000, Hold: 2 * time.Second}, func(c *Config) {
		c.Saved = func(_ uint64, state []byte) {
			saves++
			bytes += len(state)
		}
		c.Dropped = func(uint64) {}
		c.Minute = func([]counters.Minute, *party.Book) {}
	})
	b.ReportMetric(float64(bytes)/float64(max(saves, 1)), "bytes/save")
	b.ReportMetric(float64(saves)/float64(b.N), "saves/message")
}
