package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
)

// distributeEvery is how often the database is asked for a new version of the
// table: the command line, or another collector, may have made one.
const distributeEvery = time.Second

// distributor hands the versions of the table that are in the database to the
// nodes.
type distributor struct {
	store  tableReader
	ingest interface {
		SetTables(tables []ingest.Table, nodes []string)
	}
	nodes func() *view // the nodes that the database and the folder know; nil: not yet
	log   *slog.Logger
	poked chan struct{} // holds one: a version was made here; nil: none ever is

	last   []query.Table // without documents
	packed []ingest.Table
	told   *view
	failed string

	shown atomic.Pointer[admin.Table] // for status
}

// run looks until ctx ends. A database that does not answer is waited for: nodes go
// on with what they have.
func (d *distributor) run(ctx context.Context) error {
	tick := time.NewTicker(distributeEvery)
	defer tick.Stop()
	for {
		err := d.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.report(err)
		select {
		case <-tick.C:
		case <-d.poked:
		case <-ctx.Done():
			return nil
		}
	}
}

// poke has the database looked at now.
func (d *distributor) poke() {
	select {
	case d.poked <- struct{}{}:
	default: // it will be anyway
	}
}

// report logs what is wrong once.
func (d *distributor) report(err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	if why != d.failed && why != "" {
		d.log.Error("reading the table of customers; nodes keep what they have", "error", err)
	}
	d.failed = why
}

// look compares the versions that nodes may get with those of the last look.
func (d *distributor) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	now, err := offered(ctx, d.store)
	if err != nil {
		return err
	}
	v := d.nodes()
	if slices.EqualFunc(now, d.last, sameVersion) && v == d.told {
		return nil
	}
	packed, err := d.pack(ctx, now)
	if err != nil {
		return err
	}
	d.ingest.SetTables(packed, v.known())
	if len(now) > 0 && (len(d.last) == 0 || !sameVersion(now[0], d.last[0])) {
		d.log.Info("a table of customers is offered to nodes", "version", now[0].Version, "by", now[0].Who, "stage", now[0].Stage)
	}
	d.last, d.packed, d.told = now, packed, v
	d.show()
	return nil
}

// offered lists the versions that some node gets: the newest, and those before it
// down to the first that is for all.
func offered(ctx context.Context, s tableReader) (out []query.Table, err error) {
	err = s.Tables(ctx, query.TableFilter{}, func(t *query.Table) error {
		out = append(out, *t)
		if len(t.Stage) == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

func sameVersion(a, b query.Table) bool {
	return a.Version == b.Version && a.MadeUnixMs == b.MadeUnixMs && slices.Equal(a.Stage, b.Stage)
}

// pack reads the documents of versions, but for those that are packed already.
func (d *distributor) pack(ctx context.Context, versions []query.Table) (out []ingest.Table, err error) {
	for _, v := range versions {
		t := ingest.Table{Version: v.Version, Nodes: v.Stage}
		if at := slices.IndexFunc(d.last, func(x query.Table) bool { return x.Version == v.Version && x.MadeUnixMs == v.MadeUnixMs }); at >= 0 {
			t.Packed = d.packed[at].Packed
		} else {
			whole, err := newestVersion(ctx, d.store, query.TableFilter{Version: v.Version, Signed: true})
			if err != nil || whole == nil {
				return nil, errors.Join(err, ctx.Err()) // gone meanwhile: the next look has others
			}
			if t.Packed, err = ingest.PackTable(whole.Signed); err != nil {
				return nil, err
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// show keeps what status says of the table.
func (d *distributor) show() {
	if len(d.last) == 0 {
		d.shown.Store(nil)
		return
	}
	all := []admin.TableVersion{}
	for _, v := range d.last {
		all = append(all, admin.TableVersion{Version: v.Version, MadeUnixMs: v.MadeUnixMs, Who: v.Who, Key: v.KeyID, Stage: v.Stage})
	}
	d.shown.Store(&admin.Table{Offered: all})
}

// known lists the nodes of a view.
func (v *view) known() (ids []string) {
	if v == nil {
		return nil
	}
	for id := range v.allowed {
		ids = append(ids, id)
	}
	for i := range v.nodes {
		ids = append(ids, v.nodes[i].ID)
	}
	return ids
}
