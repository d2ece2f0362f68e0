package netfilter

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/site"
)

// maxBans bounds each set of banned sources.
const maxBans = 1 << 16

// maxBanTime is the longest that a set takes: it counts milliseconds in 31 bits.
const maxBanTime = 24 * 24 * time.Hour

// errNoBans says that there is no set in the kernel for banned sources.
var errNoBans = errors.New("the kernel has no set for banned sources")

// Bans are the banned sources: an IPv4 address, or the /64 of an IPv6 one. What
// they send to SIP ports is dropped in the kernel, until their time is over there too.
// It is safe for concurrent use.
type Bans struct {
	host host

	mu    sync.Mutex // guards what follows, and is held while the kernel is told
	kind  Firewall   // of the sets; 0: there are none
	until map[netip.Prefix]time.Time
}

func newBans(h host) *Bans { return &Bans{host: h, until: map[netip.Prefix]time.Time{}} }

// use says where the sets are; 0 for nowhere.
func (b *Bans) use(kind Firewall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kind = kind
}

// On reports whether there are sets, and thus bans.
func (b *Bans) On() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kind != 0
}

// Drop bans a source for so long, from now on also if it is banned already. It
// returns errNoBans when there is no set.
func (b *Bans) Drop(source netip.Prefix, d time.Duration) error {
	source = whole(source)
	d = min(max(d.Round(time.Second), time.Second), maxBanTime)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.until) >= maxBans {
		b.forget(time.Now())
	}
	if _, known := b.until[source]; !known && len(b.until) >= maxBans {
		return fmt.Errorf("banning %s: %d sources are banned, there is no room for more", source, len(b.until))
	}
	if err := b.tell(source, d); err != nil {
		return fmt.Errorf("banning %s: %w", source, err)
	}
	b.until[source] = time.Now().Add(d)
	return nil
}

// Lift lets a source in again. That it was not banned is no error.
func (b *Bans) Lift(source netip.Prefix) error {
	source = whole(source)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.tell(source, 0); err != nil {
		return fmt.Errorf("lifting the ban of %s: %w", source, err)
	}
	delete(b.until, source)
	return nil
}

// restore tells the kernel again what it was told: its sets were made anew.
func (b *Bans) restore() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.forget(now)
	for source, until := range b.until {
		if err := b.tell(source, max(until.Sub(now).Round(time.Second), time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// forget drops what is over.
func (b *Bans) forget(now time.Time) {
	for source, until := range b.until {
		if !until.After(now) {
			delete(b.until, source)
		}
	}
}

// tell adds a source for so long; 0 takes it away.
func (b *Bans) tell(source netip.Prefix, d time.Duration) error {
	switch b.kind {
	case IPTables:
		_, err := b.host.run(context.Background(), "ipset", setMember(source, d), "-exist", "restore")
		return err
	case NFT:
		_, err := b.host.run(context.Background(), "nft", nftMember(source, d), "--file", "-")
		return err
	case Auto, None:
	}
	return errNoBans
}

// whole returns what is banned when p is.
func whole(p netip.Prefix) netip.Prefix {
	a := site.Of(p.Addr()).Addr()
	if a.Is4() {
		return netip.PrefixFrom(a, 32)
	}
	return netip.PrefixFrom(a, 64)
}

// Names of the sets of nft.
const (
	nftSet4 = "banned4"
	nftSet6 = "banned6"
)

// nftMember replaces an element: adding it once more would leave its time as it
// is, and deleting one that is not there fails.
func nftMember(source netip.Prefix, d time.Duration) string {
	set := nftSet4
	if source.Addr().Is6() {
		set = nftSet6
	}
	element := fmt.Sprintf("element inet %s %s { %s", chain, set, source.Addr())
	s := "add " + element + " }\ndelete " + element + " }\n"
	if d > 0 {
		s += fmt.Sprintf("add %s timeout %ds }\n", element, int(d.Seconds()))
	}
	return s
}
