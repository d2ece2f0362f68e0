package parse

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Bounds of the strings of a Message, in bytes. They are far beyond what real
// devices send; a payload can hold 64 KiB.
const (
	maxIdentity = 512 // Call-ID, tags, branch
	maxName     = 255 // user, host, instance, username, phrase, agent
	maxNames    = 1024
)

// compact copies the strings of m into one allocation of their total size and
// bounds their lengths.
func (p *Parser) compact(m *Message) {
	var buf [identities + others + 3*4]*string
	all := appendStrings(buf[:0], m)
	total := 0
	for _, s := range all {
		total += len(*s)
	}
	if total > maxName { // one of them may be too long
		p.bound(all)
	}
	p.kept = p.kept[:0]
	for _, s := range all {
		p.kept = append(p.kept, *s...)
	}
	kept := string(p.kept)
	for _, s := range all {
		n := len(*s)
		*s, kept = kept[:n], kept[n:]
	}
}

// bound shortens over-long strings. An identity must stay one: its tail is
// replaced by a hash of the whole.
func (p *Parser) bound(all []*string) {
	for i, s := range all {
		switch {
		case i < identities && len(*s) > maxIdentity:
			sum := sha256.Sum256([]byte(*s))
			*s = (*s)[:maxIdentity-1-2*len(sum)] + "~" + hex.EncodeToString(sum[:])
		case i >= identities && len(*s) > maxName:
			*s = (*s)[:maxName]
		default:
			continue
		}
		p.stats.ValuesCut++
	}
}

// How many strings appendStrings lists: first those that identify a dialog or
// a transaction, then the others, then three for each contact.
const (
	identities = 4
	others     = 7
)

// appendStrings lists the strings of m that are cut out of its text.
func appendStrings(all []*string, m *Message) []*string {
	all = append(all, &m.CallID, &m.FromTag, &m.ToTag, &m.Branch,
		&m.AuthUser, &m.RequestURI.User, &m.RequestURI.Host, &m.From.User, &m.From.Host, &m.To.User, &m.To.Host)
	for i := range m.Contacts {
		c := &m.Contacts[i]
		all = append(all, &c.URI.User, &c.URI.Host, &c.Instance)
	}
	return all
}

// names holds texts that many messages share, each once.
type names map[string]string

// get returns b as a string, cut at its bound.
func (n names) get(b []byte) string {
	b = b[:min(len(b), maxName)]
	if s, ok := n[string(b)]; ok {
		return s
	}
	return n.add(string(b))
}

// getString returns a string equal to s that does not keep what s is part of.
func (n names) getString(s string) string {
	s = s[:min(len(s), maxName)]
	if known, ok := n[s]; ok {
		return known
	}
	return n.add(strings.Clone(s))
}

// add remembers s. A full table starts again: whoever floods it gains nothing.
func (n names) add(s string) string {
	if len(n) >= maxNames {
		clear(n)
	}
	n[s] = s
	return s
}
