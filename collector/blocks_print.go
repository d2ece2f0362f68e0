package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

// write prints the list for people.
func (l *blockList) write(out io.Writer) error {
	v := &l.Table
	fmt.Fprintf(out, "version %d of %s by %s, %s", v.Version, clockTime(v.MadeUnixMs), orDash(v.Who), v.whom())
	if l.Grid.Size > 0 {
		fmt.Fprintf(out, "; grid of %d from %s", l.Grid.Size, l.Grid.Start)
	}
	fmt.Fprintln(out)
	if err := l.writeBlocks(out); err != nil {
		return err
	}
	if len(l.Blockless) > 0 {
		fmt.Fprintf(out, "\nwithout blocks: %s\n", strings.Join(l.Blockless, ", "))
	}
	for _, u := range l.Unasked {
		warn("not counted: %s", u)
	}
	if l.Note != "" {
		warn("nothing is known of the nodes: %s", l.Note)
		return nil
	}
	return l.writeNodes(out)
}

func (l *blockList) writeBlocks(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "\nblock\tnumbers\tcustomer\tphones\n")
	free := l.Free
	gaps := func(before string) {
		for len(free) > 0 && (before == "" || table.Compare(free[0].First, before) < 0) {
			f := free[0]
			fmt.Fprintf(w, "%s\t\tfree: %d blocks\t\n", table.Word(configs.Block(f.Range)), f.Blocks)
			free = free[1:]
		}
	}
	for i := range l.Blocks {
		b := &l.Blocks[i]
		gaps(b.First)
		phones := ""
		if b.Live != nil {
			phones = strconv.Itoa(*b.Live)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", table.Word(configs.Block(b.Range)), b.Size, b.Customer, phones)
	}
	gaps("")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// writeNodes prints who has which version.
func (l *blockList) writeNodes(out io.Writer) error {
	if len(l.Nodes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "\nnode\tstate\tgiven\thas\tissued\t\n")
	for i := range l.Nodes {
		n := &l.Nodes[i]
		has, issued, fault := "-", "-", ""
		if t := n.Table; t != nil {
			has, fault = strconv.FormatUint(t.Version, 10), t.Error
			if t.Version > 0 {
				issued = (time.Duration(t.AgeS) * time.Second).String() + " ago"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", n.Node, n.State, n.Given, has, issued, fault)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
