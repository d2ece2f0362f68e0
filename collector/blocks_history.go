package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

// tableRow is a version as JSON.
type tableRow struct {
	Version         uint64   `json:"version"`
	MadeUnixMs      int64    `json:"made_unix_ms"`
	Who             string   `json:"who"`
	Comment         string   `json:"comment,omitempty"`
	Key             string   `json:"key"`
	Bytes           int64    `json:"bytes"`
	Stage           []string `json:"stage"` // nodes that alone get it; none: all
	PublishedUnixMs int64    `json:"published_unix_ms"`
}

func versionRow(v *table.Version) tableRow {
	return tableRow{v.Version, v.MadeUnixMs, v.Who, v.Comment, v.KeyID, v.Size, append([]string{}, v.Stage...), v.PublishedUnixMs}
}

func (r *tableRow) whom() string {
	if len(r.Stage) > 0 {
		return "staged to " + strings.Join(r.Stage, ", ")
	}
	return "for all nodes"
}

type blocksHistoryCmd struct {
	place
	Most int  `short:"n" default:"20" help:"The newest so many; 0 for all."`
	JSON bool `name:"json" help:"Print JSON for programs, one object a line."`
}

// Run lists versions, the newest first.
func (c *blocksHistoryCmd) Run() error { return c.withReader(c.print) }

func (c *blocksHistoryCmd) print(ctx context.Context, _ *configs.Collector, s store.Reader) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(w, "version\tmade\tby\tfor\tbytes\tcomment")
	}
	many := 0
	err := s.Tables(ctx, query.TableFilter{Most: c.Most}, func(t *query.Table) error {
		v := table.Version(*t)
		row := versionRow(&v)
		many++
		if c.JSON {
			return printLine(row)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\n", row.Version, clockTime(row.MadeUnixMs), orDash(row.Who), strings.TrimPrefix(row.whom(), "for "), row.Bytes, row.Comment)
		return nil
	})
	if err != nil || c.JSON {
		return err
	}
	if many == 0 {
		return explainTable(table.ErrNone)
	}
	return w.Flush()
}
