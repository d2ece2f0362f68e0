package history

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sipward/sipward/sip/register"
)

// scan returns when somebody next tries a number that is not his: a phone that was set up
// wrong, or a stranger who tries what there is.
func (s *simulation) scan(now int64) int64 {
	return now + int64(s.rng.ExpFloat64()*float64(5*time.Hour))
}

// register reports a REGISTER as the guard does that only watches.
func (s *simulation) register(at int64) {
	if later := s.scan(at); later < s.ends {
		s.at(later, s.register)
	}
	if at >= s.ends {
		return
	}
	r, cfg := s.rng, s.cfg
	mine := r.IntN(len(cfg.Customers))
	me := &cfg.Customers[mine]
	rep := register.Report{
		At: at, Kind: register.WouldRefuse, Mode: "monitor", Customer: me.ID, Domain: s.node.Addr.Addr().String(),
		Source: netip.AddrPortFrom(me.Addr, s.node.Addr.Port()).String(), Transport: "udp", UserAgent: phones[r.IntN(len(phones))],
	}
	switch other := (mine + 1) % len(cfg.Customers); {
	case r.Float64() < .3: // a stranger
		rep.Customer, rep.Block, rep.UserAgent = "unknown", cfg.Customers[other].block().String(), "friendly-scanner"
		rep.Source = fmt.Sprintf("203.0.113.%d:%d", 1+r.IntN(250), 5060+r.IntN(40))
		rep.Reason, rep.Number, rep.Holder = register.ForeignBlock, number(r, &cfg.Customers[other]), cfg.Customers[other].ID
		rep.Repeated = r.Uint64N(40)
	case r.Float64() < .2:
		rep.Reason, rep.Number = register.NonNumeric, "reception"
	default:
		rep.Reason, rep.Number = register.OutsideBlocks, number(r, &cfg.Customers[other])
		rep.Block, rep.Holder = cfg.Customers[other].block().String(), cfg.Customers[other].ID
	}
	rep.Username, rep.Contact = rep.Number, fmt.Sprintf("sip:%s@%s", rep.Number, rep.Source)
	s.outbox.Registration(&rep)
	s.figures.Refusals[rep.Customer] += 1 + int(rep.Repeated) // below 40
}
