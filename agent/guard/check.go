package guard

import (
	"time"

	"github.com/sipward/sipward/sip/register"
)

// Checked is a verdict that somebody asked for, and how it came about.
type Checked struct {
	Verdict  string `json:"verdict"` // Passed or that of a register.Kind, as it would be counted
	Reason   string `json:"reason"`
	Mode     Mode   `json:"mode"`
	Customer string `json:"customer"`
	Block    string `json:"block,omitempty"`
	Holder   string `json:"holder,omitempty"`
	Steps    []Step `json:"steps"`
}

// Step is one thing that was looked at, up to the one that decided.
type Step struct {
	Check   string `json:"check"` // a reason
	Decides bool   `json:"decides,omitempty"`
	Text    string `json:"text"` // a sentence for people
}

// Check says what would become of a REGISTER now, and why. It counts nothing.
func (g *Guard) Check(q *register.Request) (c Checked) {
	now := time.Now().UnixNano()
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.caught(nil)
	x := g.bans.banned[siteOf(q.Source)]
	q.Banned = x != nil && x.until > now
	v, steps := g.registry.Explain(q, now)
	kind := register.Refused
	if g.cfg.Mode == Monitor {
		kind = register.WouldRefuse
	}
	c = Checked{
		Verdict: kind.String(), Reason: v.Reason.String(), Mode: g.cfg.Mode,
		Customer: partyName(g.book, v.Customer), Block: v.Block.String(), Holder: g.holder(v),
	}
	if v.Pass() {
		c.Verdict = Passed
	}
	for _, s := range steps {
		c.Steps = append(c.Steps, Step{s.Check.String(), s.Decides, s.Text})
	}
	return c
}
