package table

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/sipward/sipward/configs"
)

// CheckGrid says why a grid cannot be used.
func CheckGrid(g configs.Grid) error {
	switch {
	case g.Start == "" && g.Size == 0:
		return ErrNoGrid
	case !isNumber(g.Start):
		return fmt.Errorf("grid: start %q is no number of 1 to %d digits", g.Start, maxWidth)
	case g.Size < 1:
		return fmt.Errorf("grid: a size of %d numbers", g.Size)
	}
	last := value(g.Start)
	if last.Add(last, big.NewInt(int64(g.Size))).Cmp(end(len(g.Start))) > 0 {
		return fmt.Errorf("grid: no block of %d numbers from %s on has %d digits", g.Size, g.Start, len(g.Start))
	}
	return nil
}

// cells are the blocks of a grid, counted from 0.
type cells struct {
	start, size *big.Int
	width       int
	many        *big.Int // how many fit into the width
}

func newCells(g configs.Grid) *cells {
	c := &cells{start: value(g.Start), size: big.NewInt(int64(g.Size)), width: len(g.Start)}
	c.many = end(c.width)
	c.many.Sub(c.many, c.start).Div(c.many, c.size)
	return c
}

// of is the cell that holds a number; it is negative for one before the start.
func (c *cells) of(number string) *big.Int {
	n := value(number)
	return n.Div(n.Sub(n, c.start), c.size) // Euclidean: rounded down
}

// block are the cells from first to before.
func (c *cells) block(first, before *big.Int) configs.Block {
	at := func(n *big.Int) *big.Int { n = new(big.Int).Mul(n, c.size); return n.Add(n, c.start) }
	last := at(before)
	return configs.Block{First: digits(at(first), c.width), Last: digits(last.Sub(last, one), c.width)}
}

// Free is a run of blocks of the grid that nobody has any number of.
type Free struct {
	configs.Block
	Blocks uint64 // how many there are in it
}

// findFree lists what is free of a grid, in order, at most so many runs.
func findFree(g configs.Grid, taken []configs.Block, most int) (out []Free) {
	c := newCells(g)
	next := new(big.Int) // the first cell of which nothing is known
	add := func(before *big.Int) {
		if next.Cmp(before) < 0 && len(out) < most {
			out = append(out, Free{c.block(next, before), count(new(big.Int).Sub(before, next))})
		}
	}
	for _, b := range sorted(taken) {
		if len(b.First) != c.width || c.of(b.Last).Sign() < 0 {
			continue
		}
		if first := c.of(b.First); first.Cmp(c.many) >= 0 {
			break
		} else if add(first); len(out) == most {
			return out
		}
		if behind := c.of(b.Last); behind.Add(behind, one).Cmp(next) > 0 {
			next = behind
		}
	}
	add(c.many)
	return out
}

func count(n *big.Int) uint64 {
	if !n.IsUint64() {
		return math.MaxUint64 // nobody counts so far
	}
	return n.Uint64()
}

// nextFree returns the lowest free blocks of a grid, so many.
func nextFree(g configs.Grid, taken []configs.Block, many int) ([]configs.Block, error) {
	c := newCells(g)
	var out []configs.Block
	for _, run := range findFree(g, taken, many) {
		for at := c.of(run.First); len(out) < many; {
			before := new(big.Int).Add(at, one)
			b := c.block(at, before)
			out = append(out, b)
			if b.Last == run.Last {
				break
			}
			at = before
		}
	}
	if len(out) < many {
		return nil, fmt.Errorf("the grid from %s on has %d free blocks of %d numbers, not %d: give --range, or a grid of longer numbers", g.Start, len(out), g.Size, many)
	}
	return slices.Clip(out), nil
}
