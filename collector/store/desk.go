package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// Desk is what people and programs set: it is small, rarely changed, and kept in the
// base. Each method that changes something is one transaction, with the line e of the
// audit log; e may be nil.
type Desk interface {
	accounts.Repository
	Audit
	Settings
	Balances
	Alerts

	// ForgetCustomer removes the accounts, tokens, balance, rules and alerts of a customer.
	// Its calls are dropped with their months: sums would not be those of their records
	// otherwise.
	ForgetCustomer(ctx context.Context, customer string, e *accounts.Entry) (query.Forgotten, error)
}

// Audit reads the audit log, of which the oldest lines go when it is full.
type Audit interface {
	// AuditRows lists lines, the newest first.
	AuditRows(ctx context.Context, f query.AuditFilter, each func(*query.AuditRow) error) error
}

// Settings keeps small documents by their key.
type Settings interface {
	// Setting returns query.ErrNotFound for what is not there.
	Setting(ctx context.Context, key string) (*query.Setting, error)
	// PutSetting replaces the version before s.Version; query.ErrConflict when there is another one.
	// Version 0 is of a setting that is not there yet. It sets s.Version and s.UpdatedUnixMs.
	PutSetting(ctx context.Context, s *query.Setting, e *accounts.Entry) error
}

// Balances keeps what customers have left.
type Balances interface {
	// Balances lists them by customer; that of one customer alone when it is not empty.
	Balances(ctx context.Context, customer string, each func(*query.Balance) error) error
	// PutBalance sets one: the last word counts. It sets b.UpdatedUnixMs.
	PutBalance(ctx context.Context, b *query.Balance, e *accounts.Entry) error
	// DeleteBalance returns query.ErrNotFound when there is none.
	DeleteBalance(ctx context.Context, customer string, e *accounts.Entry) error
}

// Alerts keeps rules, and what they raised. The oldest alerts that are over go when
// there are too many.
type Alerts interface {
	// Rules lists rules by id; the one with this id alone when it is not empty.
	Rules(ctx context.Context, id string, each func(*query.Rule) error) error
	// PutRule adds a rule without an id, which it draws, or replaces the one whose version is that
	// of r; query.ErrConflict when it has another one. It sets r.Version and r.UpdatedUnixMs.
	PutRule(ctx context.Context, r *query.Rule, e *accounts.Entry) error
	// DeleteRule removes a rule and ends its alerts. It returns query.ErrConflict when it has another version.
	DeleteRule(ctx context.Context, id string, version int64, e *accounts.Entry) error

	// Events lists alerts, the newest first.
	Events(ctx context.Context, f query.EventFilter, each func(*query.Event) error) error
	// RaiseEvent adds an alert and draws its id; query.ErrExists when one is open for its rule, kind,
	// party and node: another collector may have been faster.
	RaiseEvent(ctx context.Context, x *query.Event) error
	// UpdateEvent replaces level, value, text and delivery of an open alert, and ends it when ClearedUnixMs is set;
	// query.ErrNotFound when none is open.
	UpdateEvent(ctx context.Context, x *query.Event) error
	// AckEvent notes who has seen an alert; query.ErrNotFound when there is none, and
	// query.ErrConflict when somebody has.
	AckEvent(ctx context.Context, id, by string, e *accounts.Entry) error
}

// Bounds of the desk. They are changed by tests only.
var (
	maxAudit    = 200_000
	maxSettings = 20_000 // one for each customer, and a few
	maxBalances = 100_000
	maxRules    = 1000
	maxEvents   = 100_000
	maxAccounts = 100_000
	maxTokens   = 10_000
	maxSessions = 200_000
	maxLinks    = 100_000
)

// maxDocument bounds a setting and a rule, in bytes.
const maxDocument = 64 << 10

// desk does what both databases do in the same way.
type desk struct {
	*reads
	// edit runs do in one transaction on the base, perhaps several times.
	edit func(ctx context.Context, do func(*change) error) error
}

// row is what a query found.
type row interface{ Scan(to ...any) error }

