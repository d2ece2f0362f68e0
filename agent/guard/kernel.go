package guard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// tellKernel has the kernel drop sites that are banned, until ctx ends. What the
// kernel refuses is tried again with the next ban, or a second later: until then
// their REGISTERs are refused one by one.
func (g *Guard) tellKernel(ctx context.Context) error {
	if g.cfg.Bans == nil {
		return nil
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-g.wake:
		case <-second.C:
		case <-ctx.Done():
			return nil
		}
		if err := g.tellAll(ctx); err != nil {
			g.seldom.Error(time.Now(), "guard: telling the kernel of a ban; the source is refused all the same", "error", err)
		}
	}
}

// tellAll tells the kernel what it does not know, until something fails.
func (g *Guard) tellAll(ctx context.Context) error {
	for ctx.Err() == nil {
		site, some := g.untold()
		if !some {
			return nil
		}
		if err := g.tell(site); err != nil {
			return err
		}
	}
	return nil
}

func (g *Guard) untold() (site address, some bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for site = range g.bans.todo {
		return site, true
	}
	return site, false
}

// tell tells the kernel of one site what is now true of it.
func (g *Guard) tell(site address) error {
	if g.cfg.Bans == nil {
		return nil
	}
	g.kernel.Lock()
	defer g.kernel.Unlock()
	g.mu.Lock()
	delete(g.bans.todo, site)
	x, left := g.bans.banned[site], time.Duration(0)
	if x != nil {
		left = time.Duration(x.until - time.Now().UnixNano())
	}
	g.mu.Unlock()
	var err error
	if left > 0 {
		err = g.cfg.Bans.Drop(site.prefix(), left)
	} else {
		err = g.cfg.Bans.Lift(site.prefix())
	}
	if err == nil {
		if left > 0 {
			g.seldom.Warn(time.Now(), "guard: a source was refused too often; the kernel drops what it sends", "source", siteText(site.prefix()), "for", left.Round(time.Second))
		}
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count.kernelErrors++
	g.bans.tell(site)
	return err //nolint:wrapcheck // the Dropper says what it tried
}

// Banned is a source that is dropped.
type Banned struct {
	Site     netip.Prefix
	Since    int64 // nanoseconds since the Unix epoch
	Until    int64
	Refusals uint32 // that led to it
	Seen     uint64 // REGISTERs of it that were judged since, for the kernel did not drop them
	Told     bool   // the kernel drops it; false without a kernel that could
}

// BannedSources lists the sources that are banned now.
func (g *Guard) BannedSources() []Banned {
	now := time.Now().UnixNano()
	g.mu.Lock()
	all := slices.Clone(g.bans.due)
	g.mu.Unlock()
	out := make([]Banned, 0, len(all))
	for some := range slices.Chunk(all, step) {
		g.yield()
		g.mu.Lock()
		for _, site := range some {
			if x := g.bans.banned[site]; x != nil && x.until > now {
				_, todo := g.bans.todo[site]
				out = append(out, Banned{site.prefix(), x.since, x.until, x.refusals, x.dropped, g.bans.kernel && !todo})
			}
		}
		g.mu.Unlock()
	}
	return out
}

// Lift ends the ban of the site that a is in, and reports whether there was one.
func (g *Guard) Lift(a netip.Addr) (lifted bool, err error) {
	key := siteOf(a)
	g.mu.Lock()
	lifted = g.bans.lift(func(other address) bool { return other == key }) > 0
	g.mu.Unlock()
	if !lifted {
		return false, nil
	}
	if err := g.tell(key); err != nil {
		return true, fmt.Errorf("the ban of %s ends here, but not in the kernel yet: %w", key.prefix(), err)
	}
	return true, nil
}
