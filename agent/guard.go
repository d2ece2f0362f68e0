package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/guard/authorize"
	"github.com/sipward/sipward/agent/guard/netfilter"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// guards is the guard with the edge that enforces its verdicts.
type guards struct {
	*guard.Guard
	queue     *netfilter.Guard  // nil but in mode nfqueue
	authorize *authorize.Server // nil but in mode authorize
}

// addGuard builds the guard and the edge of its mode, and has the core show it
// what passes.
func (a *agent) addGuard(core *pipeline.Config) (err error) {
	g, cfg := &guards{}, &a.cfg.Guard
	var bans guard.Dropper
	switch cfg.Mode {
	case configs.NFQueue:
		if g.queue, err = netfilter.New(netfilterConfig(a.cfg, g, a)); err != nil {
			return err
		}
		bans = g.queue.Bans()
	case configs.AuthorizeMode:
		listen, socket := cfg.Authorize.Places()
		g.authorize, err = authorize.New(authorize.Config{Listen: listen, Socket: socket, Judge: asked{g}, Name: a.customerName, Log: a.log})
		if err != nil {
			return err
		}
	case configs.Monitor:
	}
	g.Guard = guard.New(guard.Config{
		Mode: guard.Mode(cfg.Mode), Closed: cfg.Fail == configs.FailClosed, Book: a.book, Local: a.cfg.Local,
		Policy: cfg.Policy(), MaxBindings: cfg.MaxBindings, Dir: cfg.Dir,
		Ban:  guard.Ban{Refusals: cfg.Ban.Refusals, Window: cfg.Ban.Window, Time: cfg.Ban.Time, Allow: cfg.Ban.Spared()},
		Bans: bans, Report: a.reporter(), Log: a.log,
	})
	core.Register = g.Seen
	a.guard = g
	return nil
}

func netfilterConfig(cfg *configs.Agent, g *guards, a *agent) netfilter.Config {
	kinds := map[configs.Firewall]netfilter.Firewall{
		configs.FirewallAuto: netfilter.Auto, configs.FirewallIPTables: netfilter.IPTables,
		configs.FirewallNFT: netfilter.NFT, configs.FirewallNone: netfilter.None,
	}
	c := &cfg.Guard
	out := netfilter.Config{
		Ports: cfg.Capture.SIPPorts, Queue: uint16(c.Queue), Queues: c.Queues, // checked with the file
		Closed: c.Fail == configs.FailClosed, Firewall: kinds[c.Firewall], Answers: c.AnswersPerSecond,
	}
	if a != nil {
		out.Judge, out.Log = queued{g}, a.log
	}
	return out
}

// queued is the guard as the netfilter edge asks it.
type queued struct{ g *guards }

// Judge implements netfilter.Judge.
func (j queued) Judge(q *register.Request, p *packet.Packet, m *parse.Message) register.Verdict {
	return j.g.Guard.Judge(q, guard.About{
		Port: p.Src.Port, Transport: p.Transport.String(), CallID: m.CallID, CSeq: m.CSeq, UserAgent: m.UserAgent,
	})
}

// asked is the guard as a switch asks it.
type asked struct{ g *guards }

// Judge implements authorize.Judge.
func (j asked) Judge(q *register.Request, about authorize.About) register.Verdict {
	return j.g.Guard.Judge(q, guard.About{
		Port: about.Port, Transport: about.Transport, CallID: about.CallID, CSeq: about.CSeq, UserAgent: about.UserAgent,
	})
}

// customerName names a party for those who ask the guard.
func (a *agent) customerName(id party.ID) string { return a.guard.Name(id) }

// reporter hands what the guard reports to the collectors, and tells the log now
// and then.
func (a *agent) reporter() func(*register.Report) {
	log := seldom.New(a.log)
	return func(r *register.Report) {
		if a.outbox != nil {
			a.outbox.Registration(r)
		}
		log.Warn(time.Now(), "a registration breaks the number blocks", "verdict", r.Kind, "reason", r.Reason, "number", r.Number,
			"source", r.Source, "customer", r.Customer, "block", r.Block, "holder", r.Holder)
	}
}

// runEdges enforces verdicts until ctx ends.
func (g *guards) runEdges(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if g.queue != nil {
		group.Go(func() error { return g.queue.Run(ctx) })
	}
	if g.authorize != nil {
		group.Go(func() error { return g.authorize.Run(ctx) })
	}
	return group.Wait()
}

// parts lists what REGISTERs wait for.
func (g *guards) parts() []part {
	out := []part{{g.Ready(), "guard: not started yet"}}
	if g.queue != nil {
		out = append(out, part{g.queue.Ready(), "guard: the rules of the firewall are not in force yet"})
	}
	if g.authorize != nil {
		out = append(out, part{g.authorize.Ready(), "guard: the switch cannot ask yet"})
	}
	return out
}
