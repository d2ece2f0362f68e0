package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Guard says what becomes of registrations.
type Guard struct {
	Mode             GuardMode `yaml:"mode"`               // where verdicts are enforced
	Fail             Fail      `yaml:"fail"`               // what REGISTERs do that nobody judges: nfqueue
	UnknownCustomer  Rule      `yaml:"unknown_customer"`   // a source that is no customer's
	MaxContacts      int       `yaml:"max_contacts"`       // phones with one number at once; 0: any
	MaxBindings      int       `yaml:"max_bindings"`       // contacts that are followed at once
	Dir              string    `yaml:"dir"`                // where bindings and the table are kept
	Queue            int       `yaml:"queue"`              // first netfilter queue: nfqueue
	Queues           int       `yaml:"queues"`             // how many from there on
	Firewall         Firewall  `yaml:"firewall"`           // who sends packets to the queues
	AnswersPerSecond int       `yaml:"answers_per_second"` // most 403 to one source
	Ban              Ban       `yaml:"ban"`
	Authorize        Authorize `yaml:"authorize"`
}

// GuardMode says where verdicts on REGISTERs are enforced.
type GuardMode string

// Modes.
const (
	Monitor       GuardMode = "monitor"   // nowhere: what would be refused is reported
	NFQueue       GuardMode = "nfqueue"   // in the way of UDP packets to this host
	AuthorizeMode GuardMode = "authorize" // by the switch, which asks
)

// UnmarshalText reads a mode.
func (m *GuardMode) UnmarshalText(b []byte) error {
	switch x := GuardMode(b); x {
	case Monitor, NFQueue, AuthorizeMode:
		*m = x
		return nil
	case "proxy":
		return errors.New("mode proxy is not there yet; choose monitor, nfqueue or authorize")
	}
	return fmt.Errorf("%q is no mode; choose monitor, nfqueue or authorize", b)
}

// Fail says what becomes of REGISTERs that the agent cannot judge.
type Fail string

// What they do.
const (
	FailOpen   Fail = "open"   // they pass
	FailClosed Fail = "closed" // they are dropped
)

// Firewall says who has the kernel send REGISTERs to the queues.
type Firewall string

// Firewalls.
const (
	FirewallAuto     Firewall = "auto" // what the host has
	FirewallIPTables Firewall = "iptables"
	FirewallNFT      Firewall = "nft"
	FirewallNone     Firewall = "none" // somebody else
)

// Rule says whether something that is left open is allowed; "" leaves it open.
type Rule string

// Rules.
const (
	Allow Rule = "allow"
	Deny  Rule = "deny"
)

// UnmarshalText reads allow or deny.
func (r *Rule) UnmarshalText(b []byte) error {
	if x := Rule(b); x == Allow || x == Deny {
		*r = x
		return nil
	}
	return fmt.Errorf("%q is neither allow nor deny", b)
}

// party is the rule as the core knows it.
func (r Rule) party() party.Rule {
	switch r {
	case Allow:
		return party.Allow
	case Deny:
		return party.Deny
	}
	return 0
}

// Ban says which sources are dropped in the kernel.
type Ban struct {
	Refusals int           `yaml:"refusals"` // within Window; 0: none is banned
	Window   time.Duration `yaml:"window"`
	Time     time.Duration `yaml:"time"`  // that a ban lasts
	Allow    []Prefix      `yaml:"allow"` // are never banned
}

// Spared returns the networks that are never banned.
func (b *Ban) Spared() []netip.Prefix { return prefixes(b.Allow) }

// Authorize says where the switch asks for verdicts.
type Authorize struct {
	Listen string `yaml:"listen"` // address:port of the HTTP server, on loopback; or off
	Socket string `yaml:"socket"` // unix socket; or off
}

// Places returns Listen and Socket, "" for what is off.
func (a Authorize) Places() (listen, socket string) { return Admin(a).Places() }

// Policy is what the core is told of the guard.
func (g *Guard) Policy() register.Policy {
	return register.Policy{UnknownCustomer: g.UnknownCustomer.party(), MaxContacts: g.MaxContacts}
}

func guardDefaults() Guard {
	return Guard{
		Mode: Monitor, Fail: FailOpen, UnknownCustomer: Allow, MaxContacts: 10, MaxBindings: 1_000_000,
		Dir: "/var/lib/sipward/guard", Queue: 5060, Queues: 1, Firewall: FirewallAuto, AnswersPerSecond: 10,
		Ban:       Ban{Refusals: 100, Window: time.Minute, Time: 10 * time.Minute},
		Authorize: Authorize{Listen: "127.0.0.1:9466", Socket: Off},
	}
}

