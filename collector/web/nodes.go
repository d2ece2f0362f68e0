package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

type nodeRow struct {
	ID           string     `json:"id"`
	State        string     `json:"state"`
	Ready        bool       `json:"ready"`
	NotReady     []string   `json:"not_ready"`
	Suspect      []string   `json:"suspect"`
	Version      string     `json:"version"`
	Mode         string     `json:"mode"`
	Started      int64      `json:"started_unix_ms"`
	LastSeen     int64      `json:"last_seen_unix_ms"`
	LiveAge      *int64     `json:"live_age_ms"`
	Setup        uint64     `json:"setup"`
	Answered     uint64     `json:"answered"`
	CPS          uint64     `json:"calls_per_second"`
	Skew         *int64     `json:"skew_ms"`
	SpoolBytes   int64      `json:"spool_bytes"`
	SpoolBudget  int64      `json:"spool_budget_bytes"`
	SpoolRecords uint64     `json:"spool_records"`
	Oldest       int64      `json:"oldest_unacked_ms"`
	Lost         uint64     `json:"lost"`
	LateHours    int        `json:"late_hours"`
	TableVersion uint64     `json:"table_version"`
	TableError   string     `json:"table_error"`
	Guard        *guardInfo `json:"guard"`
	Flaps        uint64     `json:"flaps"`
	Duplicate    int64      `json:"duplicate_unix_ms"`
}

type guardInfo struct {
	Mode     string `json:"mode"`
	Bindings int    `json:"bindings"`
	Strays   int    `json:"strays"`
	Refused  uint64 `json:"refused"`
	Banned   int    `json:"banned"`
}

type nodeDetail struct {
	nodeRow
	Losses []loss `json:"losses"`
	Hours  []hour `json:"hours"`
}

type loss struct {
	Stream string `json:"stream"`
	Count  uint64 `json:"count"`
	Reason string `json:"reason"`
	At     int64  `json:"at_unix_ms"`
}

type hour struct {
	Hour       int64  `json:"hour_unix_s"`
	State      string `json:"state"`
	ObservedMs int64  `json:"observed_ms"`
	Calls      int64  `json:"calls"`
}

const (
	overviewLife = 5 * time.Second
	lateHours    = 48 // that are looked back for late ones
	maxLosses    = 100
	shownHours   = 24
	liveFresh    = 5 * time.Second // live figures that are older are of a node that went silent
)

// overview is what the database says of all nodes.
type overview struct {
	nodes []query.Node
	late  map[string]int
	lost  map[string]uint64
}

func (s *Server) readOverview(ctx context.Context, e *everything) (*overview, error) {
	now := s.cfg.Now()
	return s.overview.get(now, overviewLife, func() (*overview, error) {
		o := &overview{late: map[string]int{}, lost: map[string]uint64{}}
		var err error
		if o.nodes, err = e.nodes(ctx); err != nil {
			return nil, err
		}
		end := now.Truncate(time.Hour)
		if err := e.hours(ctx, end.Add(-lateHours*time.Hour), end, func(h *query.Hour) error {
			if h.State == query.HourLate {
				o.late[h.Node]++
			}
			return nil
		}); err != nil {
			return nil, err
		}
		return o, e.losses(ctx, query.LossFilter{}, func(l *query.Loss) error {
			o.lost[l.Node] += l.Count
			return nil
		})
	})
}

