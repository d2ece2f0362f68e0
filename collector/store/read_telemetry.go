package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Minutes implements Store.
func (r *reads) Minutes(ctx context.Context, f query.MinuteFilter, each func(*query.MinuteRow) error) error {
	to := until(f.ToUnixS)
	sources, err := r.sources(ctx, telemetryKind, f.FromUnixS*1000, min(to, forever/1000)*1000)
	if err != nil {
		return err
	}
	for _, src := range sources {
		q := new(statement)
		q.text.WriteString("SELECT node, epoch, seq, record FROM minutes")
		q.where("minute_s >= ?", f.FromUnixS)
		q.where("minute_s < ?", to)
		q.equal("node", f.Node)
		q.equal("kind", f.Kind)
		q.equal("party", f.Party)
		q.text.WriteString(" ORDER BY minute_s, kind, party, node, epoch, seq")
		var row query.MinuteRow
		err := r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
			x, err := scanRecord(rows, src.name, &row.Key)
			if err != nil {
				return err
			}
			row.Minute = x.GetMinute()
			return each(&row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Registrations implements Store.
func (r *reads) Registrations(ctx context.Context, f query.RegistrationFilter, each func(*query.RegistrationRow) error) error {
	left := f.Limit
	sources, err := r.listed(ctx, telemetryKind, f.FromUnixMs, f.ToUnixMs, f.Newest)
	if err != nil {
		return err
	}
	for _, src := range sources {
		if f.Limit > 0 && left == 0 {
			return nil
		}
		q := new(statement)
		q.text.WriteString("SELECT at_ms, node, epoch, seq, record FROM registrations")
		whereRegistrations(&f, q)
		q.text.WriteString(orderBy(registrationKey, f.Newest))
		q.limit(left)
		var row query.RegistrationRow
		err := r.dialect.scanAll(ctx, src, q.text.String(), q.args, func(rows *sql.Rows) error {
			left--
			x, err := scanRecord(rows, src.name, &row.Key, &row.AtUnixMs)
			if err != nil {
				return err
			}
			row.Registration = x.GetRegistration()
			return each(&row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func whereRegistrations(f *query.RegistrationFilter, q *statement) {
	q.span("at_ms", f.FromUnixMs, f.ToUnixMs, f.After, f.Newest)
	q.equal("node", f.Node)
	q.equal("customer", f.Customer)
	q.equal("verdict", f.Verdict)
	q.equal("reason", f.Reason)
	if f.Prefix != "" {
		q.prefix(f.Prefix, "number")
	}
	if f.Source != "" { // the byte after a colon is a semicolon
		q.where("(src = ? OR src >= ? AND src < ?)", f.Source, f.Source+":", f.Source+";")
	}
	q.after(registrationKey, f.After, f.Newest)
}

// scanRecord reads columns before node, and node, epoch, seq and record.
func scanRecord(rows *sql.Rows, name string, k *query.Key, before ...any) (*record.Record, error) {
	var epoch, seq int64
	var raw sql.RawBytes
	if err := rows.Scan(append(before, &k.Node, &epoch, &seq, &raw)...); err != nil {
		return nil, fmt.Errorf("reading a record of %s: %w", name, err)
	}
	k.Epoch, k.Seq = unsigned(epoch), unsigned(seq)
	x, err := record.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("reading a record of %s: %w", name, err)
	}
	return x, nil
}
