package main

import (
	"context"
	"errors"
	"time"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/uplink"
)

// tables has the centre's table put in force.
type tables struct {
	*table.Keeper
	next chan handover // to the reloader
}

// handover is a table on its way into force.
type handover struct {
	table *configs.Table
	done  chan<- error
}

// useTimeout is how long a table may take into force: the pipeline takes it
// between two batches.
const useTimeout = 30 * time.Second

// addTable builds the keeper of the centre's table, if customers come from there.
func (a *agent) addTable() error {
	if !a.cfg.Table.On() {
		return nil
	}
	keys, err := seal.LoadPublic(a.cfg.Table.PublicKeyFile)
	if err != nil {
		return err
	}
	t := &tables{next: make(chan handover)}
	t.Keeper = table.New(table.Config{Dir: a.cfg.Guard.Dir, Keys: keys, Use: t.use, Log: a.log})
	a.tables = t
	return nil
}

// use hands a table to the reloader and waits until it is in force.
func (t *tables) use(x *configs.Table) error {
	ctx, cancel := context.WithTimeout(context.Background(), useTimeout)
	defer cancel()
	done := make(chan error, 1)
	select {
	case t.next <- handover{x, done}:
	case <-ctx.Done():
		return errors.New("nobody took the table: the agent is ending")
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("the pipeline did not take the table: the agent is ending, or hangs")
	}
}

// openTable puts the last good table in force, before anything runs.
func (a *agent) openTable() error {
	if a.tables == nil {
		return nil
	}
	t, err := a.tables.Open()
	if err != nil || t == nil {
		return err
	}
	cfg := *a.cfg
	cfg.Use(t)
	book, err := cfg.Book(a.book)
	if err != nil {
		return err
	}
	a.core.SetBook(book)
	a.guard.SetBook(book, cfg.Local)
	a.cfg, a.book = &cfg, book
	a.log.Info("the last table of the collector is in force", "version", t.Version, "customers", len(t.Customers), "carriers", len(t.Carriers))
	return nil
}

// offered takes what the uplink got. The keeper logs and counts what it refuses.
func (a *agent) offered(signed []byte) { _ = a.tables.Offer(signed) }

// status is what people are shown of the table. from is where it comes from; nil
// when nobody brings one.
func (t *tables) status(now time.Time, from *uplink.Uplink) *admin.Table {
	s := t.Status(now)
	out := &admin.Table{Version: s.Version, Key: s.Key, LastError: s.LastError, Refused: map[string]uint64{}}
	if s.Version > 0 {
		out.IssuedUnixMs = s.Issued.UnixMilli()
	}
	for _, r := range table.Reasons() {
		out.Refused[r.String()] = s.Refused[r]
	}
	if from != nil {
		if why := from.Stats().TableError; why != "" { // of the last that came: what unpacks makes it ""
			out.LastError = why
		}
	}
	return out
}

// tableState is what collectors are told of it.
func tableState(t *admin.Table, now time.Time) *record.TableState {
	out := &record.TableState{Version: t.Version, IssuedUnixMs: t.IssuedUnixMs, Key: t.Key, Error: t.LastError}
	if t.Version > 0 {
		out.AgeS = max(int64(now.Sub(time.UnixMilli(t.IssuedUnixMs)).Seconds()), 0)
	}
	for _, n := range t.Refused {
		out.Refused += n
	}
	return out
}

// callsWithin is how long a list of calls may take: a collector waits 3 s.
const callsWithin = 2 * time.Second

// answer answers what a collector asks; false for what nobody can be told of.
func (a *agent) answer(question []byte) (answer []byte, known bool) {
	q, err := record.DecodeQuestion(question)
	if q.ID == "" {
		return nil, false
	}
	out := record.Answer{ID: q.ID}
	var list []guard.Binding
	switch {
	case err != nil:
	case q.Ask == record.AskCalls:
		ctx, cancel := context.WithTimeout(context.Background(), callsWithin)
		defer cancel()
		out.Calls, out.More, err = a.calls(ctx, q.Customer, q.Carrier, q.Limit)
	default:
		list, out.More, err = a.guard.Bindings(q.Customer, q.First, q.Last, q.Limit)
		out.Customer = q.Customer
	}
	if err != nil {
		out.Error = err.Error()
	}
	for _, b := range list {
		out.Bindings = append(out.Bindings, record.Binding(b))
	}
	answer, err = record.EncodeAnswer(&out)
	return answer, err == nil
}