// change is a transaction on the base.
type change struct {
	dialect
	nowMs int64
	run   func(text string, args ...any) (rows int64, err error)
	ask   func(text string, args []any, each func(row) error) error
}

// exec runs a statement and returns how many rows it was about.
func (c *change) exec(text string, args ...any) (int64, error) { return c.run(c.bind(text), args...) }

// must fails with none when a statement was about no row.
func (c *change) must(none error, text string, args ...any) error {
	n, err := c.exec(text, args...)
	if err == nil && n == 0 {
		return none
	}
	return err
}

// rows hands on what a query finds.
func (c *change) rows(text string, args []any, each func(row) error) error {
	return c.ask(c.bind(text), args, each)
}

// number reads one number.
func (c *change) number(text string, args ...any) (n int64, err error) {
	err = c.rows(text, args, func(r row) error { return r.Scan(&n) })
	return n, err
}

// room fails when a table is full.
func (c *change) room(table string, most int) error {
	n, err := c.number(`SELECT count(*) FROM ` + table)
	if err == nil && n >= int64(most) {
		return query.ErrFull
	}
	return err
}

// log writes a line of the audit log, and drops the oldest beyond the bound.
func (c *change) log(e *accounts.Entry) error {
	if e == nil {
		return nil
	}
	_, err := c.exec(`INSERT INTO audit (at_ms, actor, name, origin, action, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.AtUnixMs, text(e.Actor), text(e.Name), text(e.From), text(string(e.Action)), text(e.Target), text(e.Detail))
	if err == nil {
		_, err = c.exec(`DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?`, maxAudit)
	}
	return err
}

// change runs do and writes the line of the audit log in one transaction. What is wrong
// is said of what was attempted.
func (d *desk) change(ctx context.Context, what string, e *accounts.Entry, do func(*change) error) error {
	err := d.edit(ctx, func(c *change) error {
		if err := do(c); err != nil {
			return err
		}
		return c.log(e)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// find reads rows of the base.
func (d *desk) find(ctx context.Context, what, text string, args []any, each func(row) error) error {
	src, err := d.base(ctx)
	if err == nil {
		err = d.dialect.scanAll(ctx, src, text, args, func(rows *sql.Rows) error { return each(rows) })
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// editSQLite runs do on the base of a folder, whose writer it is alone.
func editSQLite(base *file, nowMs int64, do func(*change) error) error {
	return base.tx(func() error {
		return do(&change{dialect: sqliteDialect, nowMs: nowMs,
			run: func(text string, args ...any) (int64, error) {
				r, err := base.exec(text, args...)
				if err != nil {
					return 0, err
				}
				return r.RowsAffected()
			},
			ask: func(text string, args []any, each func(row) error) error {
				return sqliteDialect.scanOn(context.Background(), base.write, base.path, text, args, func(rows *sql.Rows) error { return each(rows) })
			}})
	})
}

// edit runs do in a transaction.
func (s *SQLite) edit(ctx context.Context, do func(*change) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	base, err := s.file(ctx, place{kind: baseKind})
	if err != nil {
		return err
	}
	return editSQLite(base, s.o.Now().UnixMilli(), do)
}

// edit runs do in a transaction.
func (s *SQLiteTables) edit(ctx context.Context, do func(*change) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return editSQLite(s.base, s.o.Now().UnixMilli(), do)
}

// edit runs do in a transaction.
func (s *Postgres) edit(ctx context.Context, do func(*change) error) error {
	return s.retry(ctx, func(tx pgx.Tx) error {
		return do(&change{dialect: postgresDialect, nowMs: s.o.Now().UnixMilli(),
			run: func(text string, args ...any) (int64, error) {
				tag, err := tx.Exec(ctx, text, args...)
				return tag.RowsAffected(), err
			},
			ask: func(text string, args []any, each func(row) error) error {
				rows, err := tx.Query(ctx, text, args...)
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
					if err := each(rows); err != nil {
						return err
					}
				}
				return rows.Err()
			}})
	})
}
