package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sync/record"
)

type blocksCmd struct {
	List    blocksListCmd    `cmd:"" help:"Print the blocks in the order of their numbers, who has them, and which node has which version."`
	Assign  blocksAssignCmd  `cmd:"" help:"Give a customer the lowest free blocks of the grid, or a range."`
	Release blocksReleaseCmd `cmd:"" help:"Take numbers from a customer: a block, several, or a part of one."`
	Grid    blocksGridCmd    `cmd:"" help:"Say where the grid of blocks begins, and how many numbers a block has."`
	Export  blocksExportCmd  `cmd:"" help:"Write the table as YAML, to be edited and imported again."`
	Import  blocksImportCmd  `cmd:"" help:"Put a file in place of the table. It says first what is different."`
	Publish blocksPublishCmd `cmd:"" help:"Give a version that is staged to more nodes, or to all."`
	History blocksHistoryCmd `cmd:"" help:"List the versions of the table: who made them, when and why."`
	Key     blocksKeyCmd     `cmd:"" help:"Print the public key by which nodes know the table."`
}

// Help is what blocks --help says beside the commands.
func (*blocksCmd) Help() string {
	return `The centre's table of customers, their number blocks, and carriers. Every change is a new
version: checked as nodes check it, signed, kept in the database, and sent by the running
collector within seconds to all nodes, or with --stage to some.

  sipward-collector blocks grid 1000 1000          blocks 1000-1999, 2000-2999, ...
  sipward-collector blocks assign acme --new       the lowest that is free
  sipward-collector blocks key > table.pub         what nodes need, as table.public_key_file

Numbers that are taken away may be in use: release and import ask the nodes for phones that
are registered with them, and go on when you say so.`
}

// editFlags are what all changes have in common.
type editFlags struct {
	place
	Stage   []string `placeholder:"NODE" sep:"," help:"Give the new version to these nodes only, until blocks publish."`
	Comment string   `short:"m" placeholder:"TEXT" help:"Why; the history shows it."`
	Yes     bool     `short:"y" help:"Do not ask before numbers are taken from somebody."`
	DryRun  bool     `help:"Say what would change, and change nothing."`
	JSON    bool     `name:"json" help:"Print JSON for programs."`

	otherKey bool
}

func (c *editFlags) save() table.Save {
	return table.Save{Who: commandUser(), Comment: c.Comment, Stage: c.Stage, OtherKey: c.otherKey}
}

// commandUser is the user of the command line, as the history has it.
func commandUser() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return cmp.Or(name, fmt.Sprint(os.Getuid())) + "@" + host
}

// blocks is the table as commands use it.
type blocks struct {
	*table.Editor
	cfg   *configs.Collector
	close func() error
}

// withBlocks opens the history for a change, and closes it after do.
func (p *place) withBlocks(do func(ctx context.Context, b *blocks) error) (err error) {
	ctx, stop := interrupted()
	defer stop()
	b, err := p.openBlocks(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return do(ctx, b)
}

// openBlocks opens the history beside a collector that may be running.
func (p *place) openBlocks(ctx context.Context) (*blocks, error) {
	cfg, err := p.load()
	if err != nil {
		return nil, err
	}
	if err := makeData(cfg); err != nil {
		return nil, err
	}
	s, err := openTables(ctx, cfg)
	if err != nil {
		return nil, explainData(err)
	}
	return &blocks{Editor: newEditor(cfg, s), cfg: cfg, close: s.Close}, nil
}

// tables is a store's history of the table, opened by itself.
type tables interface {
	store.Tables
	Close() error
}

func openTables(ctx context.Context, cfg *configs.Collector) (tables, error) {
	if cfg.Store.URL == configs.SQLite {
		return store.OpenSQLiteTables(ctx, storeDir(cfg), store.Options{})
	}
	url, err := postgresURL(cfg)
	if err != nil {
		return nil, err
	}
	return store.OpenPostgres(ctx, url, store.Options{})
}

// newEditor makes an editor of the table in a store. Its key is made with the first
// version.
func newEditor(cfg *configs.Collector, s store.Tables) *table.Editor {
	keys := newTableKeys(cfg)
	return &table.Editor{
		History: history{s}, Key: func() (key, error) { return keys.load(context.Background(), s) }, Retired: keys.retired, Now: time.Now,
		Fits: func(signed []byte) error { _, err := ingest.PackTable(signed); return err },
	}
}

// history is a store as the table's editor sees it.
type history struct{ store store.Tables }

// errEnough ends a list.
var errEnough = errors.New("enough")

// Newest implements table.History.
func (h history) Newest(ctx context.Context) (*table.Version, error) {
	return newestVersion(ctx, h.store, query.TableFilter{Most: 1, Signed: true})
}

// tableReader is what lists versions: a store, or one that is only read.
type tableReader interface {
	Tables(ctx context.Context, f query.TableFilter, each func(*query.Table) error) error
}

// newestVersion returns the first that f selects; nil when there is none.
func newestVersion(ctx context.Context, s tableReader, f query.TableFilter) (v *table.Version, err error) {
	err = s.Tables(ctx, f, func(t *query.Table) error {
		x := table.Version(*t)
		v = &x
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return v, nil
}

// Put implements table.History.
func (h history) Put(ctx context.Context, before uint64, v *table.Version) error {
	t := query.Table(*v)
	err := h.store.PutTable(ctx, before, &t)
	v.Size, v.MadeUnixMs, v.PublishedUnixMs = t.Size, t.MadeUnixMs, t.PublishedUnixMs
	return err
}

// Stage implements table.History.
func (h history) Stage(ctx context.Context, version uint64, nodes []string) error {
	return h.store.StageTable(ctx, version, nodes)
}

// checkNodes refuses ids that cannot be any node's: a slip would stage a version to
// nobody.
func checkNodes(cfg *configs.Collector, ids []string) error {
	for _, id := range ids {
		if !record.ValidNode(id) {
			return fmt.Errorf("--stage: %q names no node; give ids as in switch-1,switch-2", id)
		}
		if known := newTableKeys(cfg).folder; !cfg.External.On() {
			if _, err := known.Get(id); err != nil {
				return fmt.Errorf("--stage: %w; `sipward-collector node list` has them", err)
			}
		}
	}
	return nil
}

// explainTable says what to do about a table that cannot be changed.
func explainTable(err error) error {
	switch {
	case errors.Is(err, table.ErrStaged):
		return fmt.Errorf("%w (sipward-collector blocks publish, or --stage NODE,...)", err)
	case errors.Is(err, table.ErrOtherKey):
		return fmt.Errorf("%w: put the key that signed it into the data folder as %s; if it is lost, read what `blocks export` prints, and import it with --force once all nodes have the new key", err, tableKeyFile)
	case errors.Is(err, table.ErrNoGrid):
		return fmt.Errorf("%w (sipward-collector blocks grid START SIZE, or --range FIRST-LAST)", err)
	case errors.Is(err, table.ErrNoCustomer):
		return fmt.Errorf("%w (sipward-collector blocks list has all; blocks assign CUSTOMER --new makes one)", err)
	case errors.Is(err, table.ErrNone):
		return fmt.Errorf("%w: sipward-collector blocks grid START SIZE begins one, and blocks import FILE takes one over", err)
	}
	return err
}
