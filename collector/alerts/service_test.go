package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sync/record"
)

// world is everything that a service looks at. Its node n1 watches always.
type world struct {
	mu       sync.Mutex // guards all below
	away     error      // of the database
	rules    []query.Rule
	events   []*query.Event
	outcomes uint64 // of carrier c in every minute
	answered uint64
	delivery Delivery
	notices  []string
	reads    int // of minute counters
}

func (w *world) Rules(_ context.Context, _ string, each func(*query.Rule) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		if err := each(&r); err != nil {
			return err
		}
	}
	return w.away
}

func (w *world) Events(_ context.Context, f query.EventFilter, each func(*query.Event) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.events {
		if f.Open && !x.Open() || f.Rule != "" && (f.Rule != x.Rule || f.Kind != x.Kind || f.Party != x.Party) {
			continue
		}
		y := *x
		if err := each(&y); err != nil {
			return err
		}
	}
	return w.away
}

func (w *world) RaiseEvent(_ context.Context, x *query.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return w.away
	}
	if slices.ContainsFunc(w.events, func(y *query.Event) bool {
		return y.Open() && y.Rule == x.Rule && y.Kind == x.Kind && y.Party == x.Party
	}) {
		return fmt.Errorf("raising: %w", query.ErrExists)
	}
	x.ID = fmt.Sprintf("e%d", len(w.events)+1)
	y := *x
	w.events = append(w.events, &y)
	return nil
}

func (w *world) UpdateEvent(_ context.Context, x *query.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return w.away
	}
	for _, y := range w.events {
		if y.ID == x.ID && y.Open() {
			acked := y.AckedUnixMs
			*y = *x
			y.AckedUnixMs = acked
			return nil
		}
	}
	return fmt.Errorf("changing: %w", query.ErrNotFound)
}

func (w *world) Minutes(_ context.Context, f query.MinuteFilter, each func(*query.MinuteRow) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	for at := f.FromUnixS; at < f.ToUnixS; at += 60 {
		for _, m := range []*record.Minute{{MinuteUnixS: at, Kind: query.KindTotal, ObservedMs: 60_000},
			{MinuteUnixS: at, Kind: query.KindCarrier, Party: "c", Outcomes: w.outcomes, Answered: w.answered}} {
			if err := each(&query.MinuteRow{Key: query.Key{Node: "n1"}, Minute: m}); err != nil {
				return err
			}
		}
	}
	return w.away
}

func (w *world) Registrations(context.Context, query.RegistrationFilter, func(*query.RegistrationRow) error) error {
	return nil
}

func (w *world) Reconcile(context.Context, time.Time, time.Time, func(*query.Reconciled) error) error {
	return nil
}

func (w *world) Nodes(context.Context) ([]Node, time.Time, error) {
	return []Node{up("n1", time.Now())}, time.UnixMilli(1), nil
}

func (w *world) Delivery(context.Context) (Delivery, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delivery, nil
}

// set changes the world.
func (w *world) set(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// took returns what people were told since the last call.
func (w *world) took() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := strings.Join(w.notices, ", ")
	w.notices = nil
	return out
}

// run starts a service and returns its end.
func (w *world) run(name string) (*Service, func()) {
	var s *Service
	s = New(Config{Storage: w, Records: w, Present: w, Log: slog.New(slog.DiscardHandler), Offer: func(n *Notice) {
		w.set(func() { w.notices = append(w.notices, name+n.Change.String()+" to "+strings.Join(n.Mail, "+")) })
		s.Done(Result{Alert: n.Event.ID, Event: EventKey{n.Event.Rule, n.Event.Kind, n.Event.Party, n.Event.RaisedUnixMs}, At: n.At})
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			panic(err)
		}
	})
	return s, func() { cancel(); wg.Wait() }
}

func lowASR() query.Rule {
	return rule(AreaASR, query.KindCarrier, func(r *query.Rule) {
		r.Operator, r.Threshold, r.Reset, r.RepeatS = Below, 50, ptr(60.0), 3600
	})
}

