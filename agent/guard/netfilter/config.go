package netfilter

import (
	"fmt"
	"log/slog"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// Judge says what becomes of a REGISTER. It is called from one goroutine a queue.
type Judge interface {
	// Judge returns the verdict on q, which m and p carried. None of them is
	// valid after the call. When the payload cannot be read as a message, q is
	// Broken and m empty.
	Judge(q *register.Request, p *packet.Packet, m *parse.Message) register.Verdict
}

// Firewall is what puts packets into the queues.
type Firewall uint8

// Firewalls; the zero value is invalid.
const (
	Auto     Firewall = iota + 1 // what the host has
	IPTables                     // iptables and ip6tables, of either kind
	NFT                          // nft
	None                         // somebody else has set the rules
)

// String returns the word that the configuration uses.
func (f Firewall) String() string {
	switch f {
	case Auto:
		return "auto"
	case IPTables:
		return "iptables"
	case NFT:
		return "nft"
	case None:
		return "none"
	}
	return "invalid"
}

// Config is what a [Guard] and its [Rules] are made of.
type Config struct {
	Ports    []uint16 // of SIP over UDP
	Queue    uint16   // number of the first queue
	Queues   int      // how many from there on
	Closed   bool     // REGISTERs that nobody judges are dropped; else they pass
	Firewall Firewall
	Answers  int // most 403 a second to one source; twice as many at once
	Judge    Judge
	Log      *slog.Logger
}

// Bounds of a Config.
const (
	maxQueues = 64
	maxPorts  = 150
)

func (c *Config) check() error {
	switch {
	case len(c.Ports) == 0 || len(c.Ports) > maxPorts:
		return fmt.Errorf("netfilter: %d SIP ports: need 1 to %d", len(c.Ports), maxPorts)
	case c.Queues < 1 || c.Queues > maxQueues:
		return fmt.Errorf("netfilter: %d queues: need 1 to %d", c.Queues, maxQueues)
	case int(c.Queue)+c.Queues-1 > 65535:
		return fmt.Errorf("netfilter: queues %d to %d: the last has no number", c.Queue, int(c.Queue)+c.Queues-1)
	case c.Firewall < Auto || c.Firewall > None:
		return fmt.Errorf("netfilter: firewall %d is none", c.Firewall)
	}
	return nil
}
