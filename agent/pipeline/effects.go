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
		case dialog.LegOpened, dialog.LegReleased:
			c.endMedia(e.Leg, e.Now == dialog.Ended)
		case dialog.LegAnswered,
			dialog.AttemptOpened, dialog.AttemptAnswered, dialog.AttemptReleased:
		}
		c.counters.Step(e)
	}
}

// openMedia announces an endpoint in user space and in the kernel. When one
// more call comes to an endpoint, what the kernel counted until then goes to
// those that were there.
func (c *Core) openMedia(ep packet.Endpoint, s media.Spec, now int64) {
	if !c.kernel() {
		c.media.Open(ep, s, now)
		return
	}
	before, open := c.media.Joined(ep)
	if open && !c.media.Owned(ep, s.Owner) {
		c.observe(ep)
	}
	if c.media.Open(ep, s, now) {
		c.joinKernel(ep, before, open)
	}
}

// joinKernel tells the kernel what is announced at ep, unless that comes to the
// same as before: most descriptions are said again and again.
func (c *Core) joinKernel(ep packet.Endpoint, before media.Spec, open bool) {
	s, _ := c.media.Joined(ep)
	if open && s == before {
		return
	}
	if err := c.cfg.Kernel.Open(ep, s); err != nil {
		c.stats.KernelRefused++
	}
}

func (c *Core) kernel() bool { return c.cfg.Kernel != nil && c.cfg.Kernel.Active() }

// sees reports whether audio would be seen if there were any. A live capture
// without a kernel filter lets through only what is as small as a digit; a HEP
// sender, or whoever wrote a capture file, may pass on SIP alone.
func (c *Core) sees() bool {
	if c.cfg.Kernel != nil {
		return c.cfg.Kernel.Active()
	}
	return c.media.Stats.RTP > 0
}

func (c *Core) observe(ep packet.Endpoint) {
	seen, ok := c.cfg.Kernel.Read(ep, c.observed[:0])
	if ok {
		c.media.Observe(ep, seen)
	}
	c.observed = seen
}

// closeMedia ends owner's announcement of an endpoint and returns its flows.
func (c *Core) closeMedia(ep packet.Endpoint, owner uint64) []*media.Flow {
	if !c.kernel() {
		return c.media.Close(ep, owner)
	}
	before, open := c.media.Joined(ep)
	if open {
		c.observe(ep)
	}
	flows := c.media.Close(ep, owner)
	if _, shared := c.media.Joined(ep); shared {
		c.joinKernel(ep, before, open)
	} else if open {
		c.cfg.Kernel.Close(ep)
	}
	return flows
}

// endMedia notes at its endpoints that a call is over, or that it goes on.
func (c *Core) endMedia(l *dialog.Leg, ended bool) {
	for ep := range l.Endpoints {
		c.media.End(ep, l.ID, ended)
	}
}

// close gathers what was seen of a finished leg's media.
func (c *Core) close(l *dialog.Leg) {
	c.flows = c.flows[:0]
	r := c.mediaOf(l)
	for ep := range l.Endpoints {
		c.flows = append(c.flows, c.closeMedia(ep, l.ID)...)
	}
	if len(c.flows) > 0 {
		r.Sent[0] = media.Summarize(c.flows, media.Callee, parse.Audio)
		r.Sent[1] = media.Summarize(c.flows, media.Caller, parse.Audio)
	}
	if !c.sees() || r.Shared {
		r.Sent[0].MOS, r.Sent[1].MOS = 0, 0
	}
	if !c.sees() { // the packets are those of digits, with all between them missing
		r.Sent[0].Counters, r.Sent[1].Counters = media.Counters{}, media.Counters{}
	}
	l.Closed = c.clock.now
	c.counters.Media(l, &r)
	if c.cfg.Flows != nil {
		for _, f := range c.flows {
			c.cfg.Flows(l, f)
		}
	}
	if c.cfg.Finished != nil {
		c.cfg.Finished(l, &r, c.book)
	}
	if l.Kept() {
		c.dropped(l.ID)
	}
	clear(c.flows)
}

// mediaOf says what there was to see of the media of l, before its endpoints
// are closed.
func (c *Core) mediaOf(l *dialog.Leg) counters.MediaResult {
	r := counters.MediaResult{Encrypted: l.Encrypted, Restored: l.Restored}
	apart := false
	for ep := range l.Current {
		apart = apart || !c.media.Mixed(ep, l.ID)
		r.Shared = !apart
	}
	r.Expected = c.local(l) && c.sees()
	return r
}

// local reports whether media of l has to pass this host.
func (c *Core) local(l *dialog.Leg) bool {
	for ep := range l.Current {
		if c.book.Local(ep.Addr()) {
			return true
		}
	}
	return false
}

// lastMedia returns when media of l last passed, 0 when its silence says
// nothing: both sides must have got some where they get it now, or it may have
// moved to where nothing here can see it.
func (c *Core) lastMedia(l *dialog.Leg) int64 {
	if !c.sees() {
		return 0
	}
	caller, callee := c.lastBySide(l)
	if caller == 0 || callee == 0 {
		return 0
	}
	return max(caller, callee)
}

// lastBySide returns when media last passed to the caller, and to the callee; 0
// for never.
func (c *Core) lastBySide(l *dialog.Leg) (caller, callee int64) {
	for ep, side := range l.Current {
		seen := c.observed[:0]
		if c.kernel() {
			seen, _ = c.cfg.Kernel.Read(ep, seen)
			c.observed = seen
		}
		last := c.media.Last(ep, l.ID, seen)
		if side == media.Caller {
			caller, callee = max(caller, last[0]), max(callee, last[1])
		} else {
			caller, callee = max(caller, last[1]), max(callee, last[0])
		}
	}
	return caller, callee
}
