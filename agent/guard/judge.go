package guard

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// About is what a report says of a REGISTER beside what a verdict looks at.
type About struct {
	At        int64  // when it came, in nanoseconds since the Unix epoch; 0: now
	Port      uint16 // of the source; 0: not known
	Transport string // udp, tcp, tls, sctp, ws or wss
	CallID    string // "" when it is not known: then it is a transaction of its own
	CSeq      uint32
	UserAgent string
}

// Judge gives the verdict on a REGISTER that its edge enforces. What q and about
// hold is not kept. It never waits for a disk, for the log or for who takes
// reports. It sets q.Banned.
func (g *Guard) Judge(q *register.Request, about About) register.Verdict {
	started := time.Now()
	if about.At == 0 {
		about.At = started.UnixNano()
	}
	g.lock()
	defer g.mu.Unlock()
	v := g.decide(q, &about, register.Refused)
	g.count.judged++
	g.count.judging += time.Since(started)
	return v
}

// Seen takes a REGISTER, or a response to one, that passed by. Both are the
// caller's again when it returns.
func (g *Guard) Seen(p *packet.Packet, m *parse.Message) {
	g.lock()
	defer g.mu.Unlock()
	defer g.caught(nil)
	if m.Request() && g.watches(p, m) {
		about := About{At: p.Time, Port: p.Src.Port, Transport: p.Transport.String(), CallID: m.CallID, CSeq: m.CSeq, UserAgent: m.UserAgent}
		g.request.Fill(m, p)
		g.decide(&g.request, &about, register.WouldRefuse)
	}
	g.changed(g.registry.Message(p, m))
}

// watches reports whether a REGISTER that passed by is judged: one that no edge
// is asked about. One that the switch sends on says nothing of who sent it, and
// one that it sends itself, to a carrier, is not for it to judge.
func (g *Guard) watches(p *packet.Packet, m *parse.Message) bool {
	if g.book.Local(p.Src.Addr()) && (m.Vias > 1 || !g.book.Local(p.Dst.Addr())) {
		return false
	}
	switch g.cfg.Mode {
	case Monitor:
		return true
	case NFQueue:
		return p.Transport != packet.UDP
	case Authorize:
	}
	return false
}

// decide judges q, counts the verdict and reports it. The lock is held. A panic
// below it is our own mistake: it costs one verdict, which follows Closed.
func (g *Guard) decide(q *register.Request, about *About, kind register.Kind) (v register.Verdict) {
	defer g.caught(&v)
	source := addressOf(q.Source)
	key := g.recent.transaction(source, q, about)
	if key != 0 {
		if s, again := g.recent.again(key, about.At); again {
			g.count.resent++
			return g.repeat(q, about, s, kind)
		}
	}
	q.Banned = kind == register.Refused && g.bans.holds(q.Source, about.At)
	v = g.registry.Judge(q, about.At)
	if key != 0 {
		g.recent.settle(key, v.Reason, about.At)
	}
	if v.Pass() {
		g.tallies.add(v.Customer, 0, v.Reason)
		return v
	}
	g.tallies.add(v.Customer, kind, v.Reason)
	g.refused(q, about, v, kind, source)
	return v
}

// repeat gives a request that was sent again the verdict of the first.
func (g *Guard) repeat(q *register.Request, about *About, s settled, kind register.Kind) register.Verdict {
	q.Banned = s.reason == register.Banned
	v := g.registry.Judge(q, about.At)
	if v.Reason != s.reason { // things have changed meanwhile
		v = register.Verdict{Reason: s.reason, Customer: v.Customer}
	}
	if !v.Pass() && v.Reason != register.Banned && s.resent > maxResends {
		g.ban(q, about, kind)
	}
	return v
}

// refused counts and reports a REGISTER that did not pass, or should not have.
func (g *Guard) refused(q *register.Request, about *About, v register.Verdict, kind register.Kind, source address) {
	g.reports.refusal(source, q.To.User, v.Reason, kind, about.At, func() *register.Report {
		return g.report(q, about, v, kind)
	})
	if v.Reason != register.Banned {
		g.ban(q, about, kind)
	}
}

// ban counts a refusal of a source, which may be the one that bans it. What is
// only watched leads to no ban.
func (g *Guard) ban(q *register.Request, about *About, kind register.Kind) {
	if kind != register.Refused || !q.Source.IsValid() {
		return
	}
	before := g.bans.begun
	g.bans.refusal(q.Source, about.At)
	if g.bans.begun != before {
		g.poke()
	}
}

// report makes the report of a verdict, for people.
func (g *Guard) report(q *register.Request, about *About, v register.Verdict, kind register.Kind) *register.Report {
	r := &register.Report{
		At: about.At, Kind: kind, Reason: v.Reason, Mode: string(g.cfg.Mode), Customer: partyName(g.book, v.Customer),
		Number: text(q.To.User), Domain: text(q.To.Host), Source: sourceText(q, about),
		Transport: text(about.Transport), UserAgent: text(about.UserAgent), Username: text(q.Username),
		Block: v.Block.String(), Holder: g.holder(v),
	}
	if len(q.Contacts) > 0 {
		r.Contact = text(contactText(&q.Contacts[0]))
	}
	return r
}

// holder names whose the number is, when it is somebody else's.
func (g *Guard) holder(v register.Verdict) string {
	if v.Holder != party.Unknown || v.Reason == register.InUse {
		return partyName(g.book, v.Holder)
	}
	return ""
}

// caught keeps a panic from ending the agent. The verdict on what brought it
// about follows Closed.
func (g *Guard) caught(v *register.Verdict) {
	p := recover()
	if p == nil {
		return
	}
	g.count.panics++
	if v != nil {
		*v = register.Verdict{Reason: register.Allowed}
		if g.cfg.Closed {
			v.Reason = register.Malformed
		}
	}
	if len(g.faults) == 0 { // only here are any put in, under the lock
		stack := debug.Stack()
		g.faults <- fmt.Sprintf("%v\n%s", p, stack[:min(len(stack), 8<<10)])
	}
}
