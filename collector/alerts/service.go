package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
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

// Present is what is known now. It is asked every Every.
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
	Every        = 5 * time.Second  // between two steps
	settled      = 20 * time.Second // after its end a minute's counters should be here
	readRules    = 30 * time.Second // unless Changed says so
	compareEvery = 15 * time.Minute
	compareHours = 24
	readTimeout  = 30 * time.Second
	maxResults   = 1000
	maxRows      = 2_000_000 // of minute counters or verdicts in one reading
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
	engine  *Engine
	changed chan struct{}
	results chan Result

	restored  bool
	delivery  Delivery
	rulesAt   time.Time
	tally     *Tally
	tallied   []int64 // periods of it
	byParty   bool
	refusals  bool
	compared  *Compared
	comparing time.Time                 // when it was last tried
	unstored  map[*query.Event]struct{} // alerts that the store has not got
	ended     []*query.Event            // alerts whose end it has not got

	mu    sync.Mutex // guards stats
	stats Stats
}

// New returns a service that does not run yet.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, engine: NewEngine(), changed: make(chan struct{}, 1), results: make(chan Result, maxResults), unstored: map[*query.Event]struct{}{}}
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
	t := time.NewTicker(Every)
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
	if err := s.readRules(ctx, now); err != nil {
		s.note(func(x *Stats) { x.ReadErrors++ })
		if !s.restored {
			return err // what is open is not known: all would be raised again
		}
	}
	s.takeResults(ctx)
	figures, failed := s.figures(ctx, now)
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

// figures reads what rules are judged by. What cannot be read is not in it, and so no
// rule is judged by it.
func (s *Service) figures(ctx context.Context, now time.Time) (*Figures, error) {
	f := new(Figures)
	fail := func(err error) error {
		if err != nil {
			s.note(func(x *Stats) { x.ReadErrors++ })
		}
		return err
	}
	var err error
	if f.Nodes, f.Listening, err = s.cfg.Present.Nodes(ctx); fail(err) != nil {
		f.Nodes, f.Listening = nil, time.Time{}
		return f, err // without them, who is missing is not known
	}
	err = errors.Join(fail(s.readTally(ctx, now)), fail(s.readCompared(ctx, now)))
	f.Tally, f.Compared = s.tally, s.compared
	return f, err
}

// readTally adds minutes up once in a minute, when they should all be here.
func (s *Service) readTally(ctx context.Context, now time.Time) error {
	to := now.Add(-settled).Unix()
	to -= to % 60
	periods, refusals, byParty := s.engine.Periods(), s.engine.Uses(AreaRefusals), s.engine.ByParty()
	if s.tally != nil && s.tally.ToUnixS == to && slices.Equal(periods, s.tallied) && refusals == s.refusals && byParty == s.byParty {
		return nil
	}
	s.tally = nil // an old one is not the present
	if len(periods) == 0 {
		return nil
	}
	t := NewTally(to, periods)
	rows := 0
	bounded := func() error {
		if rows++; rows > maxRows {
			return fmt.Errorf("more than %d rows: take shorter periods", maxRows)
		}
		return nil
	}
	f := query.MinuteFilter{FromUnixS: t.FromUnixS(), ToUnixS: to}
	if !byParty {
		f.Kind = query.KindTotal
	}
	if err := s.cfg.Records.Minutes(ctx, f, func(r *query.MinuteRow) error { t.AddMinute(r.Node, r.Minute); return bounded() }); err != nil {
		return fmt.Errorf("reading minute counters for alerts: %w", err)
	}
	if refusals {
		g := query.RegistrationFilter{FromUnixMs: t.FromUnixS() * 1000, ToUnixMs: to * 1000}
		if err := s.cfg.Records.Registrations(ctx, g, func(r *query.RegistrationRow) error { t.AddRefusal(r.Node, r.Registration); return bounded() }); err != nil {
			return fmt.Errorf("reading verdicts for alerts: %w", err)
		}
	}
	s.tally, s.tallied, s.refusals, s.byParty = t, periods, refusals, byParty
	s.note(func(x *Stats) { x.DroppedRows += clampCount(t.Dropped) })
	return nil
}

func clampCount(n int) uint64 { return uint64(max(n, 0)) }

// readCompared reconciles the last closed hours.
func (s *Service) readCompared(ctx context.Context, now time.Time) error {
	if !s.engine.Uses(AreaReconciliation) {
		s.compared = nil
		return nil
	}
	if age := now.Sub(s.comparing); age >= 0 && age < compareEvery {
		return nil
	}
	s.comparing = now
	to := now.Truncate(time.Hour)
	c := &Compared{AtUnixMs: now.UnixMilli()}
	if err := s.cfg.Records.Reconcile(ctx, to.Add(-compareHours*time.Hour), to, func(r *query.Reconciled) error {
		if len(c.Rows) >= maxParties {
			return fmt.Errorf("more than %d parties", maxParties)
		}
		c.Rows = append(c.Rows, *r)
		return nil
	}); err != nil {
		s.compared = nil
		return fmt.Errorf("reconciling for alerts: %w", err)
	}
	s.compared = c
	return nil
}

// carry keeps a transition and tells people.
func (s *Service) carry(ctx context.Context, now time.Time, t Transition) error {
	x := t.Event
	if t.Change == Repeated && s.heldBack(ctx, now, t) {
		return nil
	}
	if t.Change == Repeated && x.SentUnixMs != 0 {
		x.SentUnixMs = now.UnixMilli() // at once, so that another collector leaves it to us
	}
	err := s.keep(ctx, t)
	switch {
	case errors.Is(err, query.ErrExists): // another collector was faster, and tells people
		return s.adopt(ctx, x)
	case errors.Is(err, query.ErrNotFound): // it was ended by somebody else, who told people
		if t.Change != Cleared {
			s.engine.Forget(x)
		}
		return nil
	}
	if t.Change != Updated && t.Change != Dropped {
		s.tell(now, t)
	}
	if err != nil {
		s.note(func(x *Stats) { x.StoreErrors++ })
	}
	return err
}

