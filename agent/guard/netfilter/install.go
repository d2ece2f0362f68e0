package netfilter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Install puts the rules into the kernel. Rules of ours that are there already,
// of a run that crashed or for another firewall, are replaced; bans of such a run are
// forgotten. On an error nothing of ours is left.
func (r *Rules) Install(ctx context.Context) error {
	if err := r.install(ctx, true); err != nil {
		return errors.Join(fmt.Errorf("installing the rules of the guard: %w", err), r.Remove(context.WithoutCancel(ctx)))
	}
	return nil
}

// install is Install. forget also empties the sets.
func (r *Rules) install(ctx context.Context, forget bool) error {
	if r.kind == NFT {
		if _, err := r.host.run(ctx, "nft", r.nft(), "--file", "-"); err != nil {
			return err
		}
		return r.removeIPTables(ctx)
	}
	if r.bans {
		if err := r.makeSets(ctx, forget); err != nil {
			return err
		}
	}
	for _, f := range r.families() {
		saved, err := r.host.run(ctx, f.program+r.host.variant+"-save", "", "-t", "mangle")
		if err != nil {
			return err
		}
		stale, _, _ := ours(saved)
		if _, err := r.host.run(ctx, f.program+r.host.variant+"-restore", r.iptables(f, stale), "--noflush"); err != nil {
			return err
		}
	}
	return r.removeNFT(ctx)
}

// Remove takes all rules of ours out of the kernel, whoever put them there.
func (r *Rules) Remove(ctx context.Context) error { return remove(ctx, r.host) }

// Remove takes all rules and sets of ours out of the kernel, for whatever
// firewall they are. That there are none is no error.
func Remove(ctx context.Context) error { return remove(ctx, host{}) }

func remove(ctx context.Context, h host) error {
	r := &Rules{host: h}
	if err := errors.Join(r.removeIPTables(ctx), r.removeNFT(ctx)); err != nil {
		return fmt.Errorf("removing the rules of the guard: %w", err)
	}
	return nil
}

func (r *Rules) removeIPTables(ctx context.Context) error {
	var errs []error
	for _, f := range []family{family4, family6} {
		program := f.program + r.host.variant
		saved, err := r.host.run(ctx, program+"-save", "", "-t", "mangle")
		if err != nil {
			if !missing(err) && (!f.v6 || hasIPv6()) {
				errs = append(errs, err)
			}
			continue
		}
		if jumps, _, found := ours(saved); found {
			_, err = r.host.run(ctx, program+"-restore", iptablesRemoval(jumps), "--noflush")
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, r.destroySets(ctx))...)
}

func (r *Rules) removeNFT(ctx context.Context) error {
	tables, err := r.host.run(ctx, "nft", "", "list", "tables")
	if err != nil {
		// Without the program, or nf_tables in the kernel, there is no table.
		if missing(err) || r.kind == IPTables {
			return nil
		}
		return err
	}
	if !strings.Contains(tables, "table inet "+chain+"\n") {
		return nil
	}
	_, err = r.host.run(ctx, "nft", nftRemoval, "--file", "-")
	return err
}

// hits is what the kernel says about the rules.
type hits struct {
	intact bool   // all of them are there
	queued uint64 // packets that they sent to a queue, or would have
}

// look asks the kernel for the rules.
func (r *Rules) look(ctx context.Context) (hits, error) {
	if r.kind == NFT {
		listed, err := r.host.run(ctx, "nft", "", "list", "table", "inet", chain)
		if err != nil {
			return hits{}, nil //nolint:nilerr // it is not there any more, or cannot be asked for: to be installed
		}
		return hits{nftIntact(listed), sumAfter(listed, nftQueue, "counter packets ")}, nil
	}
	h := hits{intact: true}
	for _, f := range r.families() {
		saved, err := r.host.run(ctx, f.program+r.host.variant+"-save", "", "-c", "-t", "mangle")
		if err != nil {
			return hits{}, err
		}
		jumps, rules, _ := ours(saved)
		h.intact = h.intact && len(jumps) == len(r.jumps()) && rules == len(r.chainRules(f))
		h.queued += sumAfter(saved, " -j NFQUEUE ", "[")
	}
	return h, nil
}

// sumAfter adds the numbers behind marker of all lines that contain what.
func sumAfter(text, what, marker string) (sum uint64) {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, what) {
			continue
		}
		_, rest, _ := strings.Cut(line, marker)
		end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
		n, _ := strconv.ParseUint(rest[:max(end, 0)], 10, 64) // 0 for none
		sum += n
	}
	return sum
}
