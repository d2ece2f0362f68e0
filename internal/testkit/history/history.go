// Package history makes up the past of a few switches: weeks of calls with their
// attempts, digits and failures by a rhythm of hours and weekdays, refused
// registrations, minute counters, and a night in which a switch was away. It is test
// data, for the demo and for tests of what a collector shows; nothing of it was ever on a
// wire.
//
// Of each made-up call the agent's own code makes the rest: its counters make the
// minutes, its outbox the records, the hours under which they are summed up and the marks
// that close them, and its spool keeps them, in the order and the form in which an agent
// that watched all the time would have left them when its collector was away. An agent
// that is started on such a spool sends it as its backlog, by MQTT, and goes on after the
// last closed hour. So every part behind the capture is the real one; only SIP is not
// there: it would take weeks to play.
//
// The same configuration makes the same history. Its Figures are counted here, of the
// made-up calls and not of records, so that whatever is shown can be compared with them.
package history

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipward/sipward/sip/party"
)

// Config says what to make up.
type Config struct {
	Seed         uint64
	From, To     time.Time // whole minutes; every call is over, and recorded, at To
	CallsPerHour float64   // of all nodes, averaged over a week; at most 5000
	Nodes        []Node
	Customers    []Party
	Carriers     []Party // two at least: a call that one cannot carry goes to the next
	Trouble      []Span  // when the last carrier fails most of its calls
}

// Node is one switch with its agent.
type Node struct {
	Name  string
	Addr  netip.AddrPort // its SIP port
	Share float64        // of the calls, relative to the other nodes; above 0
	Away  []Span         // when it did nothing, in order
}

// Span is a time; its end is not in it.
type Span struct{ From, To time.Time }

// Party is a customer or a carrier.
type Party struct {
	ID       string
	Channels int
	Share    float64    // of the calls, relative to the other customers, or carriers; above 0
	Addr     netip.Addr // of all its calls
	First    string     // of its numbers, as 1000
	Last     string     // as 1999; as many digits, and at most nine
}

func (p *Party) block() party.Block { return party.Block{First: p.First, Last: p.Last} }

// MaxCallsPerHour bounds Config.CallsPerHour.
const MaxCallsPerHour = 5000

func (c *Config) check() error {
	for _, bad := range []struct {
		yes  bool
		text string
	}{
		{!c.From.Before(c.To), "it ends before it begins"},
		{c.From.Unix()%60 != 0 || c.To.Unix()%60 != 0 || c.From.Nanosecond()+c.To.Nanosecond() != 0, "it must begin and end with a minute"},
		{c.CallsPerHour <= 0 || c.CallsPerHour > MaxCallsPerHour, fmt.Sprintf("calls an hour must be above 0 and at most %d", MaxCallsPerHour)},
		{len(c.Nodes) == 0 || len(c.Customers) == 0 || len(c.Carriers) < 2, "one node, one customer and two carriers are the least"},
	} {
		if bad.yes {
			return errors.New("history: " + bad.text)
		}
	}
	for _, n := range c.Nodes {
		if n.Share <= 0 {
			return fmt.Errorf("history: node %s has no share of the calls", n.Name)
		}
	}
	for _, list := range [][]Party{c.Customers, c.Carriers} {
		for i := range list {
			if p := &list[i]; p.Share <= 0 || !p.Addr.IsValid() {
				return fmt.Errorf("history: %s has no share of the calls, or no address", p.ID)
			}
		}
	}
	for i := range c.Customers {
		if b := c.Customers[i].block(); !b.Valid() || len(b.First) > 9 {
			return fmt.Errorf("history: customer %s has no block of numbers", c.Customers[i].ID)
		}
	}
	return nil
}

// book names the parties as an agent's table does.
func (c *Config) book() (*party.Book, error) {
	var entries []party.Entry
	for kind, list := range map[party.Kind][]Party{party.Customer: c.Customers, party.Carrier: c.Carriers} {
		for i := range list {
			p := &list[i]
			e := party.Entry{Name: p.ID, Kind: kind, Channels: p.Channels, Addresses: []netip.Prefix{netip.PrefixFrom(p.Addr, p.Addr.BitLen())}}
			if kind == party.Customer {
				e.Blocks = []party.Block{p.block()}
			}
			entries = append(entries, e)
		}
	}
	b, err := party.NewBook(entries, nil)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return b, nil
}

// contains reports whether t, nanoseconds since the Unix epoch, is in one of the spans.
func contains(spans []Span, t int64) bool {
	for _, s := range spans {
		if t >= s.From.UnixNano() && t < s.To.UnixNano() {
			return true
		}
	}
	return false
}