// keep stores a transition, or notes that it is not stored.
func (s *Service) keep(ctx context.Context, t Transition) error {
	x := t.Event
	if x.ID == "" {
		err := s.cfg.Storage.RaiseEvent(ctx, x)
		if err == nil {
			delete(s.unstored, x)
		} else if !errors.Is(err, query.ErrExists) && !(errors.Is(err, query.ErrNotFound)) && len(s.unstored) < maxStates {
			s.unstored[x] = struct{}{}
		}
		return err
	}
	if y, err := s.stored(ctx, x); err == nil && y != nil && y.SentUnixMs > x.SentUnixMs { // another collector said it
		x.SentUnixMs, x.FailedSends = y.SentUnixMs, y.FailedSends
	}
	err := s.cfg.Storage.UpdateEvent(ctx, x)
	if err != nil && !errors.Is(err, query.ErrNotFound) && !x.Open() && len(s.ended) < maxStates {
		s.ended = append(s.ended, x)
	}
	return err
}

// catchUp stores what could not be stored before.
func (s *Service) catchUp(ctx context.Context) error {
	for x := range s.unstored {
		err := s.cfg.Storage.RaiseEvent(ctx, x)
		if errors.Is(err, query.ErrExists) {
			err = s.adopt(ctx, x)
		}
		if err != nil {
			return err
		}
		delete(s.unstored, x)
	}
	for len(s.ended) > 0 {
		if err := s.cfg.Storage.UpdateEvent(ctx, s.ended[0]); err != nil && !errors.Is(err, query.ErrNotFound) {
			return err
		}
		s.ended = s.ended[1:]
	}
	return nil
}

// stored reads what the store has open for an alert.
func (s *Service) stored(ctx context.Context, x *query.Event) (*query.Event, error) {
	var found *query.Event
	err := s.cfg.Storage.Events(ctx, query.EventFilter{Rule: x.Rule, Kind: x.Kind, Party: x.Party, Open: true, Limit: 1}, func(y *query.Event) error {
		z := *y
		found = &z
		return nil
	})
	return found, err
}

// adopt makes an alert the one that is open in the store.
func (s *Service) adopt(ctx context.Context, x *query.Event) error {
	y, err := s.stored(ctx, x)
	if err == nil && y != nil {
		x.ID, x.RaisedUnixMs, x.SentUnixMs, x.FailedSends = y.ID, y.RaisedUnixMs, y.SentUnixMs, y.FailedSends
	}
	return err
}

// heldBack reports whether an alert is not to be said again: somebody has taken note of
// it, or another collector has just said it.
func (s *Service) heldBack(ctx context.Context, now time.Time, t Transition) bool {
	y, err := s.stored(ctx, t.Event)
	if err != nil || y == nil {
		return false
	}
	sent := y.SentUnixMs != 0 && (t.Rule.RepeatS == 0 || now.UnixMilli()-y.SentUnixMs < t.Rule.RepeatS*1000/2)
	return y.AckedUnixMs != 0 || sent
}

// tell hands a transition to the dispatcher.
func (s *Service) tell(now time.Time, t Transition) {
	n := &Notice{Change: t.Change, At: now, Area: t.Rule.Area, Operator: t.Rule.Operator, Event: *t.Event, Mail: t.Rule.Mail, Webhooks: t.Rule.Webhooks, Dashboard: s.delivery.Dashboard}
	if len(n.Mail)+len(n.Webhooks) == 0 {
		n.Mail, n.Webhooks = s.delivery.Mail, s.delivery.Webhooks
	}
	if len(n.Mail)+len(n.Webhooks) > 0 {
		s.cfg.Offer(n)
	}
}

// takeResults writes into alerts that are on what became of their deliveries.
func (s *Service) takeResults(ctx context.Context) {
	open := map[EventKey]*query.Event{}
	for _, x := range s.engine.Open() {
		open[EventKey{x.Rule, x.Kind, x.Party, x.RaisedUnixMs}] = x
	}
	touched := map[*query.Event]bool{}
	for range maxResults {
		select {
		case r := <-s.results:
			x := open[r.Event]
			switch {
			case x == nil:
			case r.Err != nil:
				x.FailedSends++
				touched[x] = true
			default:
				x.SentUnixMs, x.FailedSends = r.At.UnixMilli(), 0
				touched[x] = true
			}
			continue
		default:
		}
		break
	}
	for x := range touched {
		if x.ID != "" && s.cfg.Storage.UpdateEvent(ctx, x) != nil {
			s.note(func(x *Stats) { x.StoreErrors++ })
		}
	}
}

// Live makes a Node of what a live message and a state say.
func Live(id string, firstSeen, lastSeen time.Time, live *record.Live, liveAt time.Time, state *record.State, stateAt time.Time) Node {
	n := Node{ID: id, Live: live, State: state, FirstSeenUnixMs: unixMs(firstSeen), LiveUnixMs: unixMs(liveAt)}
	n.HeardUnixMs = max(unixMs(lastSeen), unixMs(liveAt))
	if state != nil && state.State == record.StateUp { // a will is not the node's own word
		n.HeardUnixMs = max(n.HeardUnixMs, unixMs(stateAt))
	}
	return n
}

func unixMs(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
