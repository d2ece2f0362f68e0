package counters

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// TestLiveGaugesSurviveChaos sends the messages of many calls through a real
// table, lost, doubled and out of order, and checks after every effect that no
// gauge went below zero or above what the table holds, and that all are zero at
// the end: the figures that operators complain of most.
func TestLiveGaugesSurviveChaos(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		book := chaosBook(t)
		table := dialog.NewTable(dialog.Config{MediaTimeout: -1}, book)
		c := New(book.Len())
		check := func(effects []dialog.Effect) {
			for i := range effects {
				c.Step(&effects[i])
			}
			legs := uint64(table.Stats().Legs)
			if live := c.total.Live(); live > legs {
				t.Fatalf("seed %d: %d live calls, %d legs in the table", seed, live, legs)
			}
			if c.skew != 0 {
				t.Fatalf("seed %d: a gauge was led below zero", seed)
			}
		}
		now := int64(1e18)
		for _, m := range disturb(r, chaosMessages(r)) {
			now += r.Int64N(int64(3 * time.Second))
			p := m.packet
			p.Time = now
			check(table.Message(&p, &m.message))
			check(table.Tick(now))
		}
		check(table.Finish(now + 1))
		checkAtEnd(t, seed, c, book)
	}
}

// TestFiguresSurviveRestarts does the same with an agent that is restarted now and then,
// and was blind in between: the figures of all its runs together are sound.
func TestFiguresSurviveRestarts(t *testing.T) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 7))
		book := chaosBook(t)
		cfg := dialog.Config{
			MediaTimeout: -1, SetupTimeout: time.Duration(20+r.IntN(200)) * time.Second,
			Alive: func(*dialog.Leg) (int64, bool) { return 0, seed%2 == 0 },
		}
		table, c := dialog.NewTable(cfg, book), New(book.Len())
		runs := []*Counters{c}
		check := func(effects []dialog.Effect) {
			for i := range effects {
				c.Step(&effects[i])
			}
			if live := c.total.Live(); c.skew != 0 || live > uint64(table.Stats().Legs) {
				t.Fatalf("seed %d: skew %d, %d live calls, %d legs in the table", seed, c.skew, live, table.Stats().Legs)
			}
		}
		now, step := int64(1e18), int64(time.Duration(1+r.IntN(12))*time.Second)
		for _, m := range disturb(r, chaosMessages(r)) {
			now += r.Int64N(step)
			if r.IntN(25) == 0 {
				saved, alive := saveAll(table), now
				now += r.Int64N(int64(time.Minute))
				table, c = dialog.NewTable(cfg, book), New(book.Len())
				runs = append(runs, c)
				effects, bad := table.Restore(saved, alive, now)
				if len(bad) > 0 {
					t.Fatalf("seed %d: %v were not restored", seed, bad)
				}
				check(effects)
			}
			p := m.packet
			p.Time = now
			check(table.Message(&p, &m.message))
			check(table.Tick(now))
		}
		check(table.Finish(now + 1))
		if live := c.total.Live(); live != 0 {
			t.Errorf("seed %d: %d live channels after the end", seed, live)
		}
		checkRuns(t, seed, runs, book)
	}
}

func saveAll(table *dialog.Table) (saved [][]byte) {
	w := table.Walk()
	for w.Next(100, func(l *dialog.Leg) { saved = append(saved, table.Save(l, nil)) }) {
	}
	return saved
}

// checkRuns holds parts against their wholes in the sums of several runs.
func checkRuns(t *testing.T, seed uint64, runs []*Counters, book *party.Book) {
	t.Helper()
	sums := map[string]*Figures{}
	for _, c := range runs {
		s := c.Snapshot(book)
		for _, p := range append(s.Customers, s.Carriers...) {
			sum := sums[p.Name]
			if sum == nil {
				sum = &Figures{}
				sums[p.Name] = sum
			}
			sum.Started += p.Started
			sum.Outcomes += p.Outcomes
			sum.Answered += p.Answered
			sum.Effective += p.Effective
			sum.Ended += p.Ended
			sum.Over += p.Over
			sum.Completed += p.Completed
		}
	}
	for name, f := range sums {
		if f.Outcomes > f.Started || f.Answered > f.Outcomes || f.Effective > f.Outcomes || f.Ended > f.Answered || f.Completed > f.Over {
			t.Errorf("seed %d: %s: a part exceeds its whole: %+v", seed, name, f)
		}
	}
}

func checkAtEnd(t *testing.T, seed uint64, c *Counters, book *party.Book) {
	t.Helper()
	s := c.Snapshot(book)
	var sum Figures
	for _, p := range append(s.Customers, s.Carriers...) {
		if p.Live() != 0 {
			t.Errorf("seed %d: %s has %d live channels after the end", seed, p.Name, p.Live())
		}
		if p.Outcomes > p.Started || p.Answered > p.Outcomes || p.Effective > p.Outcomes || p.Decided > p.Outcomes || p.Completed > p.Over {
			t.Errorf("seed %d: %s: a part exceeds its whole: %+v", seed, p.Name, p.Figures)
		}
		var classes uint64
		for _, n := range p.ByClass {
			classes += n
		}
		if classes != p.Outcomes {
			t.Errorf("seed %d: %s: %d outcomes by class, %d in all", seed, p.Name, classes, p.Outcomes)
		}
	}
	for _, p := range s.Customers {
		sum.Started += p.Started
		sum.Outcomes += p.Outcomes
		sum.Ended += p.Ended
		sum.AnsweredMs += p.AnsweredMs
	}
	if f := s.Total; sum.Started != f.Started || sum.Outcomes != f.Outcomes || sum.Ended != f.Ended || sum.AnsweredMs != f.AnsweredMs {
		t.Errorf("seed %d: customers add up to %+v, the total is %+v", seed, sum, f)
	}
}

