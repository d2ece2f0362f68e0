package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// tableRow is a version as JSON.
type tableRow struct {
	Version         uint64   `json:"version"`
	MadeUnixMS      int64    `json:"made_unix_ms"`
	Who             string   `json:"who"`
	Comment         string   `json:"comment,omitempty"`
	Key             string   `json:"key"`
	Bytes           int64    `json:"bytes"`
	Stage           []string `json:"stage"` // nodes that alone get it; none: all
	PublishedUnixMS int64    `json:"published_unix_ms"`
}

func versionRow(v *table.Version) tableRow {
	return tableRow{v.Version, v.MadeUnixMs, v.Who, v.Comment, v.KeyID, v.Size, append([]string{}, v.Stage...), v.PublishedUnixMs}
}

func (r *tableRow) whom() string {
	if len(r.Stage) > 0 {
		return "staged to " + strings.Join(r.Stage, ", ")
	}
	return "for all nodes"
}

type blocksHistoryCmd struct {
	place
	Most int  `short:"n" default:"20" help:"The newest so many; 0 for all."`
	JSON bool `name:"json" help:"Print JSON for programs, one object a line."`
}

// Run lists versions, the newest first.
func (c *blocksHistoryCmd) Run() (err error) {
	ctx, stop := interrupted()
	defer stop()
	s, err := openReader(ctx, &c.place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(w, "version\tmade\tby\tfor\tbytes\tcomment")
	}
	many := 0
	err = s.Tables(ctx, query.TableFilter{Most: c.Most}, func(t *query.Table) error {
		v := table.Version(*t)
		row := versionRow(&v)
		many++
		if c.JSON {
			return printLine(row)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\n", row.Version, clockTime(row.MadeUnixMS), orDash(row.Who), strings.TrimPrefix(row.whom(), "for "), row.Bytes, row.Comment)
		return nil
	})
	if err != nil || c.JSON {
		return err
	}
	if many == 0 {
		return explainTable(table.ErrNone)
	}
	return w.Flush()
}

type blocksListCmd struct {
	place
	Free    bool   `help:"Show what is free of the grid, too."`
	Live    bool   `help:"Ask the nodes how many phones are registered in each block."`
	Version uint64 `arg:"" optional:"" help:"Another version than the newest."`
	JSON    bool   `name:"json" help:"Print JSON for programs."`
}

// blockList is the number space as JSON.
type blockList struct {
	Table     tableRow   `json:"table"`
	Grid      gridRow    `json:"grid"`
	Blocks    []blockRow `json:"blocks"` // in the order of numbers
	Free      []freeRow  `json:"free,omitempty"`
	Blockless []string   `json:"customers_without_blocks"`
	Nodes     []nodeRow  `json:"nodes"`
	Unasked   []string   `json:"unasked,omitempty"` // nodes that did not say who is registered
	Note      string     `json:"note,omitempty"`    // why nothing is known of the nodes
}

type gridRow struct {
	Start string `json:"start"`
	Size  int    `json:"size"`
}

type blockRow struct {
	admin.Range
	Size     int64  `json:"size"` // numbers
	Customer string `json:"customer"`
	Live     *int   `json:"live,omitempty"` // phones registered; absent: nobody was asked
}

type freeRow struct {
	admin.Range
	Blocks int64 `json:"blocks"`
}

// nodeRow is what a node has, beside what it is given.
type nodeRow struct {
	Node  string             `json:"node"`
	State string             `json:"state"`
	Given uint64             `json:"given"` // version; 0: none
	Table *record.TableState `json:"table"` // null: not known, or the table is in its own file
}

// Run prints the number space.
func (c *blocksListCmd) Run() error {
	ctx, stop := interrupted()
	defer stop()
	l, err := c.read(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(l)
	}
	return l.write(os.Stdout)
}

// maxFree bounds the runs of free blocks that are listed.
const maxFree = 10_000

func (c *blocksListCmd) read(ctx context.Context) (_ *blockList, err error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	s, err := openReader(ctx, &c.place)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err := newestVersion(ctx, s, query.TableFilter{Version: c.Version, Most: 1, Signed: true})
	if err == nil && v == nil {
		err = table.ErrNone
	}
	if err != nil {
		return nil, explainTable(err)
	}
	t, err := table.Read(v)
	if err != nil {
		return nil, err
	}
	l := &blockList{Table: versionRow(v), Grid: gridRow(t.Grid), Blocks: []blockRow{}, Blockless: []string{}, Nodes: []nodeRow{}}
	for _, h := range table.Holdings(t) {
		l.Blocks = append(l.Blocks, blockRow{Range: admin.Range(h.Block), Size: table.Size(h.Block), Customer: h.Customer})
	}
	for i := range t.Customers {
		if len(t.Customers[i].Blocks) == 0 {
			l.Blockless = append(l.Blockless, t.Customers[i].ID)
		}
	}
	if c.Free {
		runs, err := table.FindFree(t, maxFree)
		if err != nil {
			return nil, explainTable(err)
		}
		for _, f := range runs {
			l.Free = append(l.Free, freeRow{admin.Range(f.Block), f.Blocks})
		}
	}
	return l, l.look(ctx, cfg, t, c.Live)
}

// look adds what the running collector knows. Without one the blocks are what there
// is to say.
func (l *blockList) look(ctx context.Context, cfg *configs.Collector, t *configs.Table, live bool) error {
	where, err := admin.Program.Served(cfg.Admin.Places())
	var s *admin.Status
	if err == nil {
		s, _, err = adminhttp.Fetch[admin.Status](ctx, admin.Program, where)
	}
	if err != nil {
		if live {
			return err
		}
		l.Note = notAsked(cfg, err)
		return ctx.Err()
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		row := nodeRow{Node: n.ID, State: n.State, Table: n.Table}
		if v := s.Table.For(n.ID); v != nil {
			row.Given = v.Version
		}
		if n.State != admin.Gone {
			l.Nodes = append(l.Nodes, row)
		}
	}
	if !live {
		return nil
	}
	return l.count(ctx, where, t)
}

// count asks for the phones in each block. A phone counts once a node.
func (l *blockList) count(ctx context.Context, where string, t *configs.Table) error {
	ranges := make([]admin.Range, len(l.Blocks))
	for i := range l.Blocks {
		ranges[i] = l.Blocks[i].Range
	}
	found, err := admin.FetchBindings(ctx, where, ranges, record.MaxBindings)
	if err != nil {
		return err
	}
	r := &review{}
	owners, err := table.NewOwners(t)
	if err != nil {
		return fmt.Errorf("reading the table: %w", err)
	}
	r.take(found, owners)
	l.Unasked = r.Unasked
	if r.Left > 0 {
		l.Unasked = append(l.Unasked, strconv.Itoa(r.Left)+" phones beyond what is asked for at once are not counted")
	}
	for i := range l.Blocks {
		l.Blocks[i].Live = new(int)
	}
	for i := range found.Nodes {
		for _, b := range found.Nodes[i].Bindings {
			if x := l.holding(b.Number); x != nil {
				*x.Live++
			}
		}
	}
	return nil
}

// holding is the block that holds a number; nil for none.
func (l *blockList) holding(number string) *blockRow {
	at, exact := slices.BinarySearchFunc(l.Blocks, number, func(b blockRow, number string) int { return table.Compare(b.First, number) })
	if !exact {
		at--
	}
	if at < 0 || !(party.Block{First: l.Blocks[at].First, Last: l.Blocks[at].Last}).Contains(number) {
		return nil
	}
	return &l.Blocks[at]
}

// write prints the list for people.
func (l *blockList) write(out io.Writer) error {
	v := &l.Table
	fmt.Fprintf(out, "version %d of %s by %s, %s", v.Version, clockTime(v.MadeUnixMS), orDash(v.Who), v.whom())
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
