package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// Times and bounds of gathering.
const (
	settled      = 20 * time.Second // after its end a minute's counters should be here
	compareEvery = 15 * time.Minute
	compareHours = 24
	maxRows      = 2_000_000 // of minute counters or verdicts in one reading
)

// gatherer reads figures, and keeps what does not change at every step. It is not safe for
// concurrent use.
type gatherer struct {
	records Records
	present Present
	engine  *engine // what its rules need is read

	tally     *tally
	wanted    wanted // of tally
	compared  *compared
	comparing time.Time // when it was last tried

	errors  uint64 // readings that failed
	dropped uint64 // rows of parties beyond a tally's bound
}

// wanted is what of the counters rules look at.
type wanted struct {
	toUnixS           int64
	periods           []int64
	refusals, byParty bool
}

func (w *wanted) equal(x *wanted) bool {
	return w.toUnixS == x.toUnixS && w.refusals == x.refusals && w.byParty == x.byParty && slices.Equal(w.periods, x.periods)
}

// figures reads what rules are judged by. What cannot be read is not in it, and so no
// rule is judged by it.
func (g *gatherer) figures(ctx context.Context, now time.Time) (*figures, error) {
	f := new(figures)
	nodes, listening, err := g.present.Nodes(ctx)
	if g.failed(err) {
		return f, err // without them, who is missing is not known
	}
	f.Nodes, f.Listening = nodes, listening
	for _, read := range []func(context.Context, time.Time) error{g.readTally, g.readCompared} {
		if e := read(ctx, now); g.failed(e) {
			err = errors.Join(err, e)
		}
	}
	f.Tally, f.Compared = g.tally, g.compared
	return f, err
}

func (g *gatherer) failed(err error) bool {
	if err != nil {
		g.errors++
	}
	return err != nil
}

// readTally adds minutes up once in a minute, when they should all be here.
func (g *gatherer) readTally(ctx context.Context, now time.Time) error {
	to := now.Add(-settled).Unix()
	w := wanted{to - to%60, g.engine.Periods(), g.engine.Uses(AreaRefusals), g.engine.ByParty()}
	if g.tally != nil && w.equal(&g.wanted) {
		return nil
	}
	g.tally = nil // an old one is not the present
	if len(w.periods) == 0 {
		return nil
	}
	t := newTally(w.toUnixS, w.periods)
	rows := 0
	bounded := func() error {
		if rows++; rows > maxRows {
			return fmt.Errorf("more than %d rows: take shorter periods", maxRows)
		}
		return nil
	}
	f := query.MinuteFilter{FromUnixS: t.FromUnixS(), ToUnixS: w.toUnixS}
	if !w.byParty {
		f.Kind = query.KindTotal
	}
	if err := g.records.Minutes(ctx, f, func(r *query.MinuteRow) error { t.AddMinute(r.Node, r.Minute); return bounded() }); err != nil {
		return fmt.Errorf("reading minute counters for alerts: %w", err)
	}
	if w.refusals {
		f := query.RegistrationFilter{FromUnixMs: t.FromUnixS() * 1000, ToUnixMs: w.toUnixS * 1000}
		if err := g.records.Registrations(ctx, f, func(r *query.RegistrationRow) error { t.AddRefusal(r.Node, r.Registration); return bounded() }); err != nil {
			return fmt.Errorf("reading verdicts for alerts: %w", err)
		}
	}
	g.tally, g.wanted = t, w
	g.dropped += uint64(max(t.Dropped, 0)) // not negative
	return nil
}

// readCompared reconciles the last closed hours.
func (g *gatherer) readCompared(ctx context.Context, now time.Time) error {
	if !g.engine.Uses(AreaReconciliation) {
		g.compared = nil
		return nil
	}
	if age := now.Sub(g.comparing); age >= 0 && age < compareEvery {
		return nil
	}
	g.comparing = now
	to := now.Truncate(time.Hour)
	c := &compared{AtUnixMs: now.UnixMilli()}
	if err := g.records.Reconcile(ctx, to.Add(-compareHours*time.Hour), to, func(r *query.Reconciled) error {
		if len(c.Rows) >= maxParties {
			return fmt.Errorf("more than %d parties", maxParties)
		}
		c.Rows = append(c.Rows, *r)
		return nil
	}); err != nil {
		g.compared = nil
		return fmt.Errorf("reconciling for alerts: %w", err)
	}
	g.compared = c
	return nil
}
