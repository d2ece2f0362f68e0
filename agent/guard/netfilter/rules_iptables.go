package netfilter

import (
	"fmt"
	"strings"
)

// chain is the name of our chain, table and, with a digit, sets.
const chain = "sipward"

// xtPorts is how many ports one multiport match takes.
const xtPorts = 15

// family is what the rules for IPv4 and IPv6 differ in.
type family struct {
	program string // iptables or ip6tables
	set     string
	inet    string // as ipset calls it
	kind    string // of the set
	v6      bool
}

var (
	family4 = family{program: "iptables", set: chain + "4", inet: "inet", kind: "hash:ip"}
	family6 = family{program: "ip6tables", set: chain + "6", inet: "inet6", kind: "hash:net", v6: true}
)

// Matches of the module u32. Masked with 0xDF, letters are upper case. A match
// that looks beyond the end of a packet is false.
const (
	// The first eight bytes behind the IPv4 header, whatever its length, and
	// the UDP header are REGISTER.
	u32Register4 = "0>>22&0x3C@8&0xDFDFDFDF=0x52454749&&0>>22&0x3C@12&0xDFDFDFDF=0x53544552"
	// The first of them is a control character or a blank: Kamailio skips them
	// all, NUL too. But there is no magic cookie of STUN in the next (RFC 8489 section
	// 5), whose first byte is no blank: phones keep a NAT open with it.
	u32Blank4 = "0>>22&0x3C@8>>24=0:0x20&&0>>22&0x3C@12=0:0x2112A441,0x2112A443:0xFFFFFFFF"

	// The same behind an IPv6 header that UDP follows at once.
	u32Register6 = "4>>8&0xFF=17&&48&0xDFDFDFDF=0x52454749&&52&0xDFDFDFDF=0x53544552"
	u32Blank6    = "4>>8&0xFF=17&&48>>24=0:0x20&&52=0:0x2112A441,0x2112A443:0xFFFFFFFF"
	// UDP follows at once.
	u32Plain6 = "4>>8&0xFF=17"

	u32Never = "0=0" // a packet begins with its IP version
)

// Packets below these lengths hold no REGISTER: 32 bytes behind the headers of IP
// and UDP. They are the line ends that phones send to keep a NAT open.
const (
	minLength4 = 20 + 8 + 32
	minLength6 = 40 + 8 + 32
)

// iptables returns the rules of one family for iptables-restore --noflush. Jumps
// that are there already are taken away in the same transaction: replacing
// the rules of a crashed run lets nothing through.
//
// They stand in mangle INPUT. Behind reassembly and DNAT, so that there are
// whole packets with the ports that the switch listens on, and only those for this
// host. And before filter INPUT, where the host's own rules are used to accept
// SIP ports for good; what we accept goes on to them.
func (r *Rules) iptables(f family, stale []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*mangle\n:%s - [0:0]\n", chain)
	for _, line := range stale {
		b.WriteString(strings.Replace(line, "-A ", "-D ", 1) + "\n")
	}
	for _, jump := range r.jumps() {
		// First, because an operator's rule may accept for good here too.
		b.WriteString("-I INPUT " + jump + "\n")
	}
	for _, rule := range r.chainRules(f) {
		b.WriteString("-A " + chain + " " + rule + "\n")
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// jumps are the ways into our chain: what comes from lo is the host's own.
func (r *Rules) jumps() []string {
	var out []string
	protocols := []string{"udp"}
	if r.bans {
		protocols = append(protocols, "tcp")
	}
	for _, p := range protocols {
		for ports := range chunks(r.ports, xtPorts) {
			out = append(out, fmt.Sprintf("! -i lo -p %s -m multiport --dports %s -j %s", p, list(ports, ","), chain))
		}
	}
	return out
}

func (r *Rules) chainRules(f family) []string {
	var out []string
	queue := " -j NFQUEUE " + r.xtQueue()
	if r.bans {
		out = append(out, "-m set --match-set "+f.set+" src -j DROP", "! -p udp -j RETURN")
	}
	if f.v6 {
		out = append(out,
			// Never true. But a rule with this match makes the kernel put IPv6
			// fragments together before INPUT (nf_defrag_ipv6), as it does for IPv4 in any
			// case; otherwise no rule sees the port of a fragment. The match for
			// connections does so too, but then the kernel tracks every stream of
			// media on the host, and drops packets when its table is full.
			`-m u32 --u32 "`+u32Never+`" -m socket`,
			`-p udp -m u32 --u32 "`+u32Register6+`"`+queue,
			fmt.Sprintf(`-p udp -m length --length %d:65535 -m u32 --u32 "%s"%s`, minLength6, u32Blank6, queue),
			// Behind extension headers u32 does not find the payload.
			`-p udp -m u32 ! --u32 "`+u32Plain6+`"`+queue)
	} else {
		out = append(out,
			`-p udp -m u32 --u32 "`+u32Register4+`"`+queue,
			fmt.Sprintf(`-p udp -m length --length %d:65535 -m u32 --u32 "%s"%s`, minLength4, u32Blank4, queue))
	}
	return append(out,
		// Several datagrams can pass as one packet: from a virtual machine or container
		// of this host that sends with UDP segmentation offload, or where an
		// interface merges what it receives (rx-gro-list). The rules above see the first
		// alone. The queue gets them one by one.
		`-p udp -m string --algo kmp --icase --hex-string "|524547495354455220|"`+queue,
		`-p udp -m string --algo kmp --icase --hex-string "|524547495354455209|"`+queue)
}

// xtQueue are the options of the target. With several queues the kernel chooses
// by source and destination address: packets of one source stay in order.
func (r *Rules) xtQueue() string {
	s := fmt.Sprintf("--queue-num %d", r.queue)
	if r.queues > 1 {
		s = fmt.Sprintf("--queue-balance %d:%d", r.queue, int(r.queue)+r.queues-1)
	}
	if !r.closed {
		s += " --queue-bypass" // nobody listens: the packet goes on
	}
	return s
}

func iptablesRemoval(jumps []string) string {
	var b strings.Builder
	b.WriteString("*mangle\n")
	for _, line := range jumps {
		b.WriteString(strings.Replace(line, "-A ", "-D ", 1) + "\n")
	}
	fmt.Fprintf(&b, "-F %s\n-X %s\nCOMMIT\n", chain, chain)
	return b.String()
}

// ours returns the lines of iptables-save that jump to our chain, and how many
// rules stand in it; found is false when there is no such chain.
func ours(saved string) (jumps []string, rules int, found bool) {
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		if i := strings.Index(line, "] -A "); i > 0 && line[0] == '[' {
			line = line[i+2:] // with counters
		}
		switch {
		case strings.HasPrefix(line, ":"+chain+" "):
			found = true
		case strings.HasPrefix(line, "-A "+chain+" "):
			rules++
		case strings.HasPrefix(line, "-A ") && strings.HasSuffix(line, "-j "+chain):
			jumps = append(jumps, line)
		}
	}
	return jumps, rules, found
}

func chunks(ports []uint16, n int) func(func([]uint16) bool) {
	return func(yield func([]uint16) bool) {
		for len(ports) > 0 {
			k := min(n, len(ports))
			if !yield(ports[:k]) {
				return
			}
			ports = ports[k:]
		}
	}
}

func list(ports []uint16, sep string) string {
	s := make([]string, len(ports))
	for i, p := range ports {
		s[i] = fmt.Sprint(p)
	}
	return strings.Join(s, sep)
}
