package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
	"github.com/sipward/sipward/sync/record"
)

// review is what a change does, for people and as JSON.
type review struct {
	Summary string     `json:"summary"`
	DryRun  bool       `json:"dry_run,omitempty"`
	Version *tableRow  `json:"version,omitempty"` // that was made
	Parties []partyRow `json:"changes"`
	Grid    bool       `json:"grid_changed"`
	Strays  []strayRow `json:"strays"`            // phones that would be refused at their next REGISTER
	Unasked []string   `json:"unasked"`           // nodes that did not say who is registered, and why
	Left    int        `json:"bindings_left_out"` // of which nothing is known: there are too many
	lost    bool       // somebody loses numbers
	asked   bool       // the nodes that are not in Unasked
}

type partyRow struct {
	Kind   string        `json:"kind"`
	ID     string        `json:"id"`
	Change string        `json:"change"`
	Gained []admin.Range `json:"gained"`
	Lost   []admin.Range `json:"lost"`
	Other  []string      `json:"other"` // keys that differ
}

type strayRow struct {
	Node string `json:"node"`
	record.Binding
}

// review says what a draft does, and asks the nodes which phones it strands.
func (c *editFlags) review(ctx context.Context, b *blocks, d *table.Draft, said string) (*review, error) {
	diff := d.Difference()
	r := &review{Summary: said, DryRun: c.DryRun, Grid: diff.Grid, Parties: []partyRow{}, Strays: []strayRow{}, Unasked: []string{}, lost: len(diff.Lost()) > 0}
	for i := range diff.Parties {
		p := &diff.Parties[i]
		r.Parties = append(r.Parties, partyRow{p.Kind, p.ID, p.Change.String(), rangeRows(p.Gained), rangeRows(p.Lost), append([]string{}, p.Other...)})
	}
	touched, all := diff.Touched(d.Old)
	ranges := rangeRows(touched)
	if all {
		ranges = []admin.Range{{}}
	}
	if len(ranges) == 0 || d.Before == nil {
		return r, nil
	}
	return r, r.ask(ctx, b.cfg, d.Table, ranges)
}

func rangeRows(list []configs.Block) []admin.Range {
	out := []admin.Range{}
	for _, b := range list {
		out = append(out, admin.Range(b))
	}
	return out
}

// ask finds the strays. A collector that does not run cannot ask; somebody may want
// to go on all the same.
func (r *review) ask(ctx context.Context, cfg *configs.Collector, t *configs.Table, ranges []admin.Range) error {
	owners, err := table.NewOwners(t)
	if err != nil {
		return fmt.Errorf("checking the new table: %w", err)
	}
	where, err := admin.Program.Served(cfg.Admin.Places())
	if err == nil {
		var found *admin.Bindings
		if found, err = admin.FetchBindings(ctx, where, ranges, record.MaxBindings); err == nil {
			r.take(found, owners)
			return nil
		}
	}
	r.Unasked = append(r.Unasked, "all nodes: "+notAsked(cfg, err))
	return ctx.Err()
}

// notAsked says shortly why a collector cannot be asked.
func notAsked(cfg *configs.Collector, err error) string {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return "no collector runs at " + cfg.Admin.Socket
	}
	return err.Error()
}

// take keeps the bindings that the new table would refuse.
func (r *review) take(found *admin.Bindings, owners *table.Owners) {
	r.asked = true
	for i := range found.Nodes {
		n := &found.Nodes[i]
		switch {
		case n.State == admin.Silent:
			r.Unasked = append(r.Unasked, n.Node+": no answer within "+answerWithin.String())
		case n.State == admin.Absent:
			r.Unasked = append(r.Unasked, n.Node+": not connected")
		case n.Error != "":
			r.Unasked = append(r.Unasked, n.Node+": "+n.Error)
		}
		r.Left += n.More
		for _, b := range n.Bindings {
			if owners.Stray(b.Number, b.Customer) {
				r.Strays = append(r.Strays, strayRow{n.Node, b})
			}
		}
	}
}

// made adds the version that came of it.
func (r *review) made(v *table.Version) {
	row := versionRow(v)
	r.Version = &row
}

