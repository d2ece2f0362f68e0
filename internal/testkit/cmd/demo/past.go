package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipward/sipward/internal/testkit/history"
)

// past is what was made up to have been before.
type past struct {
	from, to time.Time
	gap      *history.Span // when no switch was there; nil: never
	figures  *history.Figures
}

// pastOf says what was: a month with a night in which both switches were away, one of them for
// longer, and a morning on which one carrier had trouble.
func pastOf(s *site, o *options, now time.Time) history.Config {
	to := now.UTC().Truncate(time.Minute)
	today := to.Truncate(24 * time.Hour)
	ago := func(days, hour, minute int) time.Time {
		return today.AddDate(0, 0, -days).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	c := history.Config{Seed: o.seed, From: to.AddDate(0, 0, -o.days), To: to, CallsPerHour: o.perHour}
	for i, w := range s.switches {
		n := history.Node{Name: w.name, Addr: netip.AddrPortFrom(w.plan.SwitchIP, w.plan.Port), Share: float64(3 - i)}
		if o.days > 9 {
			n.Away = []history.Span{{From: ago(9, 2, 10), To: ago(9, 3+2*i, 40)}}
		}
		c.Nodes = append(c.Nodes, n)
	}
	if o.days > 6 {
		c.Trouble = []history.Span{{From: ago(6, 9, 0), To: ago(6, 12, 0)}}
	}
	plan := &s.switches[0].plan
	for i, x := range customers {
		first, last := plan.Block(i)
		c.Customers = append(c.Customers, history.Party{ID: x.id, Channels: x.channels, Share: x.share, Addr: plan.CustomerAddr(i), First: first, Last: last})
	}
	for i, x := range carriers {
		c.Carriers = append(c.Carriers, history.Party{ID: x.id, Channels: x.channels, Share: x.share, Addr: plan.CarrierAddr(i)})
	}
	return c
}

// makePast lays the past into the spools, before the agents run.
func makePast(ctx context.Context, s *site, o *options) (*past, error) {
	c := pastOf(s, o, time.Now())
	var dirs []string
	for _, w := range s.switches {
		dirs = append(dirs, w.spool())
	}
	f, err := history.Lay(ctx, c, dirs)
	if err != nil {
		return nil, err
	}
	p := &past{from: c.From, to: c.To, figures: f}
	if o.days > 9 {
		p.gap = &c.Nodes[0].Away[0]
	}
	return p, nil
}

// byNode are the calls of each node.
func (p *past) byNode() map[string]stored {
	out := map[string]stored{}
	for k, s := range p.figures.Hours {
		if k.Kind == history.Total {
			n := out[k.Node]
			out[k.Node] = stored{n.calls + int(s.Calls), n.answered + int(s.Answered)}
		}
	}
	return out
}

func (p *past) calls() (n int) {
	for _, s := range p.byNode() {
		n += s.calls
	}
	return n
}

// Bounds of waiting for the backlog, and for the table.
const (
	backlogWait = 3 * time.Minute
	tableWait   = 15 * time.Second
)

// arrived waits until the agents have sent it, and has the collector's sums compared with what
// was made up.
func (p *past) arrived(ctx context.Context, d *demo) error {
	sent := func(s *status) bool { return s.Sync.Spool.Calls.left()+s.Sync.Spool.Telemetry.left() == 0 }
	if err := d.wait(ctx, backlogWait, "the collector has not got the history", sent); err != nil {
		return err
	}
	got := map[string]stored{}
	err := d.collector.export(ctx, func(line []byte) error {
		var s struct {
			Kind     string `json:"kind"`
			Node     string `json:"node"`
			Calls    int    `json:"calls"`
			Answered int    `json:"answered"`
		}
		if err := json.Unmarshal(line, &s); err != nil {
			return fmt.Errorf("read an exported summary: %w", err)
		}
		if s.Kind == history.Total {
			n := got[s.Node]
			got[s.Node] = stored{n.calls + s.Calls, n.answered + s.Answered}
		}
		return nil
	}, "summaries", "--by", "month")
	if err != nil {
		return err
	}
	for node, want := range p.byNode() {
		if got[node] != want {
			return fmt.Errorf("of the history of %s, %d calls with %d answered, the collector has %d and %d", node, want.calls, want.answered, got[node].calls, got[node].answered)
		}
	}
	return nil
}

// tabled waits until the agents know the customers.
func (d *demo) tabled(ctx context.Context) error {
	return d.wait(ctx, tableWait, "the agents have not got the table of customers", func(s *status) bool { return s.Guard.Table.Version > 0 })
}

// wait waits until something is true of every agent.
func (d *demo) wait(ctx context.Context, most time.Duration, otherwise string, yes func(*status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		all := true
		for _, a := range d.agents {
			var s status
			err := a.status(ctx, &s)
			all = all && err == nil && yes(&s)
		}
		if all {
			return nil
		}
		select {
		case <-poll.C:
		case <-d.died():
			return errors.New("a program ended while " + otherwise)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", otherwise, ctx.Err())
		}
	}
}

// died is closed when one of the programs has ended.
func (d *demo) died() <-chan struct{} {
	for _, c := range append(d.agents, d.collector) {
		select {
		case <-c.ended:
			return c.ended
		default:
		}
	}
	return nil
}
