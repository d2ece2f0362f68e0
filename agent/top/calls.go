package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/sync/record"
)

// call is one call in progress and how long it has lasted.
type call struct {
	record.LiveCall
	lasts time.Duration
}

// newCalls is the table of one customer's calls in progress, or of one carrier's.
func newCalls(by string, g *glyphs) *grid[call] {
	text := func(title string, rank, least, most int, of func(*call) string) column[call] {
		return column[call]{
			title: title, rank: rank, least: least, most: most, left: true,
			cell: func(c *call) string { return clean(of(c), g.ascii) },
			less: func(a, b *call) int { return strings.Compare(of(a), of(b)) },
		}
	}
	other, party := "carrier", func(c *call) string { return cmp.Or(c.Carrier, none) }
	if by == admin.ByCarriers {
		other, party = "customer", func(c *call) string { return c.Customer }
	}
	columns := []column[call]{
		{
			title: "lasts", least: 7, most: 9,
			cell: func(c *call) string { return clock(c.lasts) },
			less: func(a, b *call) int { return cmp.Compare(a.lasts, b.lasts) },
		},
		text("state", 3, 8, 0, stateText),
		text("caller", 1, 14, 24, func(c *call) string { return cmp.Or(c.Caller, none) }),
		text("called", 1, 16, 24, func(c *call) string { return cmp.Or(c.Called, none) }),
		text(other, 4, 10, 24, party),
		text("codec", 6, 6, 8, func(c *call) string { return cmp.Or(c.Codec, none) }),
		{
			title: "keys", rank: 5, least: 4, down: true,
			cell: func(c *call) string { return short(keys(c), 4) },
			less: func(a, b *call) int { return cmp.Compare(keys(a), keys(b)) },
		},
		text("media", 7, 7, 0, mediaText),
		text("from", 20, 21, 0, func(c *call) string { return c.Src }),
		text("Call-ID", 21, 20, 60, func(c *call) string { return c.CallID }),
	}
	return &grid[call]{columns: columns, key: func(c *call) string { return c.Leg }}
}

// stateText is a word for where a call stands.
func stateText(c *call) string {
	switch {
	case c.State == "answered" && c.Held:
		return "on hold"
	case c.State == "answered":
		return "talking"
	case c.RingingUnixMs != 0:
		return "ringing"
	}
	return "setup"
}

// mediaText says what was seen of the media, in 7 columns.
func mediaText(c *call) string {
	switch c.MediaClass {
	case "two_way":
		return "both"
	case "one_way":
		return "one-way"
	case "encrypted":
		return "SRTP"
	case "answered_without_media":
		return "silent"
	}
	return none
}

func keys(c *call) uint64 {
	return uint64(max(c.Digits[0]+c.Digits[1]+c.InfoDigits[0]+c.InfoDigits[1], 0)) // not negative
}

// lasting says how long each call has lasted: since the answer, or so far without.
func lasting(p *admin.CallsPage) []call {
	out := make([]call, len(p.Calls))
	for i := range p.Calls {
		since := cmp.Or(p.Calls[i].AnsweredUnixMs, p.Calls[i].StartedUnixMs)
		out[i] = call{p.Calls[i], time.Duration(max(p.Now-since, 0)) * time.Millisecond}
	}
	return out
}

// detail is what the table has no room for of the call under the cursor.
func detail(c *call, g *glyphs) []*line {
	path := fmt.Sprintf("%s %s %s", clean(c.Src, g.ascii), g.arrow, clean(c.Dst, g.ascii))
	out := []*line{labelled(clean(c.Transport, g.ascii), plain, path), labelled("Call-ID", plain, clean(c.CallID, g.ascii))}
	if c.SeenMidcall {
		out = append(out, (&line{}).add(quiet, "joined midway"))
	}
	return out
}

// matches reports whether a call has text in what is shown of it.
func (c *call) matches(text string) bool {
	for _, s := range []string{c.Caller, c.Called, c.Carrier, c.Customer, c.CallID, c.Codec, stateText(c)} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}
