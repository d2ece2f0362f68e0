package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sync/record"
)

// column is one column of an export. The value is a string, bool, int64, uint64,
// float64, time.Time, *int64, or counters.Ratio, which is three columns in CSV.
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
			v = guarded(v)
		}
		return append(to, v)
	case bool:
		return append(to, strconv.FormatBool(v))
	case int64:
		return append(to, strconv.FormatInt(v, 10))
	case uint64:
		return append(to, strconv.FormatUint(v, 10))
	case float64:
		return append(to, strconv.FormatFloat(v, 'f', -1, 64))
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
	case counters.Ratio:
		value := ""
		if x, ok := v.Value(); ok {
			value = strconv.FormatFloat(x, 'f', 4, 64)
		}
		return append(to, value, strconv.FormatUint(v.Num, 10), strconv.FormatUint(v.Den, 10))
	}
	panic(fmt.Sprintf("no rule for a cell of %T", v))
}

// guarded keeps a spreadsheet from taking a text for a formula: callers choose
// what is in From, and = + - @ (after blanks, too) begin one. A quote in front is
// what spreadsheets themselves write for "this is a text".
func guarded(s string) string {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\r', '\n':
			continue
		case '=', '+', '-', '@':
			return "'" + s
		}
		break
	}
	if s != "" && (s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		return "'" + s
	}
	return s
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

// callRow is a row of calls with its whole record.
type callRow struct {
	*store.CallRow
	call *record.Call
}

var callColumns = []column[callRow]{
	{"node", func(r *callRow) any { return r.Node }},
	{"epoch", func(r *callRow) any { return epochWord(r.Epoch) }},
	{"seq", func(r *callRow) any { return r.Seq }},
	{"counted", func(r *callRow) any { return when(r.CountedUnixMs) }},
	{"kind", func(r *callRow) any { return r.Kind }},
	{"customer", func(r *callRow) any { return r.Customer }},
	{"carrier", func(r *callRow) any { return r.Carrier }},
	{"direction", func(r *callRow) any { return r.Direction }},
	{"caller", func(r *callRow) any { return r.Caller }},
	{"caller_host", func(r *callRow) any { return r.call.GetCallerHost() }},
	{"called", func(r *callRow) any { return r.Called }},
	{"called_host", func(r *callRow) any { return r.call.GetCalledHost() }},
	{"to", func(r *callRow) any { return r.call.GetTo() }},
	{"invited", func(r *callRow) any { return when(r.InvitedUnixMs) }},
	{"ringing", func(r *callRow) any { return when(r.call.GetRingingUnixMs()) }},
	{"answered_at", func(r *callRow) any { return when(r.AnsweredUnixMs) }},
	{"ended", func(r *callRow) any { return when(r.EndedUnixMs) }},
	{"answered", func(r *callRow) any { return r.Answered }},
	{"outcome", func(r *callRow) any { return r.call.GetOutcome() }},
	{"effective", func(r *callRow) any { return r.call.GetEffective() }},
	{"seen_midcall", func(r *callRow) any { return r.Midcall }},
	{"duration_ms", func(r *callRow) any { return r.DurationMs }},
	{"ring_ms", func(r *callRow) any { return r.call.GetRingMs() }},
	{"pdd_ms", func(r *callRow) any { return r.PddMs }},
	{"sip_status", func(r *callRow) any { return uint64(r.Status) }},
	{"sip_reason", func(r *callRow) any { return r.call.GetSipReason() }},
	{"q850_cause", func(r *callRow) any { return uint64(r.call.GetQ850Cause()) }},
	{"release", func(r *callRow) any { return r.Release }},
	{"released_by", func(r *callRow) any { return r.call.GetReleasedBy() }},
	{"media_class", func(r *callRow) any { return r.MediaClass }},
	{"media_visible", func(r *callRow) any { return r.call.GetMediaVisible() }},
	{"codec", func(r *callRow) any { return r.call.GetCodec() }},
	{"dtmf_from_caller", func(r *callRow) any { return uint64(r.call.GetFromCaller().GetDtmfCount()) }},
	{"dtmf_from_callee", func(r *callRow) any { return uint64(r.call.GetFromCallee().GetDtmfCount()) }},
	{"rtp_lost_from_caller", func(r *callRow) any { return r.call.GetFromCaller().GetRtpLost() }},
	{"rtp_lost_from_callee", func(r *callRow) any { return r.call.GetFromCallee().GetRtpLost() }},
	{"attempts", func(r *callRow) any { return uint64(len(r.call.GetAttempts())) }},
	{"src", func(r *callRow) any { return r.call.GetSrc() }},
	{"dst", func(r *callRow) any { return r.call.GetDst() }},
	{"transport", func(r *callRow) any { return r.call.GetTransport() }},
	{"user_agent", func(r *callRow) any { return r.call.GetUserAgent() }},
	{"call_id", func(r *callRow) any { return r.CallID }},
	{"from_tag", func(r *callRow) any { return r.call.GetFromTag() }},
}

