package table

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/sipward/sipward/configs"
)

// CheckGrid says why a grid cannot be used.
func CheckGrid(g configs.Grid) error {
	if !g.On() {
		return ErrNoGrid
	}
	if _, err := g.Check(); err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	return nil
}

// cells are the blocks of a grid, counted from 0.
type cells struct {
	start, size int64
	many        int64 // how many fit into the width
	width       int
}

func newCells(g configs.Grid) *cells {
	c := &cells{start: value(g.Start), size: int64(g.Size), width: len(g.Start)}
	c.many = (end(c.width) - c.start) / c.size
	return c
}

// of is the cell that holds a number; -1 for one before the start.
func (c *cells) of(number string) int64 {
	n := value(number) - c.start
	if n < 0 {
		return -1
	}
	return n / c.size
}

// block are the cells from first to before.
func (c *cells) block(first, before int64) configs.Block {
	return configs.Block{First: digits(c.start+first*c.size, c.width), Last: digits(c.start+before*c.size-1, c.width)}
}

// Free is a run of blocks of the grid that nobody has any number of.
type Free struct {
	configs.Block
	Blocks int64 // how many there are in it
}

// findFree lists what is free of a grid, in order, at most so many runs.
func findFree(g configs.Grid, taken []configs.Block, most int) (out []Free) {
	c := newCells(g)
	next := int64(0) // the first cell of which nothing is known
	add := func(before int64) {
		if next < before && len(out) < most {
			out = append(out, Free{c.block(next, before), before - next})
		}
	}
	for _, b := range sorted(taken) {
		if len(b.First) != c.width {
			continue
		}
		first := c.of(b.First)
		if first >= c.many || len(out) == most {
			break
		}
		add(first)
		next = max(next, c.of(b.Last)+1)
	}
	add(c.many)
	return out
}

// nextFree returns the lowest free blocks of a grid, so many.
func nextFree(g configs.Grid, taken []configs.Block, many int) ([]configs.Block, error) {
	c := newCells(g)
	var out []configs.Block
	for _, run := range findFree(g, taken, many) {
		for at := c.of(run.First); len(out) < many; {
			b := c.block(at, at+1)
			out = append(out, b)
			if b.Last == run.Last {
				break
			}
			at++
		}
	}
	if len(out) < many {
		return nil, refused("no-free", map[string]string{"free": strconv.Itoa(len(out)), "size": strconv.FormatUint(uint64(g.Size), 10)}, "the grid from %s on has %d free blocks of %d numbers, not %d: give --range, or a grid of longer numbers", g.Start, len(out), g.Size, many)
	}
	return slices.Clip(out), nil
}
