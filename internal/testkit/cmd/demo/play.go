package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/sipward/sipward/internal/testkit"
)

// perform plays for a while, and compares.
func (d *demo) perform(ctx context.Context) error {
	begin := time.Now()
	want, rows, err := d.show(ctx)
	if err != nil {
		return err
	}
	calls := map[string]int{}
	for i, w := range d.site.switches {
		calls[w.name] = want[i].Calls.Total
	}
	got, err := delivered(context.WithoutCancel(ctx), d.collector, begin, calls)
	if err != nil {
		return err
	}
	for i, w := range d.site.switches {
		rows[i] = append(rows[i],
			row{"calls in the collector", want[i].Calls.Total, got[w.name].calls},
			row{"answered in the collector", want[i].Calls.Answered, got[w.name].answered})
	}
	summary(os.Stdout, d.names(), rows)
	for _, r := range rows {
		if !same(r) {
			return errors.New("something else was counted or stored than was played")
		}
	}
	fmt.Println("\nThe agents counted what was played, and the collector has every call.")
	d.access.say(os.Stdout)
	return d.writeFacts()
}

func (d *demo) names() (out []string) {
	for _, w := range d.site.switches {
		out = append(out, w.name)
	}
	return out
}

// show plays on every switch and draws the agents' figures once a second. It returns what
// was played, and the comparison with what was counted, by switch.
func (d *demo) show(ctx context.Context) ([]*testkit.Expected, [][]row, error) {
	length := time.Duration(d.seconds) * time.Second
	sc := &screen{w: os.Stdout, terminal: term.IsTerminal(int(os.Stdout.Fd())), source: "capture on loopback"}
	if d.hep {
		sc.source = "HEPv3 over UDP"
	}
	progress := make([]*testkit.Progress, len(d.agents))
	want := make([]*testkit.Expected, len(d.agents))
	var players errgroup.Group
	for i, w := range d.site.switches {
		progress[i] = &testkit.Progress{}
		plan, err := w.planFor(length, d.rate/float64(len(d.agents)), d.seed)
		if err != nil {
			return nil, nil, err
		}
		sink, closeSink, err := w.sink(ctx)
		if err != nil {
			return nil, nil, err
		}
		players.Go(func() (err error) {
			defer closeSink()
			// Calls that began are played to their end, whatever ctx says.
			want[i], err = testkit.Play(plan, &testkit.Pace{Context: context.WithoutCancel(ctx), To: sink}, progress[i])
			return err
		})
	}
	done := make(chan error, 1)
	go func() { done <- players.Wait() }()
	if err := d.watch(ctx, sc, progress, done, length); err != nil {
		return nil, nil, err
	}
	rows := make([][]row, len(d.agents))
	for i, a := range d.agents {
		var err error
		if rows[i], err = settle(context.WithoutCancel(ctx), a, want[i]); err != nil {
			return nil, nil, err
		}
	}
	return want, rows, nil
}

// watch draws until all is played.
func (d *demo) watch(ctx context.Context, sc *screen, progress []*testkit.Progress, done <-chan error, length time.Duration) error {
	begin := time.Now()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	interrupt := ctx.Done()
	for {
		select {
		case <-second.C:
			if d.died() != nil {
				return errors.New("a program ended while calls were played")
			}
			if all := d.statuses(ctx); all != nil {
				sc.draw(time.Since(begin), length, progress, sum(all))
			}
		case <-interrupt:
			fmt.Println("\nNo new calls; those in progress come to their end.")
			for _, p := range progress {
				p.Stop()
			}
			interrupt, sc.drawn = nil, 0
		case err := <-done:
			return err
		}
	}
}

// statuses asks every agent; nil when one does not answer.
func (d *demo) statuses(ctx context.Context) []*status {
	var all []*status
	for _, a := range d.agents {
		s := new(status)
		if a.status(context.WithoutCancel(ctx), s) != nil {
			return nil
		}
		all = append(all, s)
	}
	return all
}

// playOn plays until the context ends, or a program does.
func (d *demo) playOn(ctx context.Context) error {
	end := ctx
	players, ctx := errgroup.WithContext(ctx)
	for _, w := range d.site.switches {
		sink, closeSink, err := w.sink(ctx)
		if err != nil {
			return err
		}
		defer closeSink()
		calls, err := w.longPlan(d.seed)
		if err != nil {
			return err
		}
		players.Go(func() error {
			_, err := testkit.Play(calls, &testkit.Pace{Context: ctx, To: sink}, nil)
			return err
		})
		players.Go(func() error {
			for round := d.seed; ; round++ {
				phones, err := w.registerPlan(round)
				if err != nil {
					return err
				}
				if _, err := testkit.Play(phones, &testkit.Pace{Context: ctx, To: sink}, nil); err != nil {
					return err
				}
			}
		})
	}
	players.Go(func() error {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-second.C:
				if d.died() != nil {
					return errors.New("a program ended while calls were played")
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	if err := players.Wait(); err != nil && end.Err() == nil {
		return err
	}
	return nil
}

// settleWait is how long an agent may take to publish its last figures: it
// keeps a call for some seconds after its end, for what may still come.
const settleWait = 10 * time.Second

// settle reads an agent's figures until they are those expected, or do not
// become so.
func settle(ctx context.Context, a *child, want *testkit.Expected) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var rows []row
	for {
		var got status
		err := a.status(ctx, &got)
		if err == nil {
			if rows = compare(want, &got); same(rows) {
				return rows, nil
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			if rows == nil {
				return nil, err
			}
			return rows, nil
		}
	}
}
