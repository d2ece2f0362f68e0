package top

import (
	"cmp"
	"slices"
	"strings"
)

// column is one column of a grid of Ts. Those with a lower rank stay when there is
// no room for all.
type column[T any] struct {
	title string
	rank  int
	least int             // columns of the screen that it needs
	most  int             // that it can use; 0: no more than least
	left  bool            // aligned so
	cell  func(*T) string // clean; nil: draw says it
	draw  func(l *line, row *T, w int)
	less  func(a, b *T) int // the natural order; nil: cannot be sorted by
	down  bool              // most people want the greatest first
}

// grid is a table with a cursor and an order. It keeps the cursor on its row, not
// on its line, when rows change places.
type grid[T any] struct {
	columns []column[T]
	key     func(*T) string
	rows    []T // in order, those that match the filter
	by      int // column of the order
	reverse bool
	cursor  string // key of its row; "" while it is on the first line, whatever is there
	at      int    // its line
	first   int    // on the screen
	page    int    // lines on the screen
}

// set replaces the rows.
func (g *grid[T]) set(rows []T) {
	g.rows = rows
	g.sort()
}

// sort puts the rows in order; those that are equal are ordered by their key, so
// that they stay where they are.
func (g *grid[T]) sort() {
	c := &g.columns[g.by]
	slices.SortStableFunc(g.rows, func(a, b T) int {
		order := c.less(&a, &b)
		if c.down != g.reverse {
			order = -order
		}
		return cmp.Or(order, strings.Compare(g.key(&a), g.key(&b)))
	})
	g.find()
}

// find puts the cursor on its row again, or where that was.
func (g *grid[T]) find() {
	if g.cursor == "" {
		g.at = 0
		return
	}
	for i := range g.rows {
		if g.key(&g.rows[i]) == g.cursor {
			g.at = i
			return
		}
	}
	g.at = max(min(g.at, len(g.rows)-1), 0) // until it comes back
}

// moveTo puts the cursor on line i, or the nearest there is.
func (g *grid[T]) moveTo(i int) {
	g.at = max(min(i, len(g.rows)-1), 0)
	g.cursor = ""
	if g.at > 0 {
		g.cursor = g.key(&g.rows[g.at])
	}
}

// row is where the cursor is, nil if there are none.
func (g *grid[T]) row() *T {
	if len(g.rows) == 0 {
		return nil
	}
	return &g.rows[g.at]
}

// order goes on to the next column that can be sorted by, or the one before.
func (g *grid[T]) order(step int) {
	n := len(g.columns)
	for {
		g.by = (g.by + step + n) % n
		if g.columns[g.by].less != nil {
			break
		}
	}
	g.reverse = false
	g.sort()
}

// fit chooses the columns for w, and how wide each of them is; 0 for not at all. The
// column of the order stays in any case.
func (g *grid[T]) fit(w int) []int {
	widths := make([]int, len(g.columns))
	ranked := make([]int, len(g.columns))
	for i := range ranked {
		ranked[i] = i
	}
	slices.SortStableFunc(ranked, func(a, b int) int {
		ra, rb := g.columns[a].rank, g.columns[b].rank
		if a == g.by {
			ra = min(ra, 1)
		}
		if b == g.by {
			rb = min(rb, 1)
		}
		return ra - rb
	})
	left := w - 1 // of the cursor; its gap is the first column's
	for n, i := range ranked {
		c := &g.columns[i]
		need := c.least
		if n > 0 {
			need++
		}
		if need > left && n > 0 {
			break
		}
		widths[i] = max(min(c.least, left), 0)
		left -= need
	}
	for i := range g.columns {
		if c := &g.columns[i]; widths[i] > 0 && left > 0 && c.most > c.least {
			more := min(g.want(c)-widths[i], left)
			widths[i] += more
			left -= more
		}
	}
	return widths
}

// want is how wide a column should be: as its widest text.
func (g *grid[T]) want(c *column[T]) int {
	if c.cell == nil {
		return c.most
	}
	w := c.least
	for i := range g.rows {
		if w = max(w, width(c.cell(&g.rows[i]))); w >= c.most {
			return c.most
		}
	}
	return w
}

// draw draws titles and as many rows as there is room for.
func (g *grid[T]) draw(w, rows int, s *glyphs, sum *T) (out []*line) {
	widths := g.fit(w)
	out = append(out, g.titles(widths, s))
	g.page = max(rows, 1)
	g.first = max(min(g.first, len(g.rows)-g.page, g.at), g.at-g.page+1, 0)
	for i := g.first; i < min(g.first+rows, len(g.rows)); i++ {
		l := &line{}
		if i == g.at {
			l.add(plain, s.selected)
		}
		g.cells(l.pad(1), &g.rows[i], widths, s)
		if i == g.at {
			l = marked(l)
			l.spans = append(l.spans, span{chosen, strings.Repeat(" ", max(w-l.width, 0))})
			l.width = max(l.width, w)
		}
		out = append(out, l)
	}
	if sum != nil {
		for len(out) < rows+1 {
			out = append(out, &line{})
		}
		l := (&line{}).pad(1)
		g.cells(l, sum, widths, s)
		for i := range l.spans {
			if l.spans[i].tone == plain {
				l.spans[i].tone = strong
			}
		}
		out = append(out, l)
	}
	return out
}

// marked is l in the tone of the cursor.
func marked(l *line) *line {
	out := &line{width: l.width}
	for _, s := range l.spans {
		out.spans = append(out.spans, span{chosen, s.text})
	}
	return out
}

func (g *grid[T]) titles(widths []int, s *glyphs) *line {
	l := (&line{}).pad(1)
	gap := 0
	for i, w := range widths {
		if w == 0 {
			continue
		}
		c := &g.columns[i]
		l.pad(l.width + gap)
		gap = 1
		title, t := c.title, quiet
		if i == g.by {
			t = strong
			sign := s.up
			if c.down != g.reverse {
				sign = s.down
			}
			title = cut(title, w-1, "") + sign
		}
		align(l, t, cut(title, w, ""), w, c.left)
	}
	return l
}

func (g *grid[T]) cells(l *line, row *T, widths []int, s *glyphs) {
	gap := 0
	for i, w := range widths {
		if w == 0 {
			continue
		}
		c := &g.columns[i]
		l.pad(l.width + gap)
		gap = 1
		if c.draw != nil {
			end := l.width + w
			c.draw(l, row, w)
			l.pad(end)
			continue
		}
		align(l, plain, cut(c.cell(row), w, s.more), w, c.left)
	}
}

// align adds a text in w columns.
func align(l *line, t tone, text string, w int, left bool) {
	end := l.width + w
	if !left {
		l.pad(end - width(text))
	}
	l.add(t, text).pad(end)
}
