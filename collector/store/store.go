// Package store keeps what nodes send: calls, attempts, minutes, refused
// registrations, hour marks and losses, together with the sets of sequence
// numbers that are committed. There are two implementations with the same
// behaviour: SQLite files in a folder, and PostgreSQL.
//
// A record is stored exactly once: the transaction that inserts rows is the one
// that writes down their numbers, and only numbers that are not yet written down
// are inserted. Hourly sums are changed in that transaction too, so they equal
// the call records at any moment.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Store is what ingest and the web use. All methods may be called by several
// goroutines at once; SQLite commits one after the other, and readers are never
// waited for.
type Store interface {
	Reader
	Tables
	Desk

	// Commit stores the records that are not stored yet and marks their numbers as
	// done, in one transaction (in SQLite one for each file that they belong to).
	// When it returns nil, all of it is on disk. An error for which IsPoison is true
	// is about these records: the same call fails again. Any other error is about the
	// database: try again later. What was committed before an error stays, and is
	// known to the next call.
	Commit(ctx context.Context, batches []*record.Received) error

	// Bury sets a batch aside that cannot be stored, and marks its numbers as done.
	// h is nil when its numbers are not known. Dead letters are bounded in number and
	// bytes: the oldest are discarded and counted. What had not been committed of it
	// is written into the loss ledger.
	Bury(ctx context.Context, node string, h *record.Header, raw []byte, reason string) error

	// Cursors returns what is committed of these epochs: two for each, one a stream,
	// in the order of epochs. Need is left empty: since when a gap is open is known
	// to whoever sees the batches come.
	Cursors(ctx context.Context, node string, epochs []uint64) ([]*record.Cursor, error)

	// Hello notes what an agent said on connecting. What it was told to be safe, but
	// is not here and not on its disk any more, goes to the loss ledger
	// (store_rolled_back) and is marked as done.
	Hello(ctx context.Context, node string, h *record.Hello) error

	// Retain drops months that ended longer ago than r says. Sums stay.
	Retain(ctx context.Context, r Retention) (dropped []string, err error)

	// Stats returns counters since the store was opened.
	Stats() Stats
}

// Reader is the side of a store that changes nothing. The commands of the
// collector use it beside a collector that runs.
type Reader interface {
	// ID is the store's id: 32 hexadecimal digits. A new database has a new one,
	// and so has one that was restored from a backup.
	ID() string

	// Nodes lists the nodes that ever said hello or sent a batch, by id.
	Nodes(ctx context.Context) ([]query.Node, error)

	// Calls, Attempts, Minutes and Registrations hand rows to each in the order of
	// their time, then node, epoch and number, or in the opposite order where the filter says Newest. They hold one row in memory. An error
	// of each ends them and is returned as it is. Rows and what they point to are
	// valid until each returns.
	Calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error
	Attempts(ctx context.Context, f query.CallFilter, each func(*query.AttemptRow) error) error
	Minutes(ctx context.Context, f query.MinuteFilter, each func(*query.MinuteRow) error) error
	Registrations(ctx context.Context, f query.RegistrationFilter, each func(*query.RegistrationRow) error) error

	// CountCalls, CountAttempts and CountRegistrations count what the lists have, whatever their Limit, up to
	// most: a page shows "10,000+".
	CountCalls(ctx context.Context, f query.CallFilter, most int) (int, error)
	CountAttempts(ctx context.Context, f query.CallFilter, most int) (int, error)
	CountRegistrations(ctx context.Context, f query.RegistrationFilter, most int) (int, error)

	// Summaries adds up calls by hour, day or month (UTC), node and party, in the
	// order of time, kind, party and node. They are kept when calls are dropped.
	Summaries(ctx context.Context, f query.SummaryFilter, each func(*query.Summary) error) error

	// Series returns a graph of one party: minute counters in equal steps.
	Series(ctx context.Context, f query.SeriesFilter) (*query.Series, error)
	// SeriesOf hands on a graph of each of some parties of f.Kind, in their order.
	SeriesOf(ctx context.Context, f query.SeriesFilter, parties []string, each func(*query.Series) error) error

	// Losses lists what will never come, DeadLetters what was set aside; oldest
	// first. A dead letter's Raw is only read when raw is true.
	Losses(ctx context.Context, f query.LossFilter, each func(*query.Loss) error) error
	DeadLetters(ctx context.Context, raw bool, each func(*query.DeadLetter) error) error

	// Tables lists versions of the table of customers and number blocks, the newest
	// first.
	Tables(ctx context.Context, f query.TableFilter, each func(*query.Table) error) error

	// Hours says for each node and each hour that begins in [from, to) whether the
	// node has closed it, in the order of hours.
	Hours(ctx context.Context, from, to time.Time, each func(*query.Hour) error) error

	// Completeness joins the hours of each step of [f.FromUnixS, f.ToUnixS), of f.Node or of all nodes, in the
	// order of time. Kind and party do not matter.
	Completeness(ctx context.Context, f query.SummaryFilter, each func(*query.Completeness) error) error

	// Verify adds up the stored calls that are counted in hours that begin in [from,
	// to) again, and hands each sum that differs from the stored one to each.
	Verify(ctx context.Context, from, to time.Time, each func(*query.Difference) error) error

	// Reconcile compares the minute counters with the calls that were closed in the
	// hours that begin in [from, to), per node, kind and party.
	Reconcile(ctx context.Context, from, to time.Time, each func(*query.Reconciled) error) error

	// Backup writes a consistent copy into the new folder path while the store is in
	// use. Its first opening gives it an id of its own.
	Backup(ctx context.Context, path string) error

	// Close ends the use of the store. No method may be called afterwards.
	Close() error
}

