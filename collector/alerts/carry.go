package alerts

import (
	"context"
	"errors"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// carry keeps a transition and tells people.
func (s *Service) carry(ctx context.Context, now time.Time, t transition) error {
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
func (s *Service) keep(ctx context.Context, t transition) error {
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
func (s *Service) heldBack(ctx context.Context, now time.Time, t transition) bool {
	y, err := s.stored(ctx, t.Event)
	if err != nil || y == nil {
		return false
	}
	sent := y.SentUnixMs != 0 && (t.Rule.RepeatS == 0 || now.UnixMilli()-y.SentUnixMs < t.Rule.RepeatS*1000/2)
	return y.AckedUnixMs != 0 || sent
}

// tell hands a transition to the dispatcher.
func (s *Service) tell(now time.Time, t transition) {
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
