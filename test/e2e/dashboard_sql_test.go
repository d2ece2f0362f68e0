package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/sipward/sipward/test/peers"
)

// What follows says in SQL, over the tables of calls and attempts alone, what the
// figures of the dashboard mean. Nothing of it is taken from the collector.

// An outcome is how the setup ended for good: a 2xx, a final failure, no response at
// all, or the caller giving up. Who was joined while it went on has none.
//
// The network did its part in what was answered, in what the called side refused or
// was absent from (480, 486, 600, 603), and in what rang until somebody gave up: a 408 or
// 487 after a 180 or 183, so with a post-dial delay. A call that its caller gave up is a
// 487 whether or not that came.
const verdicts = `
 CASE WHEN %[1]s.answered = 1 OR %[1]s.release IN ('failed', 'cancelled', 'no_response') THEN 1 ELSE 0 END AS outcome,
 CASE WHEN %[1]s.answered = 1 OR %[1]s.status IN (480, 486, 600, 603)
  OR %[1]s.pdd_ms IS NOT NULL AND (%[1]s.status IN (408, 487) OR %[1]s.release = 'cancelled') THEN 1 ELSE 0 END AS effective,
 %[1]s.counted_ms, %[1]s.answered, %[1]s.duration_ms, %[1]s.pdd_ms`

// media of a call was seen and could be read.
const mediaSeen = `CASE WHEN c.media_class IN ('two_way', 'one_way') THEN 1 ELSE 0 END AS visible, c.midcall, c.digits`

var (
	// A call is a customer's leg.
	calls = `SELECT c.customer AS party, ` + fmt.Sprintf(verdicts, "c") + `, ` + mediaSeen + ` FROM calls c WHERE c.kind = 'call'`
	// An attempt is one try to reach a carrier; its media is that of its call.
	attempts = `SELECT a.carrier AS party, ` + fmt.Sprintf(verdicts, "a") + `, ` + mediaSeen + `
 FROM attempts a JOIN calls c ON c.node = a.node AND c.epoch = a.epoch AND c.seq = a.seq`
)

// figures are those of a summary.
type figures struct {
	Attempts, Connected, Outcomes, Effective, Ended, DurationMs, DigitCalls, MediaSeen, PDDSumMs, PDDs int64
}

const figuresSQL = `SELECT count(*),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND outcome = 1 AND answered = 1 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND outcome = 1 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND outcome = 1 AND effective = 1 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND answered = 1 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND answered = 1 THEN duration_ms END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND answered = 1 AND visible = 1 AND digits > 0 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 AND answered = 1 AND visible = 1 THEN 1 END), 0) AS bigint),
 CAST(coalesce(sum(CASE WHEN midcall = 0 THEN pdd_ms END), 0) AS bigint),
 count(CASE WHEN midcall = 0 THEN pdd_ms END)
 FROM (%s) AS x WHERE counted_ms >= %d AND counted_ms < %d`

// ledger is a collector's database, as anybody can read it.
type ledger struct {
	sqlite string // folder; or
	url    string // of PostgreSQL
}

func (l *ledger) query(ctx context.Context, text string, each func(*sql.Rows) error) error {
	if l.url == "" {
		return peers.QuerySQLite(ctx, filepath.Join(l.sqlite, "calls-*.db"), text, each)
	}
	db, err := sql.Open("pgx", l.url)
	if err != nil {
		return err
	}
	defer db.Close()
	return peers.QueryDatabase(ctx, db, text, each)
}

// figures of a party, of calls or attempts that are counted in [from, to), Unix milliseconds.
func (l *ledger) figures(ctx context.Context, kind, party string, from, to int64) (f figures, err error) {
	text := fmt.Sprintf(figuresSQL, calls, from, to)
	if kind == "carrier" {
		text = fmt.Sprintf(figuresSQL, attempts, from, to)
	}
	if kind != "total" {
		text += " AND party = '" + party + "'"
	}
	err = l.query(ctx, text, func(rows *sql.Rows) error {
		var x figures
		if err := rows.Scan(&x.Attempts, &x.Connected, &x.Outcomes, &x.Effective, &x.Ended, &x.DurationMs, &x.DigitCalls, &x.MediaSeen, &x.PDDSumMs, &x.PDDs); err != nil {
			return err
		}
		f.add(x) // of another month
		return nil
	})
	return f, err
}

