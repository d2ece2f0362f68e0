package netfilter

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The sets of iptables are those of the program ipset. What netlink libraries
// there are print to the log what they do not know of newer kernels.

// ipset returns the sets for ipset -exist restore. hash:net with prefixes of one
// length costs one look-up, as hash:ip does. No member is without a time.
func (r *Rules) ipset(f family) string {
	return fmt.Sprintf("create %s %s family %s maxelem %d timeout 0\n", f.set, f.kind, f.inet, maxBans)
}

// makeSets makes the sets, or takes those that are there, without their members
// when forget is set.
func (r *Rules) makeSets(ctx context.Context, forget bool) error {
	var text string
	for _, f := range r.families() {
		text += r.ipset(f)
		if forget {
			text += "flush " + f.set + "\n"
		}
	}
	_, err := r.host.run(ctx, "ipset", text, "-exist", "restore")
	return err
}

// destroySets takes the sets away. That there is none is no error.
func (r *Rules) destroySets(ctx context.Context) error {
	names, err := r.host.run(ctx, "ipset", "", "list", "-name")
	if err != nil {
		return nil //nolint:nilerr // without the program, or ip_set in the kernel, there is none
	}
	var text string
	for name := range strings.FieldsSeq(names) {
		if name == family4.set || name == family6.set {
			text += "destroy " + name + "\n"
		}
	}
	if text == "" {
		return nil
	}
	_, err = r.host.run(ctx, "ipset", text, "restore")
	return err
}

// setMember is what ipset -exist restore is told to add a source for so long, or
// for longer; 0 takes it away.
func setMember(source netip.Prefix, d time.Duration) string {
	set, member := family4.set, source.Addr().String()
	if source.Addr().Is6() {
		set, member = family6.set, source.String()
	}
	if d == 0 {
		return fmt.Sprintf("del %s %s\n", set, member)
	}
	return fmt.Sprintf("add %s %s timeout %d\n", set, member, int(d.Seconds()))
}
