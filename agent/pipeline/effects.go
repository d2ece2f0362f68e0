package pipeline

import (
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// apply carries out effects in their order, media first: its packets may be on
// their way already.
func (c *Core) apply(effects []dialog.Effect) {
	for i := range effects {
		e := &effects[i]
		switch e.Kind {
		case dialog.MediaOpened:
			c.openMedia(e.Endpoint, e.Spec, e.Time)
			continue
		case dialog.LegClosed:
			c.close(e.Leg)
		case dialog.LegOpened, dialog.LegAnswered, dialog.LegReleased,
			dialog.AttemptOpened, dialog.AttemptAnswered, dialog.AttemptReleased:
		}
		c.counters.Step(e)
	}
}

// openMedia announces an endpoint in user space and in the kernel. When the
// next call takes an endpoint over, what the kernel counted for the last one
// is kept first.
func (c *Core) openMedia(ep packet.Endpoint, s media.Spec, now int64) {
	before, open := c.media.Current(ep)
	if open && before == s {
		return // said again, or in other words that come to the same
	}
	if c.kernel() && open && before.Owner != s.Owner {
		c.observe(ep, before.Owner)
	}
	if !c.media.Open(ep, s, now) || !c.kernel() || open && kernelPart(before) == kernelPart(s) {
		return
	}
	if err := c.cfg.Kernel.Open(ep, s); err != nil {
		c.stats.KernelRefused++
	}
}

// kernelPart is what the kernel reads of a Spec: changing anything else there
// costs a system call for nothing.
func kernelPart(s media.Spec) media.Spec {
	s.Hop, s.Side, s.Kind, s.Codec = 0, 0, 0, ""
	return s
}

func (c *Core) kernel() bool { return c.cfg.Kernel != nil && c.cfg.Kernel.Active() }

func (c *Core) observe(ep packet.Endpoint, owner uint64) {
	seen, ok := c.cfg.Kernel.Read(ep, c.observed[:0])
	if ok {
		c.media.Observe(ep, owner, seen)
	}
	c.observed = seen
}

// closeMedia ends owner's announcement of an endpoint and returns its flows.
func (c *Core) closeMedia(ep packet.Endpoint, owner uint64) []*media.Flow {
	if !c.kernel() {
		return c.media.Close(ep, owner)
	}
	current, _ := c.media.Owner(ep)
	if current == owner {
		c.observe(ep, owner)
	}
	flows := c.media.Close(ep, owner)
	if current != owner {
		return flows
	}
	if s, shared := c.media.Current(ep); shared {
		if err := c.cfg.Kernel.Open(ep, s); err != nil {
			c.stats.KernelRefused++
		}
	} else {
		c.cfg.Kernel.Close(ep)
	}
	return flows
}

// close gathers what was seen of a finished leg's media.
func (c *Core) close(l *dialog.Leg) {
	c.flows = c.flows[:0]
	r := counters.MediaResult{Encrypted: l.Encrypted}
	for ep := range l.Endpoints {
		c.flows = append(c.flows, c.closeMedia(ep, l.ID)...)
		r.Expected = r.Expected || c.book.Local(ep.Addr())
	}
	if len(c.flows) > 0 {
		r.Sent[0] = media.Summarize(c.flows, media.Callee, parse.Audio)
		r.Sent[1] = media.Summarize(c.flows, media.Caller, parse.Audio)
	}
	c.counters.Media(l, &r)
	if c.cfg.Flows != nil {
		for _, f := range c.flows {
			c.cfg.Flows(l, f)
		}
	}
	if c.cfg.Finished != nil {
		c.cfg.Finished(l, &r)
	}
	clear(c.flows)
}

// lastMedia returns when media of l last passed, 0 when none did.
func (c *Core) lastMedia(l *dialog.Leg) int64 {
	last := int64(0)
	for ep := range l.Endpoints {
		for f := range c.media.Flows(ep, l.ID) {
			last = max(last, f.Last)
		}
		if !c.kernel() {
			continue
		}
		if owner, _ := c.media.Owner(ep); owner != l.ID {
			continue
		}
		seen, _ := c.cfg.Kernel.Read(ep, c.observed[:0])
		for i := range seen {
			last = max(last, seen[i].Last)
		}
		c.observed = seen
	}
	return last
}