// Bounds of the guard.
const (
	maxBindings = 10_000_000
	maxContacts = register.MaxContacts // more could not be counted
	maxQueue    = 65535                // a netfilter queue has 16 bits
	maxQueues   = 64                   // no host has so many cores to spare for REGISTERs
	maxBan      = 24 * 24 * time.Hour  // a set counts milliseconds in 31 bits
	maxWindow   = 24 * time.Hour       // of refusals that are remembered
	maxAnswers  = 1000                 // to all sources together
	minBan      = time.Second          // sets count in seconds
	socketBytes = 100                  // a path in sockaddr_un has 108
)

func (a *Agent) checkGuard(d *decoder) {
	g := &a.Guard
	if g.Fail != FailOpen && g.Fail != FailClosed {
		d.at("guard.fail", "fail %q: choose open or closed", g.Fail)
	}
	switch g.Firewall {
	case FirewallAuto, FirewallIPTables, FirewallNFT, FirewallNone:
	default:
		d.at("guard.firewall", "firewall %q: choose auto, iptables, nft or none", g.Firewall)
	}
	if g.Dir == "" {
		d.at("guard.dir", "name a folder for bindings and the table")
	}
	within(d, "guard.max_contacts", g.MaxContacts, 0, maxContacts)
	within(d, "guard.max_bindings", g.MaxBindings, 1, maxBindings)
	within(d, "guard.queue", g.Queue, 0, maxQueue)
	within(d, "guard.queues", g.Queues, 1, min(maxQueues, max(maxQueue-g.Queue+1, 1)))
	within(d, "guard.answers_per_second", g.AnswersPerSecond, 1, maxAnswers)
	g.Ban.check(d)
	a.checkAuthorize(d)
}

func (b *Ban) check(d *decoder) {
	within(d, "guard.ban.refusals", b.Refusals, 0, 1_000_000)
	for _, x := range []struct {
		at   string
		is   time.Duration
		most time.Duration
	}{{"guard.ban.window", b.Window, maxWindow}, {"guard.ban.time", b.Time, maxBan}} {
		if x.is < minBan || x.is > x.most {
			d.at(x.at, "%v is out of range: from %v to %v", x.is, minBan, x.most)
		}
	}
}

// checkAuthorize keeps the question whether a number may register on this host:
// who could answer for the agent, or ask it, would know every number block.
func (a *Agent) checkAuthorize(d *decoder) {
	z := &a.Guard.Authorize
	if z.Listen != Off {
		host, _, err := net.SplitHostPort(z.Listen)
		switch {
		case err != nil || !address(z.Listen):
			d.at("guard.authorize.listen", "listen %q: write address:port, or off%s", z.Listen, addressHint(z.Listen))
		case !loopback(host):
			d.at("guard.authorize.listen", "listen %q: whoever asks learns who owns which number; listen on loopback, as 127.0.0.1:9466, or set socket", z.Listen)
		}
	}
	if s := z.Socket; s != Off && (!filepath.IsAbs(s) || len(s) > socketBytes) {
		d.at("guard.authorize.socket", "socket %q: write an absolute path of at most %d characters, or off", s, socketBytes)
	} else if s != Off && s == a.Admin.Socket {
		d.at("guard.authorize.socket", "socket %q is admin.socket already", s)
	}
	if a.Guard.Mode == AuthorizeMode && z.Listen == Off && z.Socket == Off {
		d.at("guard.authorize", "mode authorize needs a place where the switch can ask: set listen or socket")
	}
}

func (a *Agent) oddGuard(note noter) {
	g := &a.Guard
	if g.Mode != NFQueue && g.Fail == FailClosed {
		note("guard.fail", "fail: closed is for mode nfqueue; %s", map[GuardMode]string{
			Monitor:       "monitor refuses nothing",
			AuthorizeMode: "in mode authorize the switch decides what it does without an answer",
		}[g.Mode])
	}
	if g.Mode != AuthorizeMode && g.Authorize != guardDefaults().Authorize {
		note("guard.authorize", "nobody can ask: that is for mode authorize")
	}
	if g.UnknownCustomer == Deny && g.Mode != Monitor && len(a.Customers) == 0 && !a.Table.On() {
		note("guard.unknown_customer", "there is no customer: nobody can register")
	}
}
