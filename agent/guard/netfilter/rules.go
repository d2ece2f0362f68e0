package netfilter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Rules are what the kernel is told, for one kind of firewall. Install and Remove
// must not be called at the same time.
type Rules struct {
	ports  []uint16
	queue  uint16
	queues int
	closed bool

	kind          Firewall // IPTables or NFT
	bans          bool     // there are sets of banned sources
	v6            bool     // the host has IPv6
	nftDefragment string
	host          host
}

// ErrNoFirewall says that neither iptables nor nft can do what is needed.
var ErrNoFirewall = errors.New("no firewall program can send packets to a queue: install iptables, or nftables and the kernel's nft_queue")

// Plan chooses what cfg leaves open: it has the programs of the host check the
// rules, without any effect. With None it chooses as with Auto, for somebody to
// read. iptables comes first, since its rules find more; see [Rules.Text].
func Plan(ctx context.Context, cfg Config) (*Rules, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return plan(ctx, &cfg, host{})
}

func plan(ctx context.Context, cfg *Config, h host) (*Rules, error) {
	r := newRules(cfg, h)
	var errs []error
	if cfg.Firewall != NFT {
		// Without sets in the kernel there are no bans, and nft is better.
		for _, bans := range []bool{true, false} {
			err := r.tryIPTables(ctx, bans)
			if err == nil {
				return r, nil
			}
			errs = append(errs, err)
			if bans && cfg.Firewall != IPTables {
				if err := r.tryNFT(ctx); err == nil {
					return r, nil
				}
			}
		}
	}
	if cfg.Firewall != IPTables {
		if err := r.tryNFT(ctx); err != nil {
			errs = append(errs, err)
		} else {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNoFirewall, errors.Join(dedupe(errs)...))
}

func newRules(cfg *Config, h host) *Rules {
	ports := slices.Clone(cfg.Ports)
	slices.Sort(ports)
	return &Rules{
		ports: slices.Compact(ports), queue: cfg.Queue, queues: cfg.Queues, closed: cfg.Closed,
		v6: hasIPv6(), host: h, nftDefragment: nftDefragment[0],
	}
}

// hasIPv6 reports whether IPv6 is not switched off.
func hasIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

func dedupe(errs []error) []error {
	var out []error
	for _, e := range errs {
		if !slices.ContainsFunc(out, func(o error) bool { return o.Error() == e.Error() }) {
			out = append(out, e)
		}
	}
	return out
}

// tryIPTables chooses iptables if it takes the rules.
func (r *Rules) tryIPTables(ctx context.Context, bans bool) error {
	r.kind, r.bans = IPTables, false // a test cannot name a set that is not there yet
	for _, f := range r.families() {
		if _, err := r.host.run(ctx, f.program+r.host.variant+"-restore", r.iptables(f, nil), "--noflush", "--test"); err != nil {
			return err
		}
	}
	if bans {
		// It asks the kernel too.
		if _, err := r.host.run(ctx, "ipset", "", "list", "-name"); err != nil {
			return err
		}
	}
	r.bans = bans
	return nil
}

func (r *Rules) tryNFT(ctx context.Context) error {
	r.kind, r.bans = NFT, true
	var errs []error
	for _, r.nftDefragment = range nftDefragment {
		_, err := r.host.run(ctx, "nft", r.nft(), "--check", "--file", "-")
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(dedupe(errs)...)
}

func (r *Rules) families() []family {
	if r.v6 {
		return []family{family4, family6}
	}
	return []family{family4}
}

// Text is a script for sh that does what Install does on a host without rules of
// ours. Those of iptables also find a REGISTER that came in one packet with other
// datagrams; nft cannot search a payload.
func (r *Rules) Text() string {
	if r.kind == NFT {
		return here("nft --file -", r.nft())
	}
	var b strings.Builder
	if r.bans {
		var sets string
		for _, f := range r.families() {
			sets += r.ipset(f)
		}
		b.WriteString(here("ipset -exist restore", sets))
	}
	for _, f := range r.families() {
		b.WriteString(here(f.program+r.host.variant+"-restore --noflush", r.iptables(f, nil)))
	}
	return b.String()
}

// RemovalText is a script for sh that takes back what Text does.
func (r *Rules) RemovalText() string {
	if r.kind == NFT {
		return here("nft --file -", nftRemoval)
	}
	var b strings.Builder
	jumps := r.jumps()
	for i := range jumps {
		jumps[i] = "-A INPUT " + jumps[i]
	}
	var sets string
	for _, f := range r.families() {
		b.WriteString(here(f.program+r.host.variant+"-restore --noflush", iptablesRemoval(jumps)))
		sets += "destroy " + f.set + "\n"
	}
	if r.bans {
		b.WriteString(here("ipset restore", sets))
	}
	return b.String()
}

// here is a command with its standard input.
func here(command, input string) string {
	return command + " <<'END'\n" + input + "END\n"
}
