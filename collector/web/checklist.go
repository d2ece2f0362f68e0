package web

import (
	"context"
	"errors"
	"time"

	"github.com/sipward/sipward/collector/query"
)

type check struct {
	ID      string `json:"id"`
	Done    bool   `json:"done"`
	Missing int    `json:"missing"`
}

type checklist struct {
	Items  []check      `json:"items"`
	Alerts []alertEvent `json:"alerts"`
	Open   int          `json:"open"`
}

const (
	checksLife   = 5 * time.Second
	maxAlertList = 100
)

func (s *Server) getChecklist(q *request) (any, error) {
	e, err := q.view.all()
	if err != nil {
		return nil, err
	}
	return s.checklist(q.Context(), e)
}

// checklist looks at what is there. Nothing is ticked off by hand.
func (s *Server) checklist(ctx context.Context, e *everything) (*checklist, error) {
	return s.checks.get(s.cfg.Now(), checksLife, func() (*checklist, error) {
		out := &checklist{Items: []check{}, Alerts: []alertEvent{}}
		add := func(id string, missing int) {
			out.Items = append(out.Items, check{id, missing == 0, missing})
			out.Open += min(missing, 1)
		}
		nodes, err := e.nodes(ctx)
		if err != nil {
			return nil, err
		}
		add("first_node", missingOne(len(nodes)))
		t, err := s.newest(ctx)
		if err != nil {
			return nil, err
		}
		add("customers", missingOne(len(t.Customers)))
		add("carriers", missingOne(len(t.Carriers)))
		add("blocks", withoutBlocks(t))
		without, _, err := s.cfg.Service.WithoutTwoFactor(ctx)
		if err != nil {
			return nil, err
		}
		add("two_factor", without)
		_, err = s.cfg.Desk.Setting(ctx, query.SettingEmailTested)
		if err != nil && !errors.Is(err, query.ErrNotFound) {
			return nil, err
		}
		add("email", missingOne(btoi(err == nil)))
		err = s.events(ctx, query.EventFilter{Open: true, Unacked: true, Limit: maxAlertList}, func(_ *query.Event, x alertEvent) {
			out.Alerts = append(out.Alerts, x)
		})
		out.Open += len(out.Alerts)
		return out, err
	})
}

func missingOne(n int) int { return btoi(n == 0) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// withoutBlocks counts customers that have no number block; without any customer there
// is one to assign yet.
func withoutBlocks(t *shownTable) int {
	n := 0
	for i := range t.Customers {
		n += btoi(len(t.Customers[i].Blocks) == 0)
	}
	return max(n, missingOne(len(t.Customers)))
}
