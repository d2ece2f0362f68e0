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
	p.scratch = p.scratch[:0]
	eachString(m, func(s *string) { p.scratch = append(p.scratch, *s...) })
	if len(p.scratch) > maxName && p.bound(m) {
		p.compact(m)
		return
	}
	all, at := string(p.scratch), 0
	eachString(m, func(s *string) {
		n := len(*s)
		*s = all[at : at+n]
		at += n
	})
}

// bound shortens over-long strings. An identity must stay one: its tail is
// replaced by a hash of the whole. It reports whether there was one.
func (p *Parser) bound(m *Message) (bounded bool) {
	n := 0
	eachString(m, func(s *string) {
		identity := n < identities
		n++
		switch {
		case identity && len(*s) > maxIdentity:
			sum := sha256.Sum256([]byte(*s))
			*s = (*s)[:maxIdentity-1-2*len(sum)] + "~" + hex.EncodeToString(sum[:])
		case !identity && len(*s) > maxName:
			*s = (*s)[:maxName]
		default:
			return
		}
		p.stats.ValuesCut++
		bounded = true
	})
	return bounded
}

// identities is how many of eachString's first strings identify a dialog or
// transaction.
const identities = 4

// eachString calls f for every string of m that is cut out of its text, those
// that identify a dialog or transaction first.
func eachString(m *Message, f func(*string)) {
	for _, s := range [...]*string{
		&m.CallID, &m.FromTag, &m.ToTag, &m.Branch, &m.AuthUser,
		&m.RequestURI.User, &m.RequestURI.Host, &m.From.User, &m.From.Host, &m.To.User, &m.To.Host,
	} {
		f(s)
	}
	for i := range m.Contacts {
		c := &m.Contacts[i]
		f(&c.URI.User)
		f(&c.URI.Host)
		f(&c.Instance)
	}
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