func (f *figures) add(x figures) {
	f.Attempts, f.Connected, f.Outcomes, f.Effective = f.Attempts+x.Attempts, f.Connected+x.Connected, f.Outcomes+x.Outcomes, f.Effective+x.Effective
	f.Ended, f.DurationMs, f.DigitCalls, f.MediaSeen = f.Ended+x.Ended, f.DurationMs+x.DurationMs, f.DigitCalls+x.DigitCalls, f.MediaSeen+x.MediaSeen
	f.PDDSumMs, f.PDDs = f.PDDSumMs+x.PDDSumMs, f.PDDs+x.PDDs
}

// peak is the most calls that were up at the same time.
func (l *ledger) peak(ctx context.Context) (most int64, err error) {
	type span struct{ invited, ended int64 }
	var all []span // of all months: a call may be in one, and another beside it in the next
	err = l.query(ctx, `SELECT invited_ms, ended_ms FROM calls WHERE kind = 'call'`, func(rows *sql.Rows) error {
		var s span
		err := rows.Scan(&s.invited, &s.ended)
		all = append(all, s)
		return err
	})
	for _, c := range all {
		var n int64
		for _, o := range all {
			if o.invited <= c.invited && o.ended > c.invited {
				n++
			}
		}
		most = max(most, n)
	}
	return most, err
}

// facts is what a list says of a call or an attempt.
type facts struct {
	CallID     string `json:"call_id"` // of a call
	Customer   string `json:"customer"`
	Carrier    string `json:"carrier"`
	Caller     string `json:"caller"` // of a call
	Called     string `json:"called"`
	Invited    int64  `json:"invited_unix_ms"`
	Counted    int64  `json:"counted_unix_ms"`
	Status     int64  `json:"status"`
	Release    string `json:"release"`
	Answered   bool   `json:"answered"`
	DurationMs int64  `json:"duration_ms"`
	PddMs      *int64 `json:"pdd_ms"`
	Digits     int64  `json:"digits"`      // of a call
	MediaClass string `json:"media_class"` // of a call
}

// line has all of f: many attempts begin and end in the same millisecond.
func (f *facts) line() string {
	pdd := int64(-1)
	if f.PddMs != nil {
		pdd = *f.PddMs
	}
	g := *f
	g.PddMs = nil
	return fmt.Sprint(f.Invited, pdd, g)
}

// rows lists calls or attempts.
func (l *ledger) rows(ctx context.Context, kind, party string, from, to int64) (out []facts, err error) {
	text := `SELECT call_id, customer, carrier, caller, called, invited_ms, counted_ms, status, release, answered, duration_ms, pdd_ms, digits, media_class FROM calls WHERE kind = 'call'`
	if kind == "carrier" {
		text = `SELECT '', customer, carrier, '', called, invited_ms, counted_ms, status, release, answered, duration_ms, pdd_ms, 0, '' FROM attempts WHERE 1 = 1`
	}
	text += fmt.Sprintf(" AND counted_ms >= %d AND counted_ms < %d", from, to)
	if kind != "total" {
		text += " AND " + kind + " = '" + party + "'"
	}
	err = l.query(ctx, text, func(rows *sql.Rows) error {
		var f facts
		var answered int64
		err := rows.Scan(&f.CallID, &f.Customer, &f.Carrier, &f.Caller, &f.Called, &f.Invited, &f.Counted, &f.Status, &f.Release, &answered, &f.DurationMs, &f.PddMs, &f.Digits, &f.MediaClass)
		f.Answered = answered != 0
		out = append(out, f)
		return err
	})
	return out, err
}
