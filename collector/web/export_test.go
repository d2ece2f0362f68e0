package web

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

const exportPath = "/export/calls.csv"

func readCSV(t *testing.T, r io.Reader) [][]string {
	t.Helper()
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	rows, err := c.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func shrink(t *testing.T, page, most int) {
	p, m := exportPage, maxExport
	exportPage, maxExport = page, most
	t.Cleanup(func() { exportPage, maxExport = p, m })
}

// TestExport: a file has all calls of the filter once, whatever the pages are, and a
// customer's only its own, without the columns of carriers and nodes.
func TestExport(t *testing.T) {
	shrink(t, 3, 1000)
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	for _, x := range []struct {
		p    *person
		path string
		rows int
		own  bool
	}{{boss, exportPath, 20, false}, {boss, exportPath + "?customer=acme", 10, false}, {acme, exportPath, 10, true},
		{d.program(accounts.Customer, "acme"), exportPath, 10, true}, {boss, exportPath + "?answered=false", 0, false},
		{d.person(accounts.Viewer, ""), exportPath + "?number=4930222*", 10, false}} {
		w := x.p.ask(get, x.path, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Fatalf("%s: %d %v %s", x.path, w.Code, w.Header(), w.Body)
		}
		body := w.Body.String()
		rows := readCSV(t, strings.NewReader(body))
		ids := map[string]bool{}
		for _, r := range rows[1:] {
			ids[r[len(r)-1]] = true
		}
		if len(rows)-1 != x.rows || len(ids) != x.rows {
			t.Errorf("%s: %d rows, %d calls, want %d", x.path, len(rows)-1, len(ids), x.rows)
		}
		if x.own == slices.Contains(rows[0], "carrier") || x.own == slices.Contains(rows[0], "node") {
			t.Errorf("columns: %v", rows[0])
		}
		for _, s := range secrets {
			if x.own && strings.Contains(body, s) {
				t.Errorf("%s shows %q to acme", x.path, s)
			}
		}
	}
	for path, want := range map[string]int{"?customer=globex": 403, "?carrier=carrier-x": 403, "?node=sw-one": 403, "?limit=5": 400, "?from=x": 400} {
		if w := acme.ask(get, exportPath+path, nil); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	if w := d.nobody().ask(get, exportPath, nil); w.Code != 401 {
		t.Errorf("nobody: %d", w.Code)
	}
}

// TestExportEnds: a file that is cut says so in its last line; one that ends with its last
// page does not.
func TestExportEnds(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	for _, x := range []struct{ page, most, rows int }{{5, 10, 12}, {5, 1000, 21}, {7, 1000, 21}} {
		shrink(t, x.page, x.most)
		rows := readCSV(t, boss.ask(get, exportPath, nil).Body)
		if cut := strings.Contains(rows[len(rows)-1][0], "only the newest"); len(rows) != x.rows || cut != (x.most < 1000) {
			t.Errorf("%+v: %d lines, the last one %q", x, len(rows), rows[len(rows)-1])
		}
	}
}

// leaving lets the browser go, or the store fail, with one of its questions.
type leaving struct {
	Reads
	at     int
	leave  context.CancelFunc
	broken error
	asked  int
}

func (l *leaving) Calls(ctx context.Context, f query.CallFilter, each func(*query.CallRow) error) error {
	if l.asked++; l.asked == l.at {
		if l.broken != nil {
			return l.broken
		}
		l.leave()
	}
	return l.Reads.Calls(ctx, f, each)
}

// TestExportIsLeft: nothing is read any more when the browser is gone, and a file that
// breaks off does not end as if it were whole.
func TestExportIsLeft(t *testing.T) {
	shrink(t, 2, 1000)
	for name, broken := range map[string]error{"the browser goes": nil, "the store fails": io.ErrUnexpectedEOF} {
		ctx, cancel := context.WithCancel(t.Context())
		reads := &leaving{at: 3, leave: cancel, broken: broken}
		d := newDesk(t, func(c *Config) { reads.Reads = c.Reads; c.Reads = reads })
		boss := d.operator()
		r := httptest.NewRequestWithContext(ctx, get, "http://127.0.0.1:8080"+apiPrefix+exportPath, nil)
		r.AddCookie(&http.Cookie{Name: d.cookie, Value: boss.cookie})
		aborted := func() (v any) {
			defer func() { v = recover() }()
			d.ServeHTTP(httptest.NewRecorder(), r)
			return nil
		}()
		if err, _ := aborted.(error); reads.asked != 3 || err != http.ErrAbortHandler || d.Stats().Panics != 0 {
			t.Errorf("%s: %d pages were read, aborted with %v, %+v", name, reads.asked, aborted, d.Stats())
		}
		if d.exports.taken() != 0 {
			t.Errorf("%s: its place is not free", name)
		}
		cancel()
	}
}

func TestExportsAtOnce(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	for i := range maxExports {
		d.exports.take(strconv.Itoa(i))
	}
	if w := boss.ask(get, exportPath, nil); w.Code != 503 || w.Header().Get("Retry-After") != "10" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	d.exports.give("0")
	r := httptest.NewRequestWithContext(t.Context(), get, "http://127.0.0.1:8080"+apiPrefix+exportPath, nil)
	r.AddCookie(&http.Cookie{Name: d.cookie, Value: boss.cookie})
	r.Header.Set("Accept-Encoding", "gzip")
	z, err := gzip.NewReader(serve(d, r).Body)
	if err != nil {
		t.Fatal(err)
	}
	if rows := readCSV(t, z); len(rows) != 21 {
		t.Errorf("%d lines", len(rows))
	}
}
