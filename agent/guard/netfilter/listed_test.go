package netfilter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// What the kernel says of its sets shows whether it did what it was told.

// Banned is a source that the kernel drops.
type Banned struct {
	Source netip.Prefix
	Left   time.Duration // until it may come back
}

// List asks the kernel for the banned sources.
func (b *Bans) List() ([]Banned, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.kind {
	case IPTables:
		saved, err := b.host.run(context.Background(), "ipset", "", "save")
		if err != nil {
			return nil, fmt.Errorf("listing banned sources: %w", err)
		}
		return readSets(saved)
	case NFT:
		return b.listNFT()
	case Auto, None:
	}
	return nil, errNoBans
}

// listNFT lists both sets of the table.
func (b *Bans) listNFT() ([]Banned, error) {
	var out []Banned
	for set, bits := range map[string]int{nftSet4: 32, nftSet6: 64} {
		listed, err := b.host.run(context.Background(), "nft", "", "--json", "list", "set", "inet", chain, set)
		if err != nil {
			return nil, fmt.Errorf("listing banned sources: %w", err)
		}
		found, err := readNFTSet(listed, bits)
		if err != nil {
			return nil, fmt.Errorf("listing banned sources: reading what nft says: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// readNFTSet reads a set as nft --json lists it.
func readNFTSet(text string, bits int) ([]Banned, error) {
	var doc struct {
		NFTables []struct {
			Set *struct {
				Elem []struct {
					Elem struct {
						Val     string `json:"val"`
						Expires int64  `json:"expires"`
					} `json:"elem"`
				} `json:"elem"`
			} `json:"set"`
		} `json:"nftables"`
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&doc); err != nil {
		return nil, err
	}
	var out []Banned
	for _, x := range doc.NFTables {
		if x.Set == nil {
			continue
		}
		for _, e := range x.Set.Elem {
			a, err := netip.ParseAddr(e.Elem.Val)
			if err != nil {
				return nil, err
			}
			out = append(out, Banned{netip.PrefixFrom(a, bits), time.Duration(e.Elem.Expires) * time.Second})
		}
	}
	return out, nil
}

// readSets reads the members of our sets as ipset save lists them.
func readSets(text string) ([]Banned, error) {
	var out []Banned
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != "add" || f[1] != family4.set && f[1] != family6.set || f[3] != "timeout" {
			continue
		}
		address, _, _ := strings.Cut(f[2], "/")
		a, err := netip.ParseAddr(address)
		if err != nil {
			return nil, err
		}
		left, err := strconv.Atoi(f[4])
		if err != nil {
			return nil, err
		}
		out = append(out, Banned{whole(netip.PrefixFrom(a, a.BitLen())), time.Duration(left) * time.Second})
	}
	return out, nil
}