// agree asks whether to go on when numbers are taken away, or phones are stranded.
func (c *editFlags) agree(r *review) error {
	if c.Yes || !r.lost && len(r.Strays) == 0 {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) { // a file descriptor fits
		if err := r.write(os.Stderr); err != nil {
			return err
		}
		return errors.New("nothing was changed: this takes numbers away, or strands phones; --yes does it")
	}
	if err := r.write(os.Stderr); err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, "Do it? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// print writes the review to standard output.
func (r *review) print(asJSON bool) error {
	if asJSON {
		return printJSON(r)
	}
	if r.Version == nil { // a dry run
		return r.write(os.Stdout)
	}
	for _, n := range r.Unasked {
		warn("not asked who is registered: %s", n)
	}
	fmt.Fprintf(os.Stdout, "%s: version %d, %s\n", r.Summary, r.Version.Version, r.Version.whom())
	if n := len(r.Strays); n > 0 {
		fmt.Fprintf(os.Stdout, "%d phones are refused when they register again\n", n)
	}
	return nil
}

// fewStrays is how many people are shown.
const fewStrays = 50

// write says what would change.
func (r *review) write(w io.Writer) error {
	fmt.Fprintf(w, "%s\n", r.Summary)
	if r.Grid {
		fmt.Fprintln(w, "  the grid changes")
	}
	for _, p := range r.Parties {
		fmt.Fprintf(w, "  %s %s: %s\n", p.Kind, p.ID, p.words())
	}
	for _, n := range r.Unasked {
		fmt.Fprintf(w, "  not asked who is registered: %s\n", n)
	}
	if r.Left > 0 {
		fmt.Fprintf(w, "  %d more phones are registered that were not looked at\n", r.Left)
	}
	switch {
	case len(r.Strays) > 0:
	case r.asked:
		fmt.Fprintln(w, "  no phone is registered that would be refused")
		return nil
	default:
		return nil
	}
	fmt.Fprintf(w, "  %d phones would be refused when they register again:\n", len(r.Strays))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  number\tcustomer\tnode\tsource\tcontact\tuntil")
	for _, s := range r.Strays[:min(len(r.Strays), fewStrays)] {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", plain(s.Number), plain(s.Customer), s.Node, orDash(plain(s.Source)), plain(s.Contact), clockTime(s.ExpiresUnixMs))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if more := len(r.Strays) - fewStrays; more > 0 {
		fmt.Fprintf(w, "  and %d more; --json has them all\n", more)
	}
	return nil
}

func (p *partyRow) words() string {
	var parts []string
	if p.Change != table.Changed.String() {
		parts = append(parts, p.Change)
	}
	for _, x := range []struct {
		verb string
		list []admin.Range
	}{{"gets", p.Gained}, {"loses", p.Lost}} {
		if len(x.list) > 0 {
			var words []string
			for _, r := range x.list {
				words = append(words, table.Word(configs.Block(r)))
			}
			parts = append(parts, x.verb+" "+strings.Join(words, " "))
		}
	}
	if len(p.Other) > 0 {
		parts = append(parts, "other "+strings.Join(p.Other, ", "))
	}
	return strings.Join(parts, "; ")
}

// plain is s without control characters: nodes and phones write it, and a terminal
// shows it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// clockTime prints a time in UTC.
func clockTime(unixMs int64) string { return time.UnixMilli(unixMs).UTC().Format(time.RFC3339) }

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// newestAtNodes is the highest version that a node says it has: a database that was
// restored from a copy may not know it, and nodes take only higher ones. 0 when
// nobody can be asked.
func newestAtNodes(ctx context.Context, cfg *configs.Collector) (newest uint64) {
	where, err := admin.Program.Served(cfg.Admin.Places())
	if err != nil {
		return 0
	}
	s, _, err := adminhttp.Fetch[admin.Status](ctx, admin.Program, where)
	if err != nil {
		return 0
	}
	for i := range s.Nodes {
		if t := s.Nodes[i].Table; t != nil {
			newest = max(newest, t.Version)
		}
	}
	return newest
}

func printLine(v any) error {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
