package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sipward/sipward/sync/record"
)

const nodeColumns = "node, first_ms, last_ms, program, epoch, earlier, started_ms, skew_ms, flaps, duplicate_ms"

// seenEvery is how often the last batch of a node is written down.
const seenEvery = 60_000 // ms

// Hello implements Store.
func (s *SQLite) Hello(ctx context.Context, node string, h *record.Hello) error {
	if !record.ValidNode(node) {
		return poison("%q is no node", node)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	p, err := s.planner(ctx, releasedKeys(node, h))
	if err != nil {
		return err
	}
	lost := p.rolledBack(node, h, s.id)
	if err := s.carryOut(ctx, p); err != nil {
		return err
	}
	s.stats.rolledBack.Add(lost)
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return err
	}
	return base.tx(func() error { return meet(base, node, h, p.nowMs) })
}

// meet notes a hello in the table of nodes, within a transaction.
func meet(f *file, node string, h *record.Hello, nowMs int64) error {
	n, err := scanNode(f.write.QueryRowContext(context.Background(), `SELECT `+nodeColumns+` FROM nodes WHERE node = ?`, node))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading node %s: %w", node, err)
	}
	n.meet(node, h, nowMs)
	if _, err := f.exec(`INSERT OR REPLACE INTO nodes (`+nodeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, n.values()...); err != nil {
		return fmt.Errorf("writing node %s: %w", node, err)
	}
	return nil
}

func (n *nodeRow) values() []any {
	return []any{n.ID, n.FirstSeenUnixMs, n.LastSeenUnixMs, n.Program, signed(n.Epoch), packEpochs(n.earlier),
		n.StartedUnixMs, n.SkewMs, signed(n.Flaps), n.DuplicateUnixMs}
}

// scanNode reads nodeColumns.
func scanNode(row interface{ Scan(to ...any) error }) (nodeRow, error) {
	var n nodeRow
	var epoch, flaps int64
	var earlier string
	err := row.Scan(&n.ID, &n.FirstSeenUnixMs, &n.LastSeenUnixMs, &n.Program, &epoch, &earlier, &n.StartedUnixMs, &n.SkewMs,
		&flaps, &n.DuplicateUnixMs)
	n.Epoch, n.Flaps, n.earlier = unsigned(epoch), unsigned(flaps), unpackEpochs(earlier)
	return n, err
}

func unsigned(i int64) uint64 { return uint64(i) } // the bits of an epoch, or a number that was one

// saveSeen writes down, now and then, when batches came: a commit has no room
// for a transaction on another file.
func (s *SQLite) saveSeen(ctx context.Context) error {
	for node, ms := range s.seen {
		if ms-s.saved[node] < seenEvery {
			continue
		}
		base, err := s.file(ctx, place{kind: baseKind})
		if err != nil {
			return err
		}
		if _, err := base.exec(touchNode, node, ms, ms); err != nil {
			return fmt.Errorf("writing node %s: %w", node, err)
		}
		s.saved[node] = ms
	}
	return nil
}

const touchNode = `INSERT INTO nodes (` + nodeColumns + `) VALUES (?, ?, ?, '', 0, '', 0, 0, 0, 0)
 ON CONFLICT (node) DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)`
