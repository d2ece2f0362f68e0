package web

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

type block struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

type party struct {
	ID        string   `json:"id"`
	Channels  int      `json:"channels"`
	Addresses []string `json:"addresses"`
	Domains   []string `json:"domains"`
}

type customer struct {
	party
	Blocks      []block `json:"blocks"`
	NonNumeric  string  `json:"non_numeric"`
	MaxContacts int     `json:"max_contacts"`
}

type parties struct {
	Version   uint64     `json:"version"`
	Made      int64      `json:"made_unix_ms"`
	MadeBy    string     `json:"made_by"`
	Staged    []string   `json:"staged"`
	Source    string     `json:"source"`
	Customers []customer `json:"customers"`
	Carriers  []party    `json:"carriers"`
}

// shownTable is the newest table as it is shown; nobody changes it.
type shownTable struct {
	parties
	table *configs.Table
}

const tableLife = 2 * time.Second

// newest reads the table, or makes one of what nodes name where there is none.
func (s *Server) newest(ctx context.Context) (*shownTable, error) {
	return s.table.get(s.cfg.Now(), tableLife, func() (*shownTable, error) {
		if s.cfg.Table == nil {
			return s.named(), nil
		}
		d, err := s.cfg.Table.Open(ctx)
		switch {
		case errors.Is(err, table.ErrNone) || err == nil && d.Before == nil:
			return s.named(), nil
		case err != nil:
			return nil, err
		}
		return shown(d), nil
	})
}

func shown(d *table.Draft) *shownTable {
	out := &shownTable{table: d.Old, parties: parties{Version: d.Before.Version, Made: d.Before.MadeUnixMs, MadeBy: d.Before.Who,
		Staged: append([]string{}, d.Before.Stage...), Source: "table", Customers: []customer{}, Carriers: []party{}}}
	for i := range d.Old.Customers {
		c := &d.Old.Customers[i]
		x := customer{party: partyOf(c.ID, c.Channels, c.Nets, c.Domains), Blocks: []block{}, NonNumeric: string(c.NonNumeric), MaxContacts: c.MaxContacts}
		for _, b := range c.Blocks {
			x.Blocks = append(x.Blocks, block{b.First, b.Last})
		}
		out.Customers = append(out.Customers, x)
	}
	for i := range d.Old.Carriers {
		c := &d.Old.Carriers[i]
		out.Carriers = append(out.Carriers, partyOf(c.ID, c.Channels, c.Nets, c.Domains))
	}
	return out
}

func partyOf(id string, channels int, nets []configs.Prefix, domains []string) party {
	p := party{ID: id, Channels: channels, Addresses: []string{}, Domains: append([]string{}, domains...)}
	for _, n := range nets {
		p.Addresses = append(p.Addresses, n.String())
	}
	return p
}

// named lists the customers and carriers in nodes' live figures: they then stand in the
// nodes' own files.
func (s *Server) named() *shownTable {
	out := &shownTable{parties: parties{Staged: []string{}, Source: "nodes", Customers: []customer{}, Carriers: []party{}}}
	customers, carriers := map[string]int{}, map[string]int{}
	for _, n := range s.cfg.Live() {
		if n.Live == nil {
			continue
		}
		for _, p := range n.Live.Customers {
			customers[p.ID] = max(customers[p.ID], p.Channels)
		}
		for _, p := range n.Live.Carriers {
			carriers[p.ID] = max(carriers[p.ID], p.Channels)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(customers)) {
		if id != unknownParty {
			out.Customers = append(out.Customers, customer{party: partyOf(id, customers[id], nil, nil), Blocks: []block{}})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(carriers)) {
		if id != unknownParty {
			out.Carriers = append(out.Carriers, partyOf(id, carriers[id], nil, nil))
		}
	}
	return out
}

// unknownParty is whose calls are those of nobody in the table.
const unknownParty = "unknown"

func (s *Server) parties(q *request) (any, error) {
	t, err := s.newest(q.Context())
	if err != nil {
		return nil, err
	}
	return q.view.parties(t), nil
}

// parties leaves a customer itself alone.
func (v *view) parties(t *shownTable) parties {
	if !v.own {
		return t.parties
	}
	out := parties{Staged: []string{}, Source: t.Source, Customers: []customer{}, Carriers: []party{}}
	for i := range t.Customers {
		if t.Customers[i].ID == v.customer {
			out.Customers = append(out.Customers, t.Customers[i])
		}
	}
	return out
}

// partiesOf lists who a graph of each has lines of.
func (s *Server) partiesOf(q *request, kind string) ([]string, error) {
	t, err := s.newest(q.Context())
	if err != nil {
		return nil, err
	}
	shown := q.view.parties(t)
	var out []string
	for i := range shown.Customers {
		if kind == query.KindCustomer {
			out = append(out, shown.Customers[i].ID)
		}
	}
	for i := range shown.Carriers {
		if kind == query.KindCarrier {
			out = append(out, shown.Carriers[i].ID)
		}
	}
	return out, nil
}

type heldBlock struct {
	block
	Customer string `json:"customer"`
	Numbers  int64  `json:"numbers"`
}

type grid struct {
	Start string `json:"start"`
	Size  int    `json:"size"`
}

type blocks struct {
	Version uint64      `json:"version"`
	Grid    *grid       `json:"grid"`
	Blocks  []heldBlock `json:"blocks"`
	Free    []block     `json:"free"`
}

// maxFree bounds the free runs of the grid that are shown.
const maxFree = 100

func (s *Server) blocks(q *request) (any, error) {
	t, err := s.newest(q.Context())
	if err != nil {
		return nil, err
	}
	out := blocks{Version: t.Version, Blocks: []heldBlock{}, Free: []block{}}
	for i := range q.view.parties(t).Customers {
		c := &q.view.parties(t).Customers[i]
		for _, b := range c.Blocks {
			out.Blocks = append(out.Blocks, heldBlock{b, c.ID, table.Size(configs.Block{First: b.First, Last: b.Last})})
		}
	}
	slices.SortFunc(out.Blocks, func(a, b heldBlock) int {
		return cmp.Or(table.Compare(a.First, b.First), cmp.Compare(a.Customer, b.Customer))
	})
	if q.view.own {
		out.Version = 0
		return out, nil
	}
	if t.table != nil && t.table.Grid.On() {
		out.Grid = &grid{t.table.Grid.Start, t.table.Grid.Size}
		free, err := table.FindFree(t.table, maxFree)
		if err != nil {
			return nil, err
		}
		for _, f := range free {
			out.Free = append(out.Free, block{f.First, f.Last})
		}
	}
	return out, nil
}