var attemptColumns = []column[store.AttemptRow]{
	{"node", func(r *store.AttemptRow) any { return r.Node }},
	{"epoch", func(r *store.AttemptRow) any { return epochWord(r.Epoch) }},
	{"seq", func(r *store.AttemptRow) any { return r.Seq }},
	{"n", func(r *store.AttemptRow) any { return int64(r.N) }},
	{"counted", func(r *store.AttemptRow) any { return when(r.CountedUnixMs) }},
	{"customer", func(r *store.AttemptRow) any { return r.Customer }},
	{"carrier", func(r *store.AttemptRow) any { return r.Carrier }},
	{"called", func(r *store.AttemptRow) any { return r.Called }},
	{"invited", func(r *store.AttemptRow) any { return when(r.InvitedUnixMs) }},
	{"answered", func(r *store.AttemptRow) any { return r.Answered }},
	{"outcome", func(r *store.AttemptRow) any { return r.Outcome }},
	{"duration_ms", func(r *store.AttemptRow) any { return r.DurationMs }},
	{"pdd_ms", func(r *store.AttemptRow) any { return r.PddMs }},
	{"sip_status", func(r *store.AttemptRow) any { return uint64(r.Status) }},
	{"release", func(r *store.AttemptRow) any { return r.Release }},
}

// Names of columns that hold a ratio.
var ratios = map[string]bool{"asr": true, "ner": true, "acd_ms": true, "pdd_ms_mean": true, "dtmf_share": true}

func isRatio(name string) bool { return ratios[name] }

func ratio(num, den int64) counters.Ratio {
	return counters.Ratio{Num: uint64(max(0, num)), Den: uint64(max(0, den))} //nolint:gosec // not negative
}

var summaryColumns = []column[store.Summary]{
	{"time", func(r *store.Summary) any { return when(r.TimeUnixS * 1000) }},
	{"node", func(r *store.Summary) any { return r.Node }},
	{"kind", func(r *store.Summary) any { return r.Kind }},
	{"party", func(r *store.Summary) any { return r.Party }},
	{"calls", func(r *store.Summary) any { return r.Calls }},
	{"seen_midcall", func(r *store.Summary) any { return r.Midcall }},
	{"no_outcome", func(r *store.Summary) any { return r.NoOutcome }},
	{"outcomes", func(r *store.Summary) any { return r.Outcomes }},
	{"answered", func(r *store.Summary) any { return r.Connected }},
	{"effective", func(r *store.Summary) any { return r.Effective }},
	{"over", func(r *store.Summary) any { return r.Over }},
	{"answered_ended", func(r *store.Summary) any { return r.Ended }},
	{"answered_ms", func(r *store.Summary) any { return r.AnsweredMs }},
	{"asr", func(r *store.Summary) any { return ratio(r.Connected, r.Outcomes) }},
	{"ner", func(r *store.Summary) any { return ratio(r.Effective, r.Outcomes) }},
	{"acd_ms", func(r *store.Summary) any { return ratio(r.AnsweredMs, r.Ended) }},
	{"pdd_ms_mean", func(r *store.Summary) any { return ratio(r.PddSumMs, r.PddCount) }},
	{"dtmf_share", func(r *store.Summary) any { return ratio(r.DigitCalls, r.MediaVisible) }},
}

// epochWord is an epoch as texts have it everywhere: 16 hexadecimal digits. As a
// number it would lose its last digits in spreadsheets and JavaScript.
func epochWord(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }
