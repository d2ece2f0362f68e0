package netfilter

import (
	"fmt"
	"strings"
)

// Lines that the table is recognised by when it is listed.
const (
	nftJump  = "goto registers"
	nftQueue = " queue "
)

// nftRemoval works whether the table is there or not.
const nftRemoval = "add table inet " + chain + "\ndelete table inet " + chain + "\n"

// nft returns the table for nft -f, which replaces one that is there in one
// transaction. See [Rules.iptables] for the reasons; nft finds the payload
// itself, behind whatever headers, but cannot search it: of several datagrams that
// pass as one packet it sees the first alone.
func (r *Rules) nft() string {
	var b strings.Builder
	b.WriteString(nftRemoval)
	fmt.Fprintf(&b, "table inet %s {\n", chain)
	for _, s := range []struct{ name, kind string }{{nftSet4, "ipv4_addr"}, {nftSet6, "ipv6_addr"}} {
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n\t\tflags timeout\n\t\tsize %d\n\t}\n", s.name, s.kind, maxBans)
	}
	// Never true, and there for what it does to the kernel: it puts IPv6
	// fragments together before INPUT.
	fmt.Fprintf(&b, "\tchain reassemble {\n\t\ttype filter hook prerouting priority raw; policy accept;\n"+
		"\t\tmeta nfproto ipv6 meta l4proto udp meta length 0 %s\n\t}\n", r.nftDefragment)
	fmt.Fprintf(&b, "\tchain input {\n\t\ttype filter hook input priority mangle; policy accept;\n"+
		"\t\tiifname != \"lo\" meta l4proto { tcp, udp } th dport { %s } %s\n\t}\n", list(r.ports, ", "), nftJump)
	fmt.Fprintf(&b, "\tchain registers {\n\t\tip saddr @%s drop\n\t\tip6 saddr & ffff:ffff:ffff:ffff:: @%s drop\n\t\tmeta l4proto != udp return\n", nftSet4, nftSet6)
	for _, match := range []string{
		"@th,64,32 & 0xdfdfdfdf == 0x52454749 @th,96,32 & 0xdfdfdfdf == 0x53544552",
		fmt.Sprintf("meta length >= %d @th,64,8 0-32 @th,96,32 != 0x2112a442", minLength4),
	} {
		fmt.Fprintf(&b, "\t\t%s counter%s%s\n", match, nftQueue, r.nftQueues())
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// Statements that have the kernel put fragments together, the one with less
// to it first: with the other one it also tracks every connection of the host.
var nftDefragment = []string{"tproxy ip6 to :1", "ct state invalid"}

func (r *Rules) nftQueues() string {
	s := fmt.Sprintf("num %d", r.queue)
	if r.queues > 1 {
		s += fmt.Sprintf("-%d", int(r.queue)+r.queues-1)
	}
	if !r.closed {
		s += " bypass"
	}
	return s
}

// nftIntact reports whether a listed table has all that we put into it.
func nftIntact(listed string) bool {
	return strings.Count(listed, nftQueue) == 2 && strings.Contains(listed, nftJump)
}