// Hosts of the chaos: a customer, the switch, two carriers, a stranger.
var chaosHosts = []packet.Endpoint{host("10.0.0.1"), host("10.0.0.2"), host("10.0.0.3"), host("10.0.0.4"), host("10.9.9.9")}

func host(addr string) packet.Endpoint {
	return packet.EndpointFrom(netip.AddrPortFrom(netip.MustParseAddr(addr), 5060))
}

func chaosBook(t *testing.T) *party.Book {
	t.Helper()
	one := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s + "/32")} }
	b, err := party.NewBook([]party.Entry{
		{Name: "acme", Kind: party.Customer, Addresses: one("10.0.0.1")},
		{Name: "telco", Kind: party.Carrier, Addresses: one("10.0.0.3")},
		{Name: "other", Kind: party.Carrier, Addresses: one("10.0.0.4")},
	}, []netip.Addr{netip.MustParseAddr("10.0.0.2")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type sent struct {
	packet  packet.Packet
	message parse.Message
}

// chaosMessages returns the messages of some calls, each in its order and
// mixed with the others.
func chaosMessages(r *rand.Rand) []sent {
	var calls [][]sent
	for i := range 1 + r.IntN(12) {
		calls = append(calls, chaosCall(r, fmt.Sprint("call", i%9)))
	}
	var out []sent
	for len(calls) > 0 {
		i := r.IntN(len(calls))
		out = append(out, calls[i][0])
		if calls[i] = calls[i][1:]; len(calls[i]) == 0 {
			calls = append(calls[:i], calls[i+1:]...)
		}
	}
	return out
}

// chaosCall is one call over the switch to one or two carriers: challenged,
// refused, cancelled, answered by one or both, hung up by either side.
func chaosCall(r *rand.Rand, id string) []sent {
	var out []sent
	caller, sw := chaosHosts[r.IntN(5)], chaosHosts[1]
	tag := fmt.Sprint("from", r.IntN(2))
	cseq := uint32(1)
	add := func(src, dst packet.Endpoint, m parse.Message) {
		m.CallID, m.FromTag, m.CSeq = id, tag, cseq
		m.Expires = -1
		out = append(out, sent{packet.Packet{Src: src, Dst: dst, Transport: packet.UDP}, m})
	}
	if r.IntN(3) == 0 {
		add(caller, sw, parse.Message{Method: parse.INVITE, Branch: "c" + id})
		add(sw, caller, parse.Message{Method: parse.INVITE, Branch: "c" + id, Status: 407, ToTag: "x"})
		cseq++
	}
	branch := fmt.Sprint("z", id, r.IntN(3))
	add(caller, sw, parse.Message{Method: parse.INVITE, Branch: branch})
	final, tries := uint16(0), 1+r.IntN(2)
	for i := range tries {
		carrier, b := chaosHosts[2+r.IntN(3)], fmt.Sprint(branch, "/", i)
		final = []uint16{200, 200, 486, 503, 302, 487, 0}[r.IntN(7)]
		to := fmt.Sprint("to", i)
		add(sw, carrier, parse.Message{Method: parse.INVITE, Branch: b, Vias: 2})
		add(carrier, sw, parse.Message{Method: parse.INVITE, Branch: b, Status: 180, ToTag: to})
		if r.IntN(3) == 0 {
			add(carrier, sw, parse.Message{Method: parse.INVITE, Branch: b, Status: 407, ToTag: "x"})
			if r.IntN(4) > 0 { // else the answer is one to the same INVITE, by another branch
				cseq++
				b += "+"
				add(sw, carrier, parse.Message{Method: parse.INVITE, Branch: b, Vias: 2})
			}
		}
		if final == 487 {
			add(caller, sw, parse.Message{Method: parse.CANCEL, Branch: branch})
			add(sw, carrier, parse.Message{Method: parse.CANCEL, Branch: b})
		}
		if final != 0 {
			add(carrier, sw, parse.Message{Method: parse.INVITE, Branch: b, Status: final, ToTag: to})
		}
		if final == 200 || i == tries-1 && final != 0 {
			add(sw, caller, parse.Message{Method: parse.INVITE, Branch: branch, Status: final, ToTag: to})
		}
	}
	if final == 200 && r.IntN(4) > 0 {
		last := fmt.Sprint("to", tries-1)
		cseq++
		add(caller, sw, parse.Message{Method: parse.INVITE, Branch: "r" + branch, ToTag: last})
		add(sw, caller, parse.Message{Method: parse.INVITE, Branch: "r" + branch, Status: 200, ToTag: last})
		cseq++
		add(caller, sw, parse.Message{Method: parse.BYE, Branch: "b" + branch, ToTag: last})
	}
	return out
}

// disturb loses some messages, doubles some and moves some.
func disturb(r *rand.Rand, in []sent) []sent {
	var out []sent
	for _, m := range in {
		switch r.IntN(10) {
		case 0: // lost
		case 1:
			out = append(out, m, m)
		default:
			out = append(out, m)
		}
	}
	for range len(out) / 5 {
		i, j := r.IntN(len(out)), r.IntN(len(out))
		out[i], out[j] = out[j], out[i]
	}
	return out
}
