package web

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// Bounds of exports. They are variables for tests only.
var (
	maxExport  = 1_000_000 // rows of one file; its last line says when there are more
	exportPage = 1000      // rows that are read at once: a slow reader holds nothing of the store
)

const (
	maxExports  = 4                // at once
	maxExports1 = 2                // of these, of one account or customer
	exportStall = 30 * time.Second // for a reader to take one page
)

// exportCalls writes all calls of a filter as CSV, page after page.
func (s *Server) exportCalls(q *request) (any, error) {
	f, _, err := callFilter(q)
	if err != nil {
		return nil, err
	}
	who := q.sharer()
	if !s.exports.take(who) {
		s.count.busy.Add(1)
		p := faultOf("busy", http.StatusServiceUnavailable, fmt.Sprintf("%d files at most are made at once, %d of one account: try again soon", maxExports, maxExports1))
		p.RetryAfter = 10
		return nil, p
	}
	defer s.exports.give(who)
	f.Limit = exportPage
	rows, err := s.exportRows(q, f) // before the header, so that a mistake can still be said
	if err != nil {
		return nil, err
	}
	s.writeExport(q, f, rows)
	return nil, nil //nolint:nilnil // it is written
}

// writeExport writes a file that begins with rows.
func (s *Server) writeExport(q *request, f query.CallFilter, rows []query.CallRow) {
	x := newExport(q)
	for n := 0; ; {
		for i := range rows {
			x.call(&rows[i])
		}
		n += len(rows)
		if len(rows) < exportPage || n >= maxExport {
			x.end(n >= maxExport && len(rows) == exportPage)
			return
		}
		err := x.turn()
		if err == nil {
			f.After = new(rows[len(rows)-1].Position())
			rows, err = s.exportRows(q, f)
			if err != nil && q.Context().Err() == nil {
				s.count.failed.Add(1)
				s.seldom.Error(s.cfg.Now(), "an export broke off", "error", err)
			}
		}
		if err != nil {
			panic(http.ErrAbortHandler) // a file that ends early must not look whole
		}
	}
}

// exportRows reads one page.
func (s *Server) exportRows(q *request, f query.CallFilter) (rows []query.CallRow, err error) {
	ctx, cancel := context.WithTimeout(q.Context(), handleTimeout)
	defer cancel()
	err = q.view.calls(ctx, f, func(r *query.CallRow) error {
		row := *r
		row.PddMs = copied(r.PddMs)
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// export is a file that is being written.
type export struct {
	q    *request
	ctl  *http.ResponseController
	zip  *gzip.Writer // nil: the reader takes no gzip
	csv  *csv.Writer
	line []string
}

// newExport writes the header. What a customer does not get to see has no columns.
func newExport(q *request) *export {
	h := q.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="calls.csv"`)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	x := &export{q: q, ctl: http.NewResponseController(q.w)}
	var to io.Writer = q.w
	if accepts(q.Request, "gzip") {
		h.Set("Content-Encoding", "gzip")
		x.zip = gzip.NewWriter(q.w)
		to = x.zip
	}
	x.csv = csv.NewWriter(to)
	q.w.WriteHeader(http.StatusOK)
	head := []string{"invited", "counted", "kind", "direction", "customer"}
	if !q.view.own {
		head = append(head, "carrier", "node")
	}
	head = append(head, "caller", "called", "status", "release", "answered", "duration_ms", "pdd_ms", "digits", "media_class", "call_id")
	_ = x.csv.Write(head) // its error stays, and turn returns it
	return x
}

func (x *export) call(r *query.CallRow) {
	l := append(x.line[:0], stamp(r.InvitedUnixMs), stamp(r.CountedUnixMs), r.Kind, r.Direction, query.CellText(r.Customer))
	if !x.q.view.own {
		l = append(l, query.CellText(r.Carrier), query.CellText(r.Node))
	}
	pdd := ""
	if r.PddMs != nil {
		pdd = strconv.FormatInt(*r.PddMs, 10)
	}
	l = append(l, query.CellText(r.Caller), query.CellText(r.Called), strconv.FormatUint(uint64(r.Status), 10), r.Release, strconv.FormatBool(r.Answered),
		strconv.FormatInt(r.DurationMs, 10), pdd, strconv.FormatInt(r.Digits, 10), r.MediaClass, query.CellText(r.CallID))
	_ = x.csv.Write(l) // its error stays, and turn returns it
	x.line = l
}

// turn hands on what is written, and gives the reader time for it.
func (x *export) turn() error {
	_ = x.ctl.SetWriteDeadline(time.Now().Add(exportStall)) // a writer without deadlines is one of a test
	x.csv.Flush()
	if err := x.csv.Error(); err != nil {
		return err
	}
	if x.zip != nil {
		if err := x.zip.Flush(); err != nil {
			return err
		}
	}
	return x.q.Context().Err()
}

// end says in a last line when there are more rows.
func (x *export) end(more bool) {
	if more {
		_ = x.csv.Write([]string{fmt.Sprintf("only the newest %d calls are here: ask for a shorter time to see others", maxExport)})
	}
	_ = x.turn() // the reader is gone: nobody to tell
	if x.zip != nil {
		_ = x.zip.Close()
	}
}

// stamp writes a time as RFC 3339 in UTC, with milliseconds.
func stamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
