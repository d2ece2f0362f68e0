package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
)

type exportCmd struct {
	Calls     exportCallsCmd     `cmd:"" help:"Write calls, in the order of the time under which they are counted."`
	Attempts  exportAttemptsCmd  `cmd:"" help:"Write the attempts to reach carriers, in the same order."`
	Summaries exportSummariesCmd `cmd:"" help:"Write sums and ratios of customers, carriers and in total, by hour, day or month."`
}

// exportFlags are what all exports have in common.
type exportFlags struct {
	place
	From   moment `placeholder:"TIME" help:"From this time on: 2026-01-31, 2026-01, or 2026-01-31T08:00:00Z. Times without a zone are UTC."`
	To     moment `placeholder:"TIME" help:"Before this time."`
	Node   string `placeholder:"ID" help:"Of this node."`
	Format string `enum:"csv,jsonl" default:"csv" help:"csv, or jsonl for one JSON object a line."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this new file instead of standard output."`
	Raw    bool   `help:"CSV for programs: texts as they are. Otherwise a text that a spreadsheet would take for a formula gets a ' in front."`
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText reads a day, a month, or a time of RFC 3339.
func (m *moment) UnmarshalText(b []byte) error {
	for _, layout := range []string{time.DateOnly, "2006-01", time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is no time; write 2026-01-31, 2026-01, or 2026-01-31T08:00:00Z", b)
}

// unixMs is 0 for none.
func (m moment) unixMs() int64 {
	if m.IsZero() {
		return 0
	}
	return m.UnixMilli()
}

func (m moment) unixS() int64 { return m.unixMs() / 1000 }

// filterFlags select calls and attempts.
type filterFlags struct {
	Customer string `placeholder:"ID" help:"Of this customer."`
	Carrier  string `placeholder:"ID" help:"Of this carrier."`
	Number   string `placeholder:"NUMBER" help:"From or to this number."`
	Answered string `enum:"yes,no,any" default:"any" help:"Only answered ones (yes), or only others (no)."`
}

func (f *filterFlags) filter(x *exportFlags) query.CallFilter {
	out := query.CallFilter{FromUnixMs: x.From.unixMs(), ToUnixMs: x.To.unixMs(), Node: x.Node, Customer: f.Customer, Carrier: f.Carrier, Number: f.Number}
	if f.Answered != "any" {
		yes := f.Answered == "yes"
		out.Answered = &yes
	}
	return out
}

type exportCallsCmd struct {
	exportFlags
	filterFlags
}

// Run writes calls.
func (c *exportCallsCmd) Run() error {
	return export(&c.exportFlags, callColumns, func(ctx context.Context, s store.Reader, row func(int64, *callRow) error) error {
		return s.Calls(ctx, c.filter(&c.exportFlags), func(r *query.CallRow) error {
			call, err := r.Call()
			if err != nil {
				return err
			}
			return row(r.CountedUnixMs, &callRow{r, call})
		})
	})
}

type exportAttemptsCmd struct {
	exportFlags
	filterFlags
}

// Run writes attempts.
func (c *exportAttemptsCmd) Run() error {
	return export(&c.exportFlags, attemptColumns, func(ctx context.Context, s store.Reader, row func(int64, *query.AttemptRow) error) error {
		return s.Attempts(ctx, c.filter(&c.exportFlags), func(r *query.AttemptRow) error { return row(r.CountedUnixMs, r) })
	})
}

type exportSummariesCmd struct {
	exportFlags
	By       string `enum:"hour,day,month" default:"day" help:"Length of one summary: hour, day or month (UTC)."`
	Customer string `placeholder:"ID" help:"Of this customer."`
	Carrier  string `placeholder:"ID" help:"Of this carrier."`
	AllNodes bool   `help:"Add the nodes up."`
}

// Run writes summaries.
func (c *exportSummariesCmd) Run() error {
	f := query.SummaryFilter{FromUnixS: c.From.unixS(), ToUnixS: c.To.unixS(), Node: c.Node, AllNodes: c.AllNodes,
		Step: map[string]query.Step{"hour": query.ByHour, "day": query.ByDay, "month": query.ByMonth}[c.By]}
	switch {
	case c.Customer != "" && c.Carrier != "":
		return errors.New("--customer and --carrier: a summary is of one party: give one")
	case c.Customer != "":
		f.Kind, f.Party = "customer", c.Customer
	case c.Carrier != "":
		f.Kind, f.Party = "carrier", c.Carrier
	}
	return export(&c.exportFlags, summaryColumns, func(ctx context.Context, s store.Reader, row func(int64, *query.Summary) error) error {
		return s.Summaries(ctx, f, func(r *query.Summary) error { return row(r.TimeUnixS*1000, r) })
	})
}

// export writes what read hands to row, one row in memory at a time.
func export[T any](x *exportFlags, columns []column[T], read func(ctx context.Context, s store.Reader, row func(atMs int64, r *T) error) error) error {
	if !x.From.IsZero() && !x.To.IsZero() && !x.From.Before(x.To.Time) {
		return errors.New("--from is not before --to: nothing can be in between")
	}
	return x.withReader(func(ctx context.Context, _ *configs.Collector, s store.Reader) error {
		file, err := newOutput(x.Output)
		if err != nil {
			return err
		}
		out := newRowWriter(file, x.Format, !x.Raw, columns)
		bar := newBar(x)
		if err = out.head(); err == nil {
			err = read(ctx, s, func(at int64, r *T) error {
				bar.show(at)
				return out.row(r)
			})
		}
		bar.end()
		if err := errors.Join(err, out.flush()); err != nil {
			if ctx.Err() != nil {
				err = errors.New("stopped")
			}
			return errors.Join(fmt.Errorf("exporting: %w", err), file.discard())
		}
		return file.close()
	})
}

// output is standard output, or a new file that is there whole or not at all.
type output struct {
	*os.File
	path string // "" for standard output
}

func newOutput(path string) (*output, error) {
	if path == "" || path == "-" {
		return &output{File: os.Stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("exporting: %s exists; name another file with --output", path)
	case err != nil:
		return nil, fmt.Errorf("exporting: %w; name another file with --output", err)
	}
	return &output{f, path}, nil
}

// discard removes an unfinished file.
func (o *output) discard() error {
	if o.path == "" {
		return nil
	}
	return errors.Join(o.Close(), os.Remove(o.path))
}

func (o *output) close() error {
	if o.path == "" {
		return nil
	}
	if err := errors.Join(o.Sync(), o.Close()); err != nil {
		return errors.Join(fmt.Errorf("exporting: %w", err), os.Remove(o.path))
	}
	return nil
}

// bar shows progress on a terminal: of the time when both ends are known, of
// rows otherwise.
type bar struct {
	from, to int64 // Unix milliseconds; to 0: not known
	bar      *progressbar.ProgressBar
}

func newBar(x *exportFlags) *bar {
	b := &bar{}
	if !term.IsTerminal(int(os.Stderr.Fd())) || x.Output == "" && term.IsTerminal(int(os.Stdout.Fd())) { // a file descriptor fits
		return b
	}
	size := int64(-1)
	if !x.From.IsZero() {
		b.from, b.to = x.From.UnixMilli(), time.Now().UnixMilli()
		if !x.To.IsZero() {
			b.to = min(b.to, x.To.UnixMilli())
		}
		size = max(1, b.to-b.from)
	}
	b.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("exporting"),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	return b
}

func (b *bar) show(at int64) {
	switch {
	case b.bar == nil:
	case b.to != 0:
		_ = b.bar.Set64(min(max(at-b.from, 0), b.to-b.from)) // a terminal that went away is no reason to stop
	default:
		_ = b.bar.Add(1)
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
