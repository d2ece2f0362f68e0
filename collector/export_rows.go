package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/counters"
)

// column is one column of an export. The value is a string, bool, int64, uint64,
// time.Time, *int64, *float64, or counters.Ratio, which is three columns in CSV.
// A time of zero and a nil are blank.
type column[T any] struct {
	name string
	get  func(*T) any
}

// timeLayout is RFC 3339 with milliseconds, always in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// when is a time of Unix milliseconds; 0 is none.
func when(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// rowWriter writes rows as CSV or as JSON lines.
type rowWriter[T any] struct {
	columns []column[T]
	guard   bool // keep texts from being formulas
	buf     *bufio.Writer
	csv     *csv.Writer // nil for JSON
	cells   []string    // reused
	line    []byte      // reused
}

func newRowWriter[T any](w io.Writer, format string, guard bool, columns []column[T]) *rowWriter[T] {
	out := &rowWriter[T]{columns: columns, guard: guard, buf: bufio.NewWriterSize(w, 1<<16)}
	if format == "csv" {
		out.csv = csv.NewWriter(out.buf)
		out.csv.UseCRLF = true // RFC 4180
	}
	return out
}

// head writes the line of names that CSV begins with.
func (w *rowWriter[T]) head() error {
	if w.csv == nil {
		return nil
	}
	for _, c := range w.columns {
		w.cells = append(w.cells, c.name)
		if isRatio(c.name) {
			w.cells = append(w.cells, c.name+"_num", c.name+"_den")
		}
	}
	return w.csv.Write(w.cells)
}

func (w *rowWriter[T]) row(r *T) error {
	if w.csv == nil {
		return w.object(r)
	}
	w.cells = w.cells[:0]
	for _, c := range w.columns {
		w.cells = w.cell(w.cells, c.get(r))
	}
	return w.csv.Write(w.cells)
}

func (w *rowWriter[T]) flush() error {
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.buf.Flush()
}

// cell appends a value as CSV has it; what is not there is blank.
func (w *rowWriter[T]) cell(to []string, v any) []string {
	switch v := v.(type) {
	case string:
		if w.guard {
			v = query.CellText(v)
		}
		return append(to, v)
	case bool:
		return append(to, strconv.FormatBool(v))
	case int64:
		return append(to, strconv.FormatInt(v, 10))
	case uint64:
		return append(to, strconv.FormatUint(v, 10))
	case time.Time:
		if v.IsZero() {
			return append(to, "")
		}
		return append(to, v.Format(timeLayout))
	case *int64:
		if v == nil {
			return append(to, "")
		}
		return append(to, strconv.FormatInt(*v, 10))
	case *float64:
		if v == nil {
			return append(to, "")
		}
		return append(to, strconv.FormatFloat(*v, 'f', -1, 64))
	case counters.Ratio:
		value := ""
		if x, ok := v.Value(); ok {
			value = strconv.FormatFloat(x, 'f', 4, 64)
		}
		return append(to, value, strconv.FormatUint(v.Num, 10), strconv.FormatUint(v.Den, 10))
	}
	panic(fmt.Sprintf("no rule for a cell of %T", v))
}

// object writes one JSON object, its keys in the order of the columns.
func (w *rowWriter[T]) object(r *T) error {
	w.line = append(w.line[:0], '{')
	for i, c := range w.columns {
		if i > 0 {
			w.line = append(w.line, ',')
		}
		w.line = append(strconv.AppendQuote(w.line, c.name), ':')
		v := c.get(r)
		if t, ok := v.(time.Time); ok {
			v = nil
			if !t.IsZero() {
				v = t.Format(timeLayout)
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		w.line = append(w.line, b...)
	}
	_, err := w.buf.Write(append(w.line, '}', '\n'))
	return err
}
