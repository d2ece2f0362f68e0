package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sync/record"
)

type blocksExportCmd struct {
	place
	Version uint64 `arg:"" optional:"" help:"Another version than the newest."`
	Signed  bool   `help:"With its signature, as nodes get it: for a node that is to be given its table by hand."`
	Output  string `short:"o" placeholder:"FILE" help:"Write to this new file instead of standard output."`
}

// Run writes a version of the table.
func (c *blocksExportCmd) Run() error { return c.withReader(c.write) }

func (c *blocksExportCmd) write(ctx context.Context, _ *configs.Collector, s store.Reader) error {
	v, err := newestVersion(ctx, s, query.TableFilter{Version: c.Version, Most: 1, Signed: true})
	switch {
	case err != nil:
		return err
	case v == nil && c.Version != 0:
		return fmt.Errorf("there is no version %d of the table; sipward-collector blocks history lists them", c.Version)
	case v == nil:
		return explainTable(table.ErrNone)
	}
	text := v.Signed
	if !c.Signed {
		t, err := table.Read(v)
		if err != nil {
			return err
		}
		text = t.Text()
	}
	out, err := newOutput(c.Output)
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return errors.Join(fmt.Errorf("exporting: %w", err), out.discard())
	}
	return out.close()
}

type blocksImportCmd struct {
	editFlags
	File  string `arg:"" help:"The table as YAML; - for standard input."`
	Force bool   `help:"Take a file that was made of another version than the newest: what was changed since is lost. And sign it although the table was signed by a key that is not here."`
}

// Help says what a file may hold.
func (*blocksImportCmd) Help() string {
	return `The file has grid, customers and carriers as blocks export writes them, and takes the place of
the whole table. Its version is the one that it was made of: when somebody has changed the
table since, it is refused. A file without a version is taken as it is.

  sipward-collector blocks export > table.yaml
  editor table.yaml
  sipward-collector blocks import table.yaml --dry-run
  sipward-collector blocks import table.yaml -m "acme moves to its own block"

To go back to an older version: blocks export VERSION | blocks import - --force`
}

// Run puts a file in place of the table.
func (c *blocksImportCmd) Run() error {
	text, name, err := readInput(c.File)
	if err != nil {
		return err
	}
	wanted, versioned, err := parseImport(name, text)
	if err != nil {
		return err
	}
	c.otherKey = c.Force
	return c.edit(func(d *table.Draft) (string, error) {
		if newest := d.Old.Version; versioned && !c.Force && newest != 0 && wanted.Version != newest {
			return "", fmt.Errorf("%s was made of version %d, and the table is at version %d: export it again, or take the file as it is with --force", name, wanted.Version, newest)
		}
		d.Table = wanted
		return fmt.Sprintf("%d customers, %d carriers", len(wanted.Customers), len(wanted.Carriers)), nil
	})
}

func readInput(file string) (text []byte, name string, err error) {
	in := os.Stdin
	if name = file; file != "-" {
		if in, err = os.Open(file); err != nil {
			return nil, name, fmt.Errorf("importing: %w", err)
		}
		defer in.Close()
	} else {
		name = "standard input"
	}
	if text, err = io.ReadAll(io.LimitReader(in, record.MaxTable+1)); err == nil && len(text) > record.MaxTable {
		err = fmt.Errorf("%s has more than %d MiB", name, record.MaxTable>>20)
	}
	if err != nil {
		return nil, name, fmt.Errorf("importing: %w", err)
	}
	return text, name, nil
}

var (
	hasVersion = regexp.MustCompile(`(?m)^["']?version["']?\s*:`)
	hasIssued  = regexp.MustCompile(`(?m)^["']?issued["']?\s*:`)
)

// parseImport reads a table. Somebody who writes one by hand need not say what the
// next version says anew; it is added at the end, where no line's number changes.
func parseImport(name string, text []byte) (t *configs.Table, versioned bool, err error) {
	if versioned = hasVersion.Match(text); !versioned {
		text = append(text, "\nversion: 1\n"...)
	}
	if !hasIssued.Match(text) {
		text = fmt.Appendf(text, "\nissued: %q\n", time.Now().UTC().Format(time.RFC3339))
	}
	t, err = configs.ParseTable(name, text)
	return t, versioned, err
}
