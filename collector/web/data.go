package web

import (
	"context"
	"errors"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/sync/record"
)

// Reads is what nodes sent, as the store keeps it; collector/store says what each
// method does. All of it may be called at once.
type Reads interface {
	Nodes(ctx context.Context) ([]query.Node, error)
	Calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error
	Attempts(ctx context.Context, f query.CallFilter, each func(*query.AttemptRow) error) error
	Registrations(ctx context.Context, f query.RegistrationFilter, each func(*query.RegistrationRow) error) error
	Summaries(ctx context.Context, f query.SummaryFilter, each func(*query.Summary) error) error
	Completeness(ctx context.Context, f query.SummaryFilter, each func(*query.Completeness) error) error
	SeriesOf(ctx context.Context, f query.SeriesFilter, parties []string, each func(*query.Series) error) error
	Hours(ctx context.Context, from, to time.Time, each func(*query.Hour) error) error
	Losses(ctx context.Context, f query.LossFilter, each func(*query.Loss) error) error
}

// Desk is what people and programs set, as the store keeps it.
type Desk interface {
	AuditRows(ctx context.Context, f query.AuditFilter, each func(*query.AuditRow) error) error
	Setting(ctx context.Context, key string) (*query.Setting, error)
	PutSetting(ctx context.Context, s *query.Setting, e *accounts.Entry) error
	Balances(ctx context.Context, customer string, each func(*query.Balance) error) error
	PutBalance(ctx context.Context, b *query.Balance, e *accounts.Entry) error
	DeleteBalance(ctx context.Context, customer string, e *accounts.Entry) error
	Rules(ctx context.Context, id string, each func(*query.Rule) error) error
	PutRule(ctx context.Context, r *query.Rule, e *accounts.Entry) error
	DeleteRule(ctx context.Context, id string, version int64, e *accounts.Entry) error
	Events(ctx context.Context, f query.EventFilter, each func(*query.Event) error) error
	AckEvent(ctx context.Context, id, by string, e *accounts.Entry) error
}

// Now is the newest that one node said of itself. What it points to is never changed.
type Now struct {
	ID     string
	Live   *record.Live // nil: none yet
	LiveAt time.Time    // when it came, by this program's clock
	State  *record.State
}

// Table is where the table of customers and number blocks is kept: a table.Editor,
// or what says of it besides which version nodes must be above.
type Table interface {
	Open(ctx context.Context) (*table.Draft, error)
	Save(ctx context.Context, d *table.Draft, s table.Save) (*table.Version, error)
}

// ErrBusy is what AskFunc and CallsFunc wrap when too many questions wait for answers.
var ErrBusy = errors.New("too many questions wait for answers: try again")

// Range is a range of numbers of one length; the zero value stands for all, and for
// users that are no numbers.
type Range struct{ First, Last string }

// NodeBindings is what one node says of who is registered.
type NodeBindings struct {
	Node     string
	Error    string // why there is no answer; empty when there is
	Bindings []record.Binding
	More     int // that it has beside these, of the customer who was asked for; 0 when it cannot tell them apart
}

// BindingFilter says which bindings are wanted: at most Limit of each node and range. An
// older node knows no customer, and answers with everybody's.
type BindingFilter struct {
	Customer string // "": any
	Ranges   []Range
	Limit    int
}

// AskFunc asks all nodes for bindings.
type AskFunc func(ctx context.Context, f BindingFilter) ([]NodeBindings, error)
