package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

// numbers is a range on the command line.
type numbers struct{ configs.Block }

// UnmarshalText reads FIRST-LAST, or one number.
func (n *numbers) UnmarshalText(b []byte) (err error) {
	n.Block, err = table.ParseRange(string(b))
	return err
}

type blocksAssignCmd struct {
	editFlags
	Customer string   `arg:"" help:"Id of the customer."`
	Range    *numbers `placeholder:"FIRST-LAST" help:"This range instead of the lowest free block of the grid."`
	Count    int      `default:"1" help:"So many blocks; they need not be neighbours."`
	New      bool     `help:"Make the customer: there is none of that id yet."`
}

// Help says how blocks are chosen.
func (*blocksAssignCmd) Help() string {
	return `Without --range the customer gets the lowest block of the grid of which nobody has any number.
A range can be any, if nobody has a number of it. Addresses, domains and limits of customers
are edited in a file: blocks export, blocks import.`
}

// Run gives a customer numbers.
func (c *blocksAssignCmd) Run() error {
	return c.edit(func(d *table.Draft) (string, error) {
		a := table.Assignment{Customer: c.Customer, New: c.New, Count: c.Count}
		if c.Range != nil {
			a.Range = &c.Range.Block
		}
		got, err := table.Assign(d.Table, a)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s gets %s", c.Customer, rangeWords(got)), nil
	})
}

func rangeWords(list []configs.Block) string {
	var words []string
	for _, b := range list {
		words = append(words, table.Word(b))
	}
	return strings.Join(words, ", ")
}

type blocksReleaseCmd struct {
	editFlags
	Customer string  `arg:"" help:"Id of the customer."`
	Range    numbers `arg:"" name:"range" help:"FIRST-LAST, or one number."`
}

// Help says what is done about phones.
func (*blocksReleaseCmd) Help() string {
	return `A part of a block makes it smaller, or two. First the running collector asks all connected
nodes who is registered with these numbers: such phones stay until they register again, and
are refused then. Nodes that do not answer within 3 s are named. It goes on when you say so, or
with --yes.`
}

// Run takes numbers from a customer.
func (c *blocksReleaseCmd) Run() error {
	return c.edit(func(d *table.Draft) (string, error) {
		if err := table.Release(d.Table, c.Customer, c.Range.Block); err != nil {
			return "", err
		}
		said := fmt.Sprintf("%s loses %s", c.Customer, table.Word(c.Range.Block))
		for i := range d.Table.Customers {
			if x := &d.Table.Customers[i]; x.ID == c.Customer && len(x.Blocks) == 0 {
				said += ", and has no block then: it may use any number that is in nobody's block"
			}
		}
		return said, nil
	})
}

type blocksGridCmd struct {
	editFlags
	Start string `arg:"" help:"First number of the first block, as 1000 or 0000: all numbers of the grid are as long."`
	Size  int    `arg:"" help:"How many numbers a block has."`
}

// Help says what a grid is.
func (*blocksGridCmd) Help() string {
	return `blocks grid 1000 1000 makes blocks 1000-1999, 2000-2999 and so on up to 9999. It says which
blocks are handed out from now on; what customers have stays as it is, on the grid or off it.`
}

// Run sets the grid.
func (c *blocksGridCmd) Run() error {
	return c.edit(func(d *table.Draft) (string, error) {
		d.Table.Grid = configs.Grid{Start: c.Start, Size: c.Size}
		if err := table.CheckGrid(d.Table.Grid); err != nil {
			return "", err
		}
		return fmt.Sprintf("the grid begins with %s, and has %d numbers a block", c.Start, c.Size), nil
	})
}

// edit makes one change: do changes the draft, and says what it does. Before numbers
// are taken away somebody has to agree.
func (c *editFlags) edit(do func(*table.Draft) (string, error)) error {
	return c.withBlocks(func(ctx context.Context, b *blocks) error { return c.change(ctx, b, do) })
}

func (c *editFlags) change(ctx context.Context, b *blocks, do func(*table.Draft) (string, error)) error {
	if err := checkNodes(b.cfg, c.Stage); err != nil {
		return err
	}
	d, err := b.Open(ctx)
	if err != nil {
		return err
	}
	said, err := do(d)
	if err != nil {
		return explainTable(err)
	}
	if d.Difference().None() && d.Before != nil && !c.otherKey {
		return explainTable(table.ErrUnchanged)
	}
	r, err := c.review(ctx, b, d, said)
	if err != nil {
		return err
	}
	if c.DryRun {
		return r.print(c.JSON)
	}
	if err := c.agree(r); err != nil {
		return err
	}
	s := c.save()
	s.Above = newestAtNodes(ctx, b.cfg)
	v, err := b.Save(ctx, d, s)
	if err != nil {
		return explainTable(err)
	}
	r.made(v)
	return r.print(c.JSON)
}

type blocksPublishCmd struct {
	place
	Nodes []string `arg:"" optional:"" name:"node" help:"Only to these, beside those that have it."`
	JSON  bool     `name:"json" help:"Print JSON for programs."`
}

// Run gives the newest version to more nodes.
func (c *blocksPublishCmd) Run() error { return c.withBlocks(c.publish) }

func (c *blocksPublishCmd) publish(ctx context.Context, b *blocks) error {
	if err := checkNodes(b.cfg, c.Nodes); err != nil {
		return err
	}
	v, err := b.Publish(ctx, c.Nodes)
	if err != nil {
		return explainTable(err)
	}
	row := versionRow(v)
	if c.JSON {
		return printJSON(row)
	}
	fmt.Fprintf(os.Stdout, "version %d is %s\n", row.Version, row.whom())
	return nil
}
