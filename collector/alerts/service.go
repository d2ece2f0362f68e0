package alerts

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// Storage keeps rules and alerts; collector/store does.
type Storage interface {
	Rules(ctx context.Context, id string, each func(*query.Rule) error) error
	Events(ctx context.Context, f query.EventFilter, each func(*query.Event) error) error
	RaiseEvent(ctx context.Context, x *query.Event) error
	UpdateEvent(ctx context.Context, x *query.Event) error
}

// Records is what counted rules are judged by; collector/store has it.
type Records interface {
	Minutes(ctx context.Context, f query.MinuteFilter, each func(*query.MinuteRow) error) error
	Registrations(ctx context.Context, f query.RegistrationFilter, each func(*query.RegistrationRow) error) error
	Reconcile(ctx context.Context, from, to time.Time, each func(*query.Reconciled) error) error
}

// Present is what is known now. It is asked at every step.
type Present interface {
	// Nodes lists all nodes that the store or a live message knows, and since when live
	// messages come in without a break; zero: they do not.
	Nodes(ctx context.Context) ([]Node, time.Time, error)
	// Delivery is to whom a rule without recipients goes, and the dashboard's address.
	Delivery(ctx context.Context) (Delivery, error)
}

// Delivery is what the settings say of sending. A rule's own recipients go before it.
type Delivery struct {
	Mail      []string
	Webhooks  []string
	Dashboard string
}

// Times of a service.
const (
	every       = 5 * time.Second  // between two steps
	readRules   = 30 * time.Second // unless Changed says so
	readTimeout = 30 * time.Second
	maxResults  = 1000
)

// Config is what a service needs.
type Config struct {
	Storage Storage
	Records Records
	Present Present
	Offer   func(*Notice) // of the dispatcher, whose Done is the service's
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Stats is what a service has done since its start.
type Stats struct {
	Steps        uint64
	LastStep     time.Time
	ReadErrors   uint64         // figures or rules that could not be read
	StoreErrors  uint64         // alerts that could not be stored; they are tried again
	Rules        int            // that are judged
	InvalidRules int            // that are not, since something is wrong with them
	Overflow     uint64         // alerts beyond the engine's bound
	LostResults  uint64         // of deliveries, which were not noted
	LastError    string         // newest of reading or storing; empty: the last step had none
	ByRule       map[string]int // open alerts by rule; never changed
	ByLevel      map[string]int // and by level, with zeros; never changed
	DroppedRows  uint64         // rows of parties beyond a tally's bound
}

// Service watches. One goroutine owns all its state: Run's. Changed, Done and Stats may
// be called by others.
type Service struct {
	cfg     Config
	engine  *engine
	changed chan struct{}
	results chan Result

	gather   gatherer
	restored bool
	delivery Delivery
	rulesAt  time.Time
	unstored map[*query.Event]struct{} // alerts that the store has not got
	ended    []*query.Event            // alerts whose end it has not got

	mu    sync.Mutex // guards stats
	stats Stats
}

// New returns a service that does not run yet.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := newEngine()
	return &Service{cfg: cfg, engine: e, gather: gatherer{records: cfg.Records, present: cfg.Present, engine: e},
		changed: make(chan struct{}, 1), results: make(chan Result, maxResults), unstored: map[*query.Event]struct{}{}}
}

// Changed makes the service read rules and settings before its next step.
func (s *Service) Changed() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Done notes what became of a delivery. It never waits.
func (s *Service) Done(r Result) {
	select {
	case s.results <- r:
	default:
		s.note(func(x *Stats) { x.LostResults++ })
	}
}

// Stats returns the present state.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Service) note(do func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(&s.stats)
}

// Run watches until ctx ends. A database that does not answer is waited for.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := s.step(ctx, s.cfg.Now()); err != nil && ctx.Err() == nil {
			why := short(err.Error())
			if s.Stats().LastError != why {
				s.cfg.Log.Error("watching for alerts", "error", err)
			}
			s.note(func(x *Stats) { x.LastError = why })
		} else if err == nil {
			s.note(func(x *Stats) { x.LastError = "" })
		}
		select {
		case <-t.C:
		case <-s.changed:
			s.rulesAt = time.Time{}
		case <-ctx.Done():
			return nil
		}
	}
}

// step reads what is new, judges it, and keeps and sends what came of it. Rules are
// judged by what could be read; the error says what could not.
func (s *Service) step(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	failed := s.readRules(ctx, now)
	if failed != nil {
		s.note(func(x *Stats) { x.ReadErrors++ })
		if !s.restored {
			return failed // what is open is not known: all would be raised again
		}
	}
	s.takeResults(ctx)
	before := s.gather.errors
	figures, err := s.gather.figures(ctx, now)
	failed = errors.Join(failed, err)
	for _, t := range s.engine.Step(now, figures) {
		failed = errors.Join(failed, s.carry(ctx, now, t))
	}
	failed = errors.Join(failed, s.catchUp(ctx))
	byRule, byLevel := map[string]int{}, map[string]int{LevelInfo: 0, LevelWarning: 0, LevelCritical: 0}
	for _, x := range s.engine.Open() {
		byRule[x.Rule]++
		byLevel[x.Level]++
	}
	s.note(func(x *Stats) {
		x.Steps++
		x.ReadErrors += s.gather.errors - before
		x.DroppedRows = s.gather.dropped
		x.LastStep, x.Overflow, x.ByRule, x.ByLevel = now, s.engine.Overflow, byRule, byLevel
	})
	return failed
}

// readRules reads rules and settings, and at first the alerts that are open.
func (s *Service) readRules(ctx context.Context, now time.Time) error {
	if age := now.Sub(s.rulesAt); s.restored && age >= 0 && age < readRules {
		return nil
	}
	if !s.restored {
		if err := s.cfg.Storage.Events(ctx, query.EventFilter{Open: true, Limit: maxStates}, func(x *query.Event) error { s.engine.Restore(*x); return nil }); err != nil {
			return err
		}
	}
	var rules []query.Rule
	if err := s.cfg.Storage.Rules(ctx, "", func(r *query.Rule) error { rules = append(rules, *r); return nil }); err != nil {
		return err
	}
	delivery, err := s.cfg.Present.Delivery(ctx)
	if err != nil {
		return err
	}
	s.restored, s.rulesAt, s.delivery = true, now, delivery
	dropped, invalid := s.engine.SetRules(now, rules)
	for _, err := range invalid {
		s.cfg.Log.Error("a rule for alerts is left out", "error", err)
	}
	s.note(func(x *Stats) { x.Rules, x.InvalidRules = len(s.engine.rules), len(invalid) })
	for _, t := range dropped {
		err = errors.Join(err, s.carry(ctx, now, t))
	}
	return err
}
