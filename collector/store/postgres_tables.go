package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/collector/query"
)

// PutTable implements Tables.
func (s *Postgres) PutTable(ctx context.Context, before uint64, t *query.Table) error {
	if err := checkTable(before, t); err != nil {
		return err
	}
	return s.editTables(ctx, before, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, postgresDialect.bind(insertTable), tableValues(t, s.o.Now().UnixMilli())...); err != nil {
			return fmt.Errorf("storing the table: %w", err)
		}
		if _, err := tx.Exec(ctx, postgresDialect.bind(oldTables), s.o.MaxTables, s.o.MaxTableBytes); err != nil {
			return fmt.Errorf("bounding the history of the table: %w", err)
		}
		return nil
	})
}

// StageTable implements Tables.
func (s *Postgres) StageTable(ctx context.Context, version uint64, stage []string) error {
	if err := checkStage(stage); err != nil {
		return err
	}
	return s.editTables(ctx, version, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, postgresDialect.bind(stageTable), stageWord(stage), published(stage, s.o.Now().UnixMilli()), signed(version)); err != nil {
			return fmt.Errorf("staging the table: %w", err)
		}
		return nil
	})
}

// editTables runs do while nobody else can write a version, if newest is the newest.
func (s *Postgres) editTables(ctx context.Context, newest uint64, do func(pgx.Tx) error) error {
	return s.retry(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE number_tables IN EXCLUSIVE MODE`); err != nil {
			return fmt.Errorf("locking the table: %w", err)
		}
		var version int64
		if err := tx.QueryRow(ctx, newestTable).Scan(&version); err != nil {
			return fmt.Errorf("reading the table's version: %w", err)
		}
		if unsigned(version) != newest {
			return query.ErrTableChanged
		}
		return do(tx)
	})
}