func TestService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{rules: []query.Rule{lowASR()}, outcomes: 10, answered: 9, delivery: Delivery{Mail: []string{"noc@example.org"}}}
		s, stop := w.run("")
		expect := func(after time.Duration, want string) {
			t.Helper()
			virtual.Pass(after)
			if got := w.took(); got != want {
				t.Errorf("after %v: %q, want %q", after, got, want)
			}
		}
		expect(10*time.Minute, "")
		w.set(func() { w.answered = 1 })
		expect(2*time.Minute, "raised to noc@example.org")
		virtual.Pass(every)
		w.set(func() {
			if len(w.events) != 1 || w.events[0].SentUnixMs == 0 || w.reads > 15 {
				t.Errorf("%d alerts, %+v, %d readings", len(w.events), w.events[0], w.reads)
			}
			w.away = errors.New("the database is away")
		})
		expect(30*time.Minute, "")
		if x := s.Stats(); x.LastError == "" || x.Rules != 1 || x.ByLevel[LevelWarning] != 1 || x.ByRule["r1"] != 1 {
			t.Errorf("%+v", x)
		}
		w.set(func() { w.away = nil })
		expect(29*time.Minute, "repeated to noc@example.org")
		stop()
		s, stop = w.run("again ") // what is on stays on
		expect(30*time.Minute, "")
		w.set(func() { w.events[0].AckedUnixMs = 1 })
		expect(2*time.Hour, "") // somebody took note
		w.set(func() { w.answered = 10 })
		expect(2*time.Minute, "again cleared to noc@example.org")
		w.set(func() {
			if x := w.events[0]; len(w.events) != 1 || x.Open() || *x.Value != 100 {
				t.Errorf("%+v", x)
			}
			w.answered = 0
		})
		expect(2*time.Minute, "again raised to noc@example.org")
		w.set(func() { w.rules = nil })
		s.Changed()
		expect(every, "")
		if x := s.Stats(); x.Rules != 0 || len(x.ByRule) != 0 || len(w.events) != 2 || w.events[1].Open() {
			t.Errorf("%+v, %+v", x, w.events)
		}
		stop()
	})
}

// TestTwoCollectors: one of them tells people.
func TestTwoCollectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{rules: []query.Rule{lowASR()}, outcomes: 10, answered: 1, delivery: Delivery{Mail: []string{"noc@example.org"}}}
		_, stop1 := w.run("")
		virtual.Pass(time.Second)
		_, stop2 := w.run("")
		virtual.Pass(150 * time.Minute)
		w.set(func() { w.answered = 9 })
		virtual.Pass(2 * time.Minute)
		if diff := cmp.Diff("raised to noc@example.org, repeated to noc@example.org, repeated to noc@example.org, cleared to noc@example.org", w.took()); diff != "" {
			t.Error(diff)
		}
		stop1()
		stop2()
	})
}

// TestRaisedWithoutDatabase: people are told, and the alert is stored when that is possible.
func TestRaisedWithoutDatabase(t *testing.T) {
	w := &world{rules: []query.Rule{rule(AreaLiveChannels, query.KindTotal, func(r *query.Rule) { r.Threshold, r.Operator = 10, Below; r.Mail = []string{"own@example.org"} })}}
	s := New(Config{Storage: w, Records: w, Present: w, Log: slog.New(slog.DiscardHandler), Offer: func(n *Notice) { w.notices = append(w.notices, n.Change.String()+n.Mail[0]) }})
	ctx := t.Context()
	if err := s.readRules(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	w.away = errors.New("the database is away")
	for range 3 {
		if err := s.step(ctx, time.Now()); !errors.Is(err, w.away) {
			t.Error(err)
		}
	}
	if got := w.took(); got != "raisedown@example.org" || len(w.events) != 0 {
		t.Error(got)
	}
	w.away = nil
	if err := s.step(ctx, time.Now()); err != nil || len(w.events) != 1 || w.took() != "" || len(s.unstored) != 0 {
		t.Errorf("%v, %d alerts", err, len(w.events))
	}
}

func TestRestoredNeverBlind(t *testing.T) {
	w := &world{rules: []query.Rule{lowASR()}, away: errors.New("the database is away")}
	s := New(Config{Storage: w, Records: w, Present: w, Log: slog.New(slog.DiscardHandler), Offer: func(*Notice) { t.Error("said before what is open was known") }})
	if err := s.step(t.Context(), time.Now()); err == nil || s.Stats().ReadErrors != 1 {
		t.Error(err)
	}
}
