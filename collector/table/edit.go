package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/configs"
)

// ErrNoGrid says that blocks cannot be handed out one after the other.
var ErrNoGrid = errors.New("the table has no grid, so there is no next free block: set one, or give a range")

// Refused says why numbers are not given or taken. Word is of a closed set, and Values are
// what its sentence names: for pages that say it in the language of who asks.
type Refused struct {
	Word   string
	Values map[string]string
	text   string
}

// Error is the sentence in English.
func (r *Refused) Error() string { return r.text }

func refused(word string, values map[string]string, format string, args ...any) error {
	return &Refused{word, values, fmt.Sprintf(format, args...)}
}

// Holding is a block and who has it.
type Holding struct {
	configs.Block
	Customer string
}

// Holdings lists all blocks of a table in the order of numbers.
func Holdings(t *configs.Table) (out []Holding) {
	for i := range t.Customers {
		for _, b := range t.Customers[i].Blocks {
			out = append(out, Holding{b, t.Customers[i].ID})
		}
	}
	slices.SortFunc(out, func(a, b Holding) int { return Compare(a.First, b.First) })
	return out
}

func blocksOf(holdings []Holding) []configs.Block {
	out := make([]configs.Block, len(holdings))
	for i := range holdings {
		out[i] = holdings[i].Block
	}
	return out
}

// FindFree lists what is free of the table's grid, in order, at most so many runs.
func FindFree(t *configs.Table, most int) ([]Free, error) {
	if err := CheckGrid(t.Grid); err != nil {
		return nil, err
	}
	return findFree(t.Grid, blocksOf(Holdings(t)), most), nil
}

// Assignment says what a customer gets.
type Assignment struct {
	Customer string
	New      bool           // the customer is made; else it must be there
	Range    *configs.Block // this one; nil: the lowest free blocks of the grid
	Count    int            // so many of them; 0: one
}

// maxCount bounds the blocks of one assignment.
const maxCount = 10_000

// Assign gives a customer of t more numbers, and returns them. On an error t may
// be changed.
func Assign(t *configs.Table, a Assignment) ([]configs.Block, error) {
	c, err := customer(t, a)
	if err != nil {
		return nil, err
	}
	var got []configs.Block
	taken := Holdings(t)
	switch {
	case a.Range != nil && a.Count > 1:
		return nil, errors.New("a range and a count: give one of them")
	case a.Count < 0 || a.Count > maxCount:
		return nil, refused("count", map[string]string{"most": strconv.Itoa(maxCount)}, "%d blocks: from 1 to %d can be assigned at once", a.Count, maxCount)
	case a.Range != nil:
		if err := checkBlock(*a.Range, Word(*a.Range)); err != nil {
			return nil, err
		}
		if err := unowned(taken, *a.Range, c.ID); err != nil {
			return nil, err
		}
		got = []configs.Block{*a.Range}
	default:
		if err := CheckGrid(t.Grid); err != nil {
			return nil, err
		}
		if got, err = nextFree(t.Grid, blocksOf(taken), max(1, a.Count)); err != nil {
			return nil, err
		}
	}
	c.Blocks = sorted(append(slices.Clip(c.Blocks), got...))
	return got, nil
}

// customer finds or makes the customer of an assignment.
func customer(t *configs.Table, a Assignment) (*configs.Customer, error) {
	c, err := find(t, a.Customer)
	switch {
	case !a.New:
		return c, err
	case err == nil:
		return nil, fmt.Errorf("there is a customer %s already", a.Customer)
	}
	t.Customers = append(slices.Clip(t.Customers), configs.Customer{ID: a.Customer})
	return &t.Customers[len(t.Customers)-1], nil
}

// ErrNoCustomer says that a customer is in no table.
var ErrNoCustomer = errors.New("there is no such customer")

func find(t *configs.Table, id string) (*configs.Customer, error) {
	for i := range t.Customers {
		if t.Customers[i].ID == id {
			return &t.Customers[i], nil
		}
	}
	for i := range t.Customers { // ids are compared as they are written
		if strings.EqualFold(t.Customers[i].ID, id) {
			return nil, fmt.Errorf("customer %s: %w; do you mean %s?", id, ErrNoCustomer, t.Customers[i].ID)
		}
	}
	return nil, fmt.Errorf("customer %s: %w", id, ErrNoCustomer)
}

// unowned fails when somebody has a number of b.
func unowned(taken []Holding, b configs.Block, customer string) error {
	for _, h := range taken {
		switch {
		case !overlap(h.Block, b):
		case h.Customer == customer && h.First <= b.First && b.Last <= h.Last:
			return refused("held", map[string]string{"customer": customer, "block": Word(h.Block)}, "%s has %s already, in its block %s", customer, Word(b), Word(h.Block))
		default:
			return refused("overlap", map[string]string{"customer": h.Customer, "block": Word(h.Block)}, "%s overlaps %s, which %s has", Word(b), Word(h.Block), h.Customer)
		}
	}
	return nil
}

// Release takes numbers from a customer of t, which must have all of them: whole
// blocks, or parts that make its blocks smaller or two.
func Release(t *configs.Table, customer string, b configs.Block) error {
	if err := checkBlock(b, Word(b)); err != nil {
		return err
	}
	c, err := find(t, customer)
	if err != nil {
		return err
	}
	if not := subtract([]configs.Block{b}, c.Blocks); len(not) > 0 {
		for _, h := range Holdings(t) {
			if overlap(h.Block, not[0]) {
				return refused("not-held", map[string]string{"customer": customer, "block": Word(not[0])}, "%s does not have %s: %s has %s", customer, Word(not[0]), h.Customer, Word(h.Block))
			}
		}
		return refused("not-held", map[string]string{"customer": customer, "block": Word(not[0])}, "%s does not have %s: nobody has", customer, Word(not[0]))
	}
	c.Blocks = subtract(c.Blocks, []configs.Block{b})
	return nil
}

// Clone copies a table as deep as this package changes it.
func Clone(t *configs.Table) *configs.Table {
	c := *t
	c.Customers = slices.Clone(t.Customers)
	for i := range c.Customers {
		c.Customers[i].Blocks = slices.Clone(c.Customers[i].Blocks)
	}
	return &c
}