// Errors that callers tell apart.
var (
	ErrNewerSchema = errors.New("the database was written by a newer version of this program")
	ErrInUse       = errors.New("another collector has this folder open")
	ErrNoBackup    = errors.New("this store has a backup tool of its own")
)

// Poison is an error that is about the records and not about the database.
type Poison struct{ Err error }

// Error says what is wrong with the records.
func (p *Poison) Error() string { return "records that cannot be stored: " + p.Err.Error() }

// Unwrap returns what was found.
func (p *Poison) Unwrap() error { return p.Err }

// Poison is true; whoever does not import this package asks for the method.
func (p *Poison) Poison() bool { return true }

func poison(format string, args ...any) error { return &Poison{fmt.Errorf(format, args...)} }

// IsPoison reports whether an error of Commit is about the records.
func IsPoison(err error) bool {
	var p interface{ Poison() bool }
	return errors.As(err, &p) && p.Poison()
}

// Retention says for how long rows are kept; 0 keeps them for ever. Whole
// months are dropped, when the last day of one is older than this.
type Retention struct {
	Calls     time.Duration // calls and attempts
	Telemetry time.Duration // minutes and registrations
}

// Options of both stores; the zero value is useful.
type Options struct {
	Now            func() time.Time // the clock; nil: time.Now
	MaxLetters     int              // dead letters kept; 0: 1000
	MaxLetterBytes int64            // and their bytes; 0: 64 MiB
	MaxTables      int              // versions of the table of customers kept, beside those that nodes may get; 0: 1000
	MaxTableBytes  int64            // and their bytes; 0: 256 MiB
}

// Stats are counters since the store was opened.
type Stats struct {
	Commits           uint64 // transactions
	Rows              uint64 // records that were stored
	Known             uint64 // records that had been stored before, and were left out
	Retries           uint64 // transactions that were tried again
	Poisoned          uint64 // commits that failed because of the records
	Buried            uint64 // dead letters written
	LettersDiscarded  uint64 // dead letters that gave way to newer ones, ever
	RolledBack        uint64 // records that hellos showed to be lost by this store
	CursorsForgotten  uint64 // cached cursors that gave way; they are read again when needed
	OddTimes          uint64 // records whose time made no sense, stored under the time of their coming
	LastCommitSeconds float64
}
