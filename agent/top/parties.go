package top

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/counters"
)

// newParties is the table of customers, or of carriers.
func newParties(by string, g *glyphs) *grid[admin.TopParty] {
	type row = admin.TopParty
	title, started := "customer", "calls"
	if by == admin.ByCarriers {
		title, started = "carrier", "tries"
	}
	number := func(title string, rank, w int, of func(*row) uint64) column[row] {
		return column[row]{
			title: title, rank: rank, least: w, down: true,
			cell: func(p *row) string { return short(of(p), w) },
			less: func(a, b *row) int { return cmp.Compare(of(a), of(b)) },
		}
	}
	ratio := func(title string, rank, w int, of func(*row) counters.Ratio, text func(counters.Ratio) string) column[row] {
		return column[row]{
			title: title, rank: rank, least: w, down: true,
			cell: func(p *row) string { return text(of(p)) },
			less: func(a, b *row) int { return compare(of(a), of(b)) },
		}
	}
	columns := []column[row]{
		{
			title: title, least: 12, most: 32, left: true,
			cell: func(p *row) string { return clean(p.Name, g.ascii) },
			less: func(a, b *row) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) },
		},
		{
			title: "in use", rank: 1, least: 9, most: 12, down: true,
			draw: drawInUse,
			less: func(a, b *row) int { return cmp.Compare(a.Live(), b.Live()) },
		},
		number("setup", 20, 6, func(p *row) uint64 { return p.Setup }),
		number("talking", 21, 8, func(p *row) uint64 { return p.Answered }),
		{
			title: "load", rank: 6, least: 5, most: 8, left: true, down: true,
			draw: func(l *line, p *row, w int) { drawBar(l, p, w, g) },
			less: func(a, b *row) int { return cmp.Compare(load(a), load(b)) },
		},
		{
			title: "5 min", rank: 8, least: 8, most: 30, left: true,
			draw: func(l *line, p *row, w int) { l.add(good, g.spark(p.Recent, w)) },
		},
		{
			title: "peak", rank: 22, least: 6, down: true,
			cell: func(p *row) string {
				if p.Peak == 0 { // a sum has none: theirs were not at one time
					return none
				}
				return short(p.Peak, 6)
			},
			less: func(a, b *row) int { return cmp.Compare(a.Peak, b.Peak) },
		},
		number("c/s", 2, 4, func(p *row) uint64 { return p.Rate }),
		number(started, 3, 7, func(p *row) uint64 { return p.Started }),
		ratio("ASR", 4, 5, func(p *row) counters.Ratio { return p.ASR }, percent),
		ratio("ACD", 5, 5, func(p *row) counters.Ratio { return p.ACD }, average),
		ratio("DTMF", 7, 5, func(p *row) counters.Ratio { return p.DTMF }, percent),
		ratio("NER", 9, 5, func(p *row) counters.Ratio { return p.NER }, percent),
		ratio("PDD", 10, 4, func(p *row) counters.Ratio { return p.PDD }, delay),
	}
	return &grid[row]{columns: columns, by: 1, key: func(p *row) string { return p.Name }}
}

// drawInUse writes channels in use, and of how many if there is a limit: 12/30.
func drawInUse(l *line, p *admin.TopParty, w int) {
	t, text := plain, short(p.Live(), w)
	if p.Channels > 0 {
		limit := uint64(p.Channels) // not negative
		if text = fmt.Sprintf("%d/%d", p.Live(), p.Channels); len(text) > w {
			text = short(p.Live(), (w-1)/2) + "/" + short(limit, (w-1)/2)
		}
		t = loadTone(p, plain)
	}
	align(l, t, text, w, false)
}

func drawBar(l *line, p *admin.TopParty, w int, g *glyphs) {
	full, rest := g.bar(p.Live(), uint64(max(p.Channels, 0)), w) // not negative
	l.add(loadTone(p, good), full).add(quiet, rest)
}

// load is the share of the limit in use; -1 without one.
func load(p *admin.TopParty) float64 {
	if p.Channels <= 0 {
		return -1
	}
	return float64(p.Live()) / float64(p.Channels)
}

// loadTone warns from four fifths of the limit on.
func loadTone(p *admin.TopParty, otherwise tone) tone {
	switch x := load(p); {
	case x >= 1:
		return bad
	case x >= 0.8:
		return warn
	}
	return otherwise
}

// compare orders ratios; one without calls is less than any.
func compare(a, b counters.Ratio) int {
	va, oka := a.Value()
	vb, okb := b.Value()
	switch {
	case oka && okb:
		return cmp.Compare(va, vb)
	case oka:
		return 1
	case okb:
		return -1
	}
	return 0
}