// nodeRows joins what the database and the nodes say.
func (s *Server) nodeRows(ctx context.Context, e *everything) ([]nodeRow, error) {
	o, err := s.readOverview(ctx, e)
	if err != nil {
		return nil, err
	}
	rows := map[string]*nodeRow{}
	row := func(id string) *nodeRow {
		if rows[id] == nil {
			rows[id] = &nodeRow{ID: id, State: "unknown", NotReady: []string{}, Suspect: []string{}, LateHours: o.late[id], Lost: o.lost[id]}
		}
		return rows[id]
	}
	for i := range o.nodes {
		n := &o.nodes[i]
		r := row(n.ID)
		r.Version, r.Started, r.LastSeen, r.Skew, r.Flaps, r.Duplicate = n.Program, n.StartedUnixMs, n.LastSeenUnixMs, new(n.SkewMs), n.Flaps, n.DuplicateUnixMs
	}
	now := s.cfg.Now()
	for _, n := range e.live() {
		tell(row(n.ID), &n, now)
	}
	out := make([]nodeRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b nodeRow) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// tell adds what a node says of itself.
func tell(r *nodeRow, n *Now, now time.Time) {
	if l := n.Live; l != nil {
		age := max(0, now.Sub(n.LiveAt))
		r.LiveAge = new(age.Milliseconds())
		r.LastSeen = max(r.LastSeen, n.LiveAt.UnixMilli())
		if fresh(n, now) {
			r.Setup, r.Answered, r.CPS = l.LiveSetup, l.LiveAnswered, l.CallsPerSecond
		}
	}
	x := n.State
	if x == nil {
		return
	}
	r.State, r.Ready, r.Mode = x.State, x.Ready && x.State == record.StateUp, x.Mode
	r.NotReady, r.Suspect = append(r.NotReady, x.NotReady...), append(r.Suspect, x.Suspect...)
	if x.Version != "" {
		r.Version, r.Started = x.Version, x.StartedMs
	}
	if x.SkewMs != nil {
		r.Skew = x.SkewMs
	}
	r.SpoolBytes, r.SpoolBudget, r.SpoolRecords, r.Oldest = x.Spool.Bytes, x.Spool.BudgetBytes, x.Spool.Records, x.Spool.OldestUnackedMs
	if x.Table != nil {
		r.TableVersion, r.TableError = x.Table.Version, x.Table.Error
	}
	if g := x.Guard; g != nil {
		r.Guard = &guardInfo{g.Mode, g.Bindings, g.Strays, g.Refused, g.Banned}
	}
}

// fresh reports whether a node's live figures are of now.
func fresh(n *Now, now time.Time) bool {
	return n.Live != nil && now.Sub(n.LiveAt) < liveFresh && (n.State == nil || n.State.State == record.StateUp)
}

func (s *Server) nodes(q *request) (any, error) {
	e, err := q.view.all()
	if err != nil {
		return nil, err
	}
	rows, err := s.nodeRows(q.Context(), e)
	return page[nodeRow]{Items: rows}, err
}

func (s *Server) oneNode(q *request) (any, error) {
	e, err := q.view.all()
	if err != nil {
		return nil, err
	}
	rows, err := s.nodeRows(q.Context(), e)
	if err != nil {
		return nil, err
	}
	id := q.PathValue("id")
	i := slices.IndexFunc(rows, func(r nodeRow) bool { return r.ID == id })
	if i < 0 {
		return nil, accounts.ErrNotFound
	}
	out := nodeDetail{nodeRow: rows[i], Losses: []loss{}, Hours: []hour{}}
	if err := e.losses(q.Context(), query.LossFilter{Node: id}, func(l *query.Loss) error {
		if len(out.Losses) == 2*maxLosses { // the newest come last
			out.Losses = append(out.Losses[:0], out.Losses[maxLosses:]...)
		}
		out.Losses = append(out.Losses, loss{l.Stream.String(), l.Count, l.Reason, l.AtUnixMs})
		return nil
	}); err != nil {
		return nil, err
	}
	out.Losses = out.Losses[max(0, len(out.Losses)-maxLosses):]
	slices.Reverse(out.Losses)
	end := s.cfg.Now().Truncate(time.Hour).Add(time.Hour)
	err = e.hours(q.Context(), end.Add(-shownHours*time.Hour), end, func(h *query.Hour) error {
		if h.Node == id {
			out.Hours = append(out.Hours, hour{h.HourUnixS, h.State.String(), h.ObservedMs, h.Calls})
		}
		return nil
	})
	return out, err
}
