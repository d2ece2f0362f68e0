package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/sync/record"
)

// Hello implements Store.
func (s *Postgres) Hello(ctx context.Context, node string, h *record.Hello) error {
	if !record.ValidNode(node) {
		return poison("%q is no node", node)
	}
	if err := s.refreshID(ctx); err != nil {
		return err
	}
	if all := releasedKeys(node, h); len(all) > 0 {
		var lost uint64
		_, err := s.commit(ctx, all, func(p *planner) error {
			lost = p.rolledBack(node, h, s.ID())
			return nil
		})
		if err != nil {
			return err
		}
		s.stats.rolledBack.Add(lost)
	}
	return s.retry(ctx, func(tx pgx.Tx) error { return meetPostgres(ctx, tx, node, h, s.o.Now().UnixMilli()) })
}

func meetPostgres(ctx context.Context, tx pgx.Tx, node string, h *record.Hello, nowMs int64) error {
	n, err := scanNode(tx.QueryRow(ctx, `SELECT `+nodeColumns+` FROM nodes WHERE node = $1 FOR UPDATE`, node))
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading node %s: %w", node, err)
	}
	isNew := err != nil
	n.meet(node, h, nowMs)
	text := `UPDATE nodes SET (` + nodeColumns + `) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE node = $1`
	if isNew {
		text = `INSERT INTO nodes (` + nodeColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	}
	if _, err := tx.Exec(ctx, text, n.values()...); err != nil {
		return fmt.Errorf("writing node %s: %w", node, err)
	}
	return nil
}
