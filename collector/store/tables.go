package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Tables is the history of the table of customers and number blocks. The newest
// version is the one to edit; a node gets the newest that is staged to it, or to
// all. Every store has it; OpenSQLiteTables opens it beside a running collector.
type Tables interface {
	// Tables lists versions, the newest first.
	Tables(ctx context.Context, f query.TableFilter, each func(*query.Table) error) error

	// PutTable adds a version. It is refused with ErrTableChanged when the newest is
	// not before (0: there is none), so that two who edit one version cannot undo each
	// other's work. Old versions beyond the bounds of the history go.
	PutTable(ctx context.Context, before uint64, t *query.Table) error

	// StageTable says which nodes get the newest version, which must be version;
	// none means every node.
	StageTable(ctx context.Context, version uint64, stage []string) error
}

// maxStage bounds the nodes that a version is staged to.
const maxStage = 1000

const tableColumns = "version, size, key_id, made_ms, who, comment, stage, published_ms"

// The same statements do for both databases.
const (
	newestTable = `SELECT coalesce(max(version), 0) FROM number_tables`
	insertTable = `INSERT INTO number_tables (` + tableColumns + `, signed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	stageTable  = `UPDATE number_tables SET stage = ?, published_ms = ? WHERE version = ?`
	// The newest that every node gets, and all that came after it, stay.
	oldTables = `DELETE FROM number_tables WHERE version IN (SELECT version FROM
 (SELECT version, row_number() OVER (ORDER BY version DESC) AS n, sum(size) OVER (ORDER BY version DESC) AS bytes FROM number_tables) AS kept
 WHERE n > ? OR bytes > ?) AND version < (SELECT coalesce(max(version), 0) FROM number_tables WHERE published_ms > 0)`
)

// checkTable says why a version cannot be kept.
func checkTable(before uint64, t *query.Table) error {
	switch {
	case t.Version <= before:
		return fmt.Errorf("storing the table: version %d does not come after %d", t.Version, before)
	case t.Version > maxCount:
		return fmt.Errorf("storing the table: %d is no version", t.Version)
	case len(t.Signed) == 0:
		return errors.New("storing the table: it is empty")
	}
	return checkStage(t.Stage)
}

func checkStage(stage []string) error {
	if len(stage) > maxStage {
		return fmt.Errorf("staging the table: %d nodes; at most %d can be named, or all", len(stage), maxStage)
	}
	for _, node := range stage {
		if !record.ValidNode(node) {
			return fmt.Errorf("staging the table: %q is no node", node)
		}
	}
	return nil
}

// values are the columns of a new version. One that is staged to nobody is
// published as it is made.
func tableValues(t *query.Table, nowMs int64) []any {
	t.Size, t.MadeUnixMs, t.PublishedUnixMs = int64(len(t.Signed)), nowMs, published(t.Stage, nowMs)
	return []any{signed(t.Version), t.Size, text(t.KeyID), t.MadeUnixMs, text(t.Who), text(t.Comment), stageWord(t.Stage), t.PublishedUnixMs, t.Signed}
}

// stageWord is a stage as it is stored: ids of nodes have no blanks.
func stageWord(stage []string) string { return strings.Join(stage, " ") }

// published is when a version became that of all nodes, given that it is staged so
// from now on.
func published(stage []string, nowMs int64) int64 {
	if len(stage) == 0 {
		return nowMs
	}
	return 0
}

// Tables implements Tables.
func (r *reads) Tables(ctx context.Context, f query.TableFilter, each func(*query.Table) error) error {
	src, err := r.base(ctx)
	if err != nil {
		return err
	}
	document := "NULL"
	if f.Signed {
		document = "signed"
	}
	q := new(statement)
	q.text.WriteString(`SELECT ` + tableColumns + `, ` + document + ` FROM number_tables`)
	if f.Version != 0 {
		q.where("version = ?", signed(f.Version))
	}
	q.text.WriteString(" ORDER BY version DESC")
	if f.Most > 0 {
		fmt.Fprintf(&q.text, " LIMIT %d", f.Most)
	}
	return r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
		var t query.Table
		var version int64
		var stage string
		if err := rows.Scan(&version, &t.Size, &t.KeyID, &t.MadeUnixMs, &t.Who, &t.Comment, &stage, &t.PublishedUnixMs, &t.Signed); err != nil {
			return fmt.Errorf("reading a version of the table of %s: %w", src.name, err)
		}
		t.Version, t.Stage = unsigned(version), strings.Fields(stage)
		return each(&t)
	})
}
