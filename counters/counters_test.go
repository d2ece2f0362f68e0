package counters

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
)

const (
	acme  party.ID = 1
	telco party.ID = 2
	other party.ID = 3
)

func testBook(t *testing.T) *party.Book {
	t.Helper()
	b, err := party.NewBook([]party.Entry{
		{Name: "acme", Kind: party.Customer, Channels: 30},
		{Name: "telco", Kind: party.Carrier},
		{Name: "other", Kind: party.Carrier},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// script drives Counters with one leg's effects, as the dialog table emits them.
type script struct {
	c   *Counters
	leg *dialog.Leg
	now int64
}

func newScript(c *Counters) *script {
	l := &dialog.Leg{ID: 1, CallID: "a", Customer: acme, Call: true, Initial: true, Invited: 1e9}
	return &script{c: c, leg: l, now: 1e9}
}

func (s *script) after(d time.Duration) *script { s.now += int64(d); return s }

func (s *script) emit(k dialog.EffectKind, was, now dialog.State, again bool, attempt int) {
	s.c.Step(&dialog.Effect{Kind: k, Was: was, Now: now, Again: again, Time: s.now, Leg: s.leg, Attempt: attempt})
}

func (s *script) open() *script {
	s.leg.State = dialog.Setup
	s.emit(dialog.LegOpened, 0, dialog.Setup, false, 0)
	return s
}

func (s *script) again() *script {
	s.leg.State, s.leg.End, s.leg.Release = dialog.Setup, 0, 0
	s.emit(dialog.LegOpened, dialog.Ended, dialog.Setup, true, 0)
	return s
}

func (s *script) ring() *script { s.leg.Rang = s.now; return s }

func (s *script) answer() *script {
	s.leg.State, s.leg.Answer, s.leg.Status = dialog.Answered, s.now, 200
	s.emit(dialog.LegAnswered, dialog.Setup, dialog.Answered, false, 0)
	return s
}

func (s *script) release(why dialog.Release, status uint16) *script {
	was := s.leg.State
	s.leg.State, s.leg.End, s.leg.Release = dialog.Ended, s.now, why
	if status != 0 {
		s.leg.Status = status
	}
	s.emit(dialog.LegReleased, was, dialog.Ended, false, 0)
	return s
}

func (s *script) close() *script {
	s.emit(dialog.LegClosed, dialog.Ended, dialog.Ended, false, 0)
	return s
}

func (s *script) try(carrier party.ID) *script {
	s.leg.Attempts = append(s.leg.Attempts, dialog.Attempt{Carrier: carrier, State: dialog.Setup, Invited: s.now})
	s.emit(dialog.AttemptOpened, 0, dialog.Setup, false, len(s.leg.Attempts)-1)
	return s
}

func (s *script) last() *dialog.Attempt { return &s.leg.Attempts[len(s.leg.Attempts)-1] }

func (s *script) tryAgain() *script {
	a := s.last()
	a.State, a.End, a.Release = dialog.Setup, 0, 0
	s.emit(dialog.AttemptOpened, dialog.Ended, dialog.Setup, true, len(s.leg.Attempts)-1)
	return s
}

func (s *script) tryAnswered() *script {
	a := s.last()
	was := a.State
	a.State, a.Answer, a.Status = dialog.Answered, s.now, 200
	s.emit(dialog.AttemptAnswered, was, dialog.Answered, false, len(s.leg.Attempts)-1)
	return s
}

func (s *script) tryReleased(why dialog.Release, status uint16) *script {
	a := s.last()
	was := a.State
	a.State, a.End, a.Release = dialog.Ended, s.now, why
	if status != 0 {
		a.Status = status
	}
	s.emit(dialog.AttemptReleased, was, dialog.Ended, false, len(s.leg.Attempts)-1)
	return s
}

func TestOutcomes(t *testing.T) {
	type ratios struct{ ASR, NER, SER, SEER, ISA, SCR Ratio }
	tests := []struct {
		name string
		run  func(s *script)
		want ratios
	}{
		{"answered and hung up", func(s *script) {
			s.open().after(time.Second).ring().answer().after(time.Minute).release(dialog.ByeCallee, 0).close()
		}, ratios{Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"answered and going on", func(s *script) { s.open().answer() },
			ratios{Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{}}},
		{"in setup", func(s *script) { s.open().ring() }, ratios{}},
		{"failed but may come back", func(s *script) { s.open().release(dialog.Failed, 486) }, ratios{}},
		{"challenged, then answered", func(s *script) {
			s.open().release(dialog.Failed, 407).again().answer().release(dialog.ByeCaller, 0).close()
		}, ratios{Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"challenged and given up", func(s *script) { s.open().release(dialog.Failed, 401).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"busy", func(s *script) { s.open().release(dialog.Failed, 486).close() },
			ratios{Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"unavailable", func(s *script) { s.open().release(dialog.Failed, 480).close() },
			ratios{Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"declined", func(s *script) { s.open().release(dialog.Failed, 603).close() },
			ratios{Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"cancelled while ringing", func(s *script) { s.open().ring().release(dialog.Cancelled, 487).close() },
			ratios{Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"cancelled in silence", func(s *script) { s.open().release(dialog.Cancelled, 487).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}}},
		{"rang out", func(s *script) { s.open().ring().release(dialog.Failed, 408).close() },
			ratios{Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}}},
		{"timed out", func(s *script) { s.open().release(dialog.Failed, 408).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}}},
		{"no response", func(s *script) { s.open().release(dialog.NoResponse, 0).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}}},
		{"no response after a challenge", func(s *script) {
			s.open().release(dialog.Failed, 407).again().release(dialog.NoResponse, 0).close()
		}, ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{0, 1}}},
		{"service unavailable", func(s *script) { s.open().release(dialog.Failed, 503).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{0, 1}, Ratio{1, 1}, Ratio{1, 1}}},
		{"redirected", func(s *script) { s.open().release(dialog.Failed, 302).close() },
			ratios{Ratio{0, 1}, Ratio{0, 1}, Ratio{}, Ratio{}, Ratio{0, 1}, Ratio{1, 1}}},
		{"media went silent", func(s *script) { s.open().answer().release(dialog.MediaSilence, 0).close() },
			ratios{Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{0, 1}}},
		{"answered, its end was missed", func(s *script) { s.open().answer().release(dialog.EndMissed, 0).close() },
			ratios{Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{1, 1}, Ratio{0, 1}, Ratio{0, 1}}},
		{"ringing, its end was missed", func(s *script) { s.open().ring().release(dialog.EndMissed, 0).close() }, ratios{}},
		{"open when the capture ends", func(s *script) { s.open().ring().release(dialog.CaptureEnd, 0).close() }, ratios{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(4)
			tt.run(newScript(c))
			snap := c.Snapshot(testBook(t))
			f := snap.Total
			got := ratios{f.ASR(), f.NER(), f.SER(), f.SEER(), f.ISA(), f.SCR()}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if f.Started != 1 || snap.Skew != 0 {
				t.Errorf("started %d, skew %d", f.Started, snap.Skew)
			}
			if snap.Customers[0].Figures != f {
				t.Error("the only customer's figures differ from the total")
			}
		})
	}
}

func TestLiveGauges(t *testing.T) {
	c := New(4)
	s := newScript(c)
	live := func(setup, answered uint64) {
		t.Helper()
		f := &c.total
		if f.LiveSetup != setup || f.LiveAnswered != answered {
			t.Errorf("live %d setup, %d answered; want %d, %d", f.LiveSetup, f.LiveAnswered, setup, answered)
		}
	}
	s.open()
	live(1, 0)
	s.release(dialog.Failed, 401)
	live(0, 0)
	s.again()
	live(1, 0)
	s.answer()
	live(0, 1)
	b := newScript(c)
	b.open()
	live(1, 1)
	s.after(time.Minute).release(dialog.ByeCaller, 0).close()
	live(1, 0)
	b.release(dialog.Cancelled, 487).close()
	live(0, 0)
	if c.total.Peak != 2 || c.total.PeakAnswered != 1 || c.skew != 0 {
		t.Errorf("peak %d, peak answered %d, skew %d", c.total.Peak, c.total.PeakAnswered, c.skew)
	}
	b.release(dialog.Cancelled, 487) // what the table never does must not go below zero
	b.leg.State = dialog.Setup
	b.release(dialog.Cancelled, 487)
	live(0, 0)
	if c.skew == 0 {
		t.Error("a gauge change that led below zero was not counted")
	}
}

func TestDurationsAndReleases(t *testing.T) {
	c := New(4)
	newScript(c).open().after(2*time.Second).ring().after(3*time.Second).answer().after(61_250*time.Millisecond).release(dialog.ByeCaller, 0).close()
	newScript(c).open().after(time.Second).answer().after(time.Second).release(dialog.MaxAge, 0).close()
	newScript(c).open().answer() // goes on: in neither part of ACD
	early := newScript(c).open().release(dialog.ByeCaller, 0).after(time.Second)
	early.leg.Answer, early.leg.Status = early.now, 200 // its BYE was captured before its answer
	early.emit(dialog.LegAnswered, dialog.Ended, dialog.Ended, false, 0)
	early.close()
	f := &c.total
	if want := (Ratio{62_250, 3}); f.ACD() != want {
		t.Errorf("ACD %v, want %v", f.ACD(), want)
	}
	if f.Answered != 4 || f.Outcomes != 4 || f.LiveAnswered != 1 || f.ByRelease[dialog.ByeCaller] != 2 || f.ByRelease[dialog.MaxAge] != 1 {
		t.Errorf("%+v", f)
	}
	if f.PDD.Count != 4 || f.PDD.SumMs != 4000 {
		t.Errorf("PDD %+v", f.PDD)
	}
}

func TestAttempts(t *testing.T) {
	c := New(1) // must grow
	s := newScript(c).open().try(telco)
	s.after(time.Second).tryReleased(dialog.Failed, 503)
	if f := c.carrier(telco); f.Outcomes != 1 || f.Defects != 1 || f.LiveSetup != 0 {
		t.Errorf("a refused attempt counts at once: %+v", f)
	}
	s.try(other).tryReleased(dialog.Failed, 407)
	if f := c.carrier(other); f.Outcomes != 0 {
		t.Errorf("a challenged attempt has no outcome yet: %+v", f)
	}
	s.tryAgain().tryAnswered().answer().after(time.Minute).tryReleased(dialog.ByeCaller, 0).release(dialog.ByeCaller, 0).close()
	f := c.carrier(other)
	if f.Started != 1 || f.Outcomes != 1 || f.Answered != 1 || f.AnsweredMs != 60_000 || f.Over != 1 || f.Live() != 0 {
		t.Errorf("%+v", f)
	}
	if f := c.carrier(telco); f.Over != 1 || f.ByRelease[dialog.Failed] != 1 || f.AnsweredMs != 0 {
		t.Errorf("%+v", f)
	}
	newScript(c).open().try(other).tryReleased(dialog.Failed, 401).release(dialog.Failed, 401).close()
	if f := c.carrier(other); f.Outcomes != 2 || f.ASR() != (Ratio{1, 2}) {
		t.Errorf("an unanswered challenge is an outcome when the leg closes: %+v", f)
	}
	race := newScript(c).open().try(telco).tryReleased(dialog.Failed, 487)
	race.tryAnswered().tryReleased(dialog.ByeCaller, 0)
	if f := c.carrier(telco); f.Outcomes != 2 || f.Answered != 1 || f.Live() != 0 {
		t.Errorf("a 2xx after a 487 must not make two outcomes: %+v", f)
	}
}

func TestOnlyCallsCountAsCalls(t *testing.T) {
	c := New(4)
	s := newScript(c)
	s.leg.Call, s.leg.Customer = false, party.Unknown
	s.open().try(telco).tryAnswered().answer().tryReleased(dialog.ByeCallee, 0).release(dialog.ByeCallee, 0).close()
	mid := newScript(c)
	mid.leg.Initial = false
	mid.leg.State = dialog.Answered
	mid.emit(dialog.LegOpened, 0, dialog.Answered, false, 0)
	if f := &c.total; f.Started != 0 || f.SeenMidcall != 1 || f.LiveAnswered != 1 {
		t.Errorf("%+v", f)
	}
	mid.release(dialog.ByeCaller, 0).close()
	if f := &c.total; f.Live() != 0 || f.Outcomes != 0 || f.Over != 0 || f.Ended != 0 {
		t.Errorf("%+v", f)
	}
	if f := c.carrier(telco); f.Answered != 1 {
		t.Errorf("%+v", f)
	}
}

func TestMedia(t *testing.T) {
	sent := func(packets, presses int) media.Summary {
		return media.Summary{Counters: media.Counters{Packets: uint64(packets), Lost: uint64(packets / 10)}, Presses: presses, MOS: 4}
	}
	tests := []struct {
		name    string
		result  MediaResult
		class   MediaClass
		visible uint64
		digits  uint64
	}{
		{"both ways", MediaResult{Sent: [2]media.Summary{sent(100, 2), sent(90, 0)}}, MediaTwoWay, 1, 1},
		{"no digit", MediaResult{Sent: [2]media.Summary{sent(100, 0), sent(90, 0)}}, MediaTwoWay, 1, 0},
		{"one way", MediaResult{Sent: [2]media.Summary{{}, sent(90, 1)}, Expected: true}, MediaOneWay, 1, 1},
		{"false answer", MediaResult{Expected: true}, MediaNone, 0, 0},
		{"bypassed", MediaResult{}, MediaNotSeen, 0, 0},
		{"shared, one way", MediaResult{Sent: [2]media.Summary{{}, sent(90, 1)}, Expected: true, Shared: true}, MediaNotSeen, 0, 0},
		{"shared, nothing", MediaResult{Expected: true, Shared: true}, MediaNotSeen, 0, 0},
		{"one way since a restart", MediaResult{Sent: [2]media.Summary{{}, sent(90, 1)}, Expected: true, Restored: true}, MediaNotSeen, 0, 0},
		{"nothing since a restart", MediaResult{Expected: true, Restored: true}, MediaNotSeen, 0, 0},
		{"shared, both ways", MediaResult{Sent: [2]media.Summary{sent(100, 2), sent(90, 0)}, Shared: true}, MediaTwoWay, 1, 1},
		{"encrypted", MediaResult{Sent: [2]media.Summary{sent(100, 0), sent(90, 0)}, Encrypted: true}, MediaEncrypted, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(4)
			s := newScript(c).open().try(telco).tryAnswered().answer()
			s.leg.Digits[1].Count = 3
			c.Media(s.leg, &tt.result)
			for _, f := range []*Figures{&c.total.Figures, c.customer(acme), c.carrier(telco)} {
				if f.Media[tt.class] != 1 || f.MediaVisible != tt.visible || f.DTMFShare() != (Ratio{tt.digits, tt.visible}) {
					t.Errorf("class %v, %+v", tt.result.Class(), f)
				}
				if f.InfoDigits != [2]uint64{0, 3} || f.CallsWithInfo != 1 {
					t.Errorf("%+v", f)
				}
				if p := tt.result.Sent[0].Packets; f.Packets[0] != p || f.Loss(0) != (Ratio{p / 10, p + p/10}) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
	c := New(4)
	s := newScript(c).open()
	c.Media(s.leg, &MediaResult{Expected: true})
	if c.total.Media != [MediaClasses]uint64{} {
		t.Error("a call that was never answered has a media class")
	}
}

func TestRate(t *testing.T) {
	c := New(4)
	s := newScript(c)
	for range 3 {
		s.open()
	}
	s.after(time.Second).open()
	if r := c.total.Rate; r.Last != 3 || r.Max != 3 || r.MaxAt != 1 {
		t.Errorf("%+v", r)
	}
	c.Tick(s.now + second)
	if r := c.Snapshot(testBook(t)).Customers[0].Rate; r.Last != 1 || r.Max != 3 {
		t.Errorf("%+v", r)
	}
	c.Tick(s.now + 5*second)
	if r := c.total.Rate; r.Last != 0 {
		t.Errorf("%+v", r)
	}
	s.now = 1e9 // time that runs backwards
	s.open()
	if r := c.total.Rate; r.Last != 0 || r.Max != 3 {
		t.Errorf("%+v", r)
	}
}

func TestSnapshot(t *testing.T) {
	c := New(4)
	s := newScript(c).open().try(telco)
	snap := c.Snapshot(testBook(t))
	s.answer()
	names := func(ps []Party) (out []string) {
		for _, p := range ps {
			out = append(out, p.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"acme", "unknown"}, names(snap.Customers)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"other", "telco", "unknown"}, names(snap.Carriers)); diff != "" {
		t.Error(diff)
	}
	if p := snap.Customers[0]; p.Channels != 30 || p.LiveSetup != 1 || p.Answered != 0 {
		t.Errorf("a snapshot must not change: %+v", p)
	}
}

func TestRatio(t *testing.T) {
	for _, tt := range []struct {
		r    Ratio
		want string
	}{{Ratio{}, `{"num":0,"den":0,"value":null}`}, {Ratio{1, 4}, `{"num":1,"den":4,"value":0.25}`}} {
		b, err := tt.r.MarshalJSON()
		if err != nil || string(b) != tt.want {
			t.Errorf("%s, %v; want %s", b, err, tt.want)
		}
		var back Ratio
		if err := back.UnmarshalJSON(b); err != nil || back != tt.r {
			t.Errorf("%v, %v", back, err)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{-time.Second, 50 * time.Millisecond, 51 * time.Millisecond, time.Minute} {
		h.observe(int64(d))
	}
	if h.Buckets[0] != 2 || h.Buckets[1] != 1 || h.Buckets[len(h.Buckets)-1] != 1 || h.Count != 4 {
		t.Errorf("%+v", h)
	}
	if q, ok := h.Quantile(0.5); !ok || q != 50 {
		t.Errorf("median %d, %v", q, ok)
	}
	if _, ok := h.Quantile(1); ok {
		t.Error("a minute is above every bound")
	}
}

func TestStepAllocates(t *testing.T) {
	c := New(4)
	s := newScript(c).open().answer().release(dialog.ByeCaller, 0).close()
	if n := testing.AllocsPerRun(100, func() {
		s.leg.Answer = 0
		s.open().answer().release(dialog.ByeCaller, 0).close()
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkCall(b *testing.B) {
	c := New(4)
	s := newScript(c)
	b.ReportAllocs()
	for b.Loop() {
		s.leg.Answer = 0
		s.open().answer().release(dialog.ByeCaller, 0).close()
	}
}
