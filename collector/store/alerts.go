package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// Rules implements Alerts.
func (d *desk) Rules(ctx context.Context, id string, each func(*query.Rule) error) error {
	q := new(statement)
	q.text.WriteString(`SELECT id, version, updated_ms, body FROM alert_rules`)
	q.equal("id", id)
	q.text.WriteString(" ORDER BY id")
	return d.find(ctx, "reading alert rules", q.text.String(), q.args, func(r row) error {
		var x query.Rule
		var body []byte
		if err := r.Scan(&x.ID, &x.Version, &x.UpdatedUnixMs, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &x); err != nil {
			return fmt.Errorf("rule %s: %w", x.ID, err)
		}
		return each(&x)
	})
}

// PutRule implements Alerts.
func (d *desk) PutRule(ctx context.Context, r *query.Rule, e *accounts.Entry) error {
	const what = "storing an alert rule"
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	body, err := document(what, raw)
	if err != nil {
		return err
	}
	id, version, ms := r.ID, r.Version+1, int64(0)
	if id == "" {
		id, version = newID(), 1
	}
	err = d.change(ctx, what, e, func(c *change) error {
		ms = c.nowMs
		if r.ID != "" {
			return c.must(query.ErrConflict, `UPDATE alert_rules SET version = ?, updated_ms = ?, kind = ?, party = ?, body = ? WHERE id = ? AND version = ?`,
				version, ms, text(r.Kind), text(r.Party), body, id, version-1)
		}
		if err := c.room("alert_rules", maxRules); err != nil {
			return err
		}
		_, err := c.exec(`INSERT INTO alert_rules (id, version, updated_ms, kind, party, body) VALUES (?, ?, ?, ?, ?, ?)`, id, version, ms, text(r.Kind), text(r.Party), body)
		return err
	})
	if err == nil {
		r.ID, r.Version, r.UpdatedUnixMs = id, version, ms
	}
	return err
}

// DeleteRule implements Alerts.
func (d *desk) DeleteRule(ctx context.Context, id string, version int64, e *accounts.Entry) error {
	return d.change(ctx, "removing an alert rule", e, func(c *change) error {
		if _, err := c.exec(`UPDATE alert_events SET cleared_ms = ? WHERE rule = ? AND cleared_ms = 0`, c.nowMs, id); err != nil {
			return err
		}
		return c.must(query.ErrConflict, `DELETE FROM alert_rules WHERE id = ? AND version = ?`, id, version)
	})
}

const eventColumns = "id, rule, rule_name, level, kind, party, node, raised_ms, cleared_ms, acked_ms, acked_by, num, den, value, threshold, message, sent_ms, failed_sends, area, operator"

// Events implements Alerts.
func (d *desk) Events(ctx context.Context, f query.EventFilter, each func(*query.Event) error) error {
	q := new(statement)
	q.text.WriteString(`SELECT ` + eventColumns + ` FROM alert_events`)
	q.where("raised_ms >= ?", f.FromUnixMs)
	q.where("raised_ms < ?", until(f.ToUnixMs))
	q.equal("id", f.ID)
	q.equal("rule", f.Rule)
	q.equal("kind", f.Kind)
	q.equal("party", f.Party)
	if f.Open {
		q.text.WriteString(" AND cleared_ms = 0")
	}
	if f.Unacked {
		q.text.WriteString(" AND acked_ms = 0")
	}
	if a := f.After; a != nil {
		q.where("(raised_ms, id) < (?, ?)", a.RaisedUnixMs, a.ID)
	}
	q.text.WriteString(" ORDER BY raised_ms DESC, id DESC")
	q.limit(f.Limit)
	return d.find(ctx, "reading alerts", q.text.String(), q.args, func(r row) error {
		var x query.Event
		if err := r.Scan(&x.ID, &x.Rule, &x.RuleName, &x.Level, &x.Kind, &x.Party, &x.Node, &x.RaisedUnixMs, &x.ClearedUnixMs, &x.AckedUnixMs, &x.AckedBy,
			&x.Num, &x.Den, &x.Value, &x.Threshold, &x.Text, &x.SentUnixMs, &x.FailedSends, &x.Area, &x.Operator); err != nil {
			return err
		}
		return each(&x)
	})
}

// RaiseEvent implements Alerts.
func (d *desk) RaiseEvent(ctx context.Context, x *query.Event) error {
	id := newID()
	err := d.change(ctx, "raising an alert", nil, func(c *change) error {
		if err := c.must(query.ErrExists, `INSERT INTO alert_events (`+eventColumns+`) VALUES (`+marks(20)+`) ON CONFLICT DO NOTHING`,
			id, text(x.Rule), text(x.RuleName), text(x.Level), text(x.Kind), text(x.Party), text(x.Node), x.RaisedUnixMs, x.ClearedUnixMs, x.AckedUnixMs, text(x.AckedBy),
			x.Num, x.Den, fraction(x.Value), x.Threshold, text(x.Text), x.SentUnixMs, x.FailedSends, text(x.Area), text(x.Operator)); err != nil {
			return err
		}
		n, err := c.number(`SELECT count(*) FROM alert_events`)
		if err != nil || n <= int64(maxEvents) {
			return err
		}
		_, err = c.exec(`DELETE FROM alert_events WHERE id IN (SELECT id FROM alert_events WHERE cleared_ms > 0 ORDER BY raised_ms, id LIMIT ?)`, n-int64(maxEvents))
		return err
	})
	if err == nil {
		x.ID = id
	}
	return err
}

func fraction(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// UpdateEvent implements Alerts.
func (d *desk) UpdateEvent(ctx context.Context, x *query.Event) error {
	return d.change(ctx, "changing an alert", nil, func(c *change) error {
		return c.must(query.ErrNotFound, `UPDATE alert_events SET level = ?, cleared_ms = ?, num = ?, den = ?, value = ?, message = ?, sent_ms = ?, failed_sends = ?
 WHERE id = ? AND cleared_ms = 0`, text(x.Level), x.ClearedUnixMs, x.Num, x.Den, fraction(x.Value), text(x.Text), x.SentUnixMs, x.FailedSends, x.ID)
	})
}

// AckEvent implements Alerts.
func (d *desk) AckEvent(ctx context.Context, id, by string, e *accounts.Entry) error {
	return d.change(ctx, "acknowledging an alert", e, func(c *change) error {
		n, err := c.exec(`UPDATE alert_events SET acked_ms = ?, acked_by = ? WHERE id = ? AND acked_ms = 0`, c.nowMs, text(by), id)
		if err != nil || n > 0 {
			return err
		}
		if n, err = c.number(`SELECT count(*) FROM alert_events WHERE id = ?`, id); err == nil {
			if err = query.ErrConflict; n == 0 {
				err = query.ErrNotFound
			}
		}
		return err
	})
}
