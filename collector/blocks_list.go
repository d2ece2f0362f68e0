package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

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
func (c *blocksListCmd) Run() error { return c.withReader(c.print) }

func (c *blocksListCmd) print(ctx context.Context, cfg *configs.Collector, s store.Reader) error {
	l, err := c.read(ctx, cfg, s)
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

func (c *blocksListCmd) read(ctx context.Context, cfg *configs.Collector, s store.Reader) (*blockList, error) {
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
