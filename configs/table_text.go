package configs

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/party"
)

// Text returns the table as ParseTable reads it, one fact a line and in the order
// of t: what changed is what `diff` shows. What is not said is left out.
func (t *Table) Text() []byte {
	b := []byte("version: ")
	b = strconv.AppendUint(b, t.Version, 10)
	b = append(b, "\nissued: \""...)
	b = t.Issued.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, "\"\n"...)
	if t.Grid.On() {
		b = append(b, "grid: {start: "...)
		b = appendNumber(b, t.Grid.Start)
		b = append(b, ", size: "...)
		b = strconv.AppendInt(b, int64(t.Grid.Size), 10)
		b = append(b, "}\n"...)
	}
	if len(t.Customers) > 0 {
		b = append(b, "customers:\n"...)
	}
	for i := range t.Customers {
		b = t.Customers[i].appendText(b)
	}
	if len(t.Carriers) > 0 {
		b = append(b, "carriers:\n"...)
	}
	for i := range t.Carriers {
		b = t.Carriers[i].appendText(b)
	}
	return b
}

func (c *Carrier) appendText(b []byte) []byte {
	b = append(b, "  - id: "...)
	b = append(appendWord(b, c.ID), '\n')
	b = appendCount(b, "channels", c.Channels)
	b = appendList(b, "addresses", c.Nets, func(b []byte, p Prefix) []byte { return appendPrefix(b, p.Prefix) })
	return appendList(b, "domains", c.Domains, appendWord)
}

func (c *Customer) appendText(b []byte) []byte {
	b = (&Carrier{ID: c.ID, Channels: c.Channels, Nets: c.Nets, Domains: c.Domains}).appendText(b)
	if len(c.Blocks) > 0 {
		b = append(b, "    blocks:\n"...)
	}
	for _, x := range c.Blocks {
		b = append(b, "      - {first: "...)
		b = appendNumber(b, x.First)
		b = append(b, ", last: "...)
		b = appendNumber(b, x.Last)
		b = append(b, "}\n"...)
	}
	if c.NonNumeric != "" {
		b = append(b, "    non_numeric: "...)
		b = append(append(b, c.NonNumeric...), '\n')
	}
	return appendCount(b, "max_contacts", c.MaxContacts)
}

func appendCount(b []byte, key string, n int) []byte {
	if n == 0 {
		return b
	}
	b = append(append(b, "    "...), key...)
	return append(strconv.AppendInt(append(b, ": "...), int64(n), 10), '\n')
}

func appendList[T any](b []byte, key string, list []T, one func([]byte, T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, "    "...), key...)
	b = append(b, ": ["...)
	for i, x := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = one(b, x)
	}
	return append(b, "]\n"...)
}

func appendPrefix(b []byte, p netip.Prefix) []byte {
	if p.Addr().Is4() {
		return append(b, short(p)...)
	}
	return append(append(append(b, '"'), short(p)...), '"') // a colon means something in YAML
}

// appendNumber appends a number of the grid or of a block, in quotes where other
// readers of YAML take it for another: 0100 is 64 to many.
func appendNumber(b []byte, s string) []byte {
	if party.IsNumber(s) && (s[0] != '0' || s == "0") {
		return append(b, s...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendWord appends an id or a domain, in quotes where some reader of YAML, if
// not ours, could take it for something else. Neither has a quote, a backslash or
// anything that cannot be printed.
func appendWord(b []byte, s string) []byte {
	if plainToAll(s) {
		return append(b, s...)
	}
	return append(append(append(b, '"'), s...), '"')
}

func plainToAll(s string) bool {
	for i := range len(s) {
		if !plainByte(s[i]) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' // numbers, dates and times begin otherwise
}
