package ingest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/sync/record"
)

// Table is one version of the table of customers and number blocks.
type Table struct {
	Version uint64
	Packed  []byte   // what goes over the wire; PackTable makes it
	Nodes   []string // that alone get it; none: every node
}

// maxPacked bounds a packed table, in bytes: brokers take packets of 2 MiB, where
// nodes take more.
const maxPacked = 1 << 20

// PackTable makes of a signed document what nodes are sent. It fails when that is
// more than a broker takes.
func PackTable(signed []byte) ([]byte, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, fmt.Errorf("packing the table: %w", err)
	}
	packed := e.EncodeAll(signed, nil)
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("packing the table: %w", err)
	}
	if len(packed) > maxPacked || len(signed) > record.MaxTable {
		return nil, fmt.Errorf("the table is too large to be sent: %d bytes, %d packed; at most are %d and %d", len(signed), len(packed), record.MaxTable, maxPacked)
	}
	return packed, nil
}

// SetTables says which versions there are, the newest first, and which nodes are
// known beside those that say something. Each node gets the newest that is for
// it; nothing is taken back from a node that no version is for.
func (i *Ingest) SetTables(tables []Table, nodes []string) { i.tables.set(tables, nodes) }

// tables knows which version each node gets, and hands them to the links.
type tables struct {
	bound int // of nodes

	mu       sync.Mutex // guards all below
	versions []Table
	nodes    map[string]bool
	shelves  []*shelf
}

func newTables(bound int) *tables { return &tables{bound: bound, nodes: map[string]bool{}} }

// shelf is what one broker has been given.
type shelf struct {
	wake chan struct{}
	has  map[string]given // guarded by tables.mu
}

type given struct {
	version uint64
	at      time.Time
}

func (t *tables) shelf() *shelf {
	s := &shelf{wake: make(chan struct{}, 1), has: map[string]given{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shelves = append(t.shelves, s)
	return s
}

func (t *tables) set(versions []Table, nodes []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.versions = versions
	for _, n := range nodes {
		t.add(n)
	}
	t.wake()
}

// add makes a node known; false when it was, or there is no room.
func (t *tables) add(node string) bool {
	if t.nodes[node] || len(t.nodes) >= t.bound {
		return false
	}
	t.nodes[node] = true
	return true
}

func (t *tables) wake() {
	for _, s := range t.shelves {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// meet is called when a node has said something.
func (t *tables) meet(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.add(node) {
		t.wake()
	}
}

// repeatAfter is how long a node may say that it has an older version than it was
// sent, before it is sent again: the broker has lost what it retained, or the node was busy.
const repeatAfter = 2 * time.Minute

// has is called when a node says which version it has; 0 for none.
func (t *tables) has(node string, version uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	want := t.of(node)
	if want == nil || want.Version <= version {
		return
	}
	for _, s := range t.shelves {
		if g, ok := s.has[node]; ok && now.Sub(g.at) >= repeatAfter {
			delete(s.has, node)
		}
	}
	t.wake()
}

// of is the version that a node gets; nil for none.
func (t *tables) of(node string) *Table {
	for n := range t.versions {
		if v := &t.versions[n]; len(v.Nodes) == 0 || slices.Contains(v.Nodes, node) {
			return v
		}
	}
	return nil
}

// due lists the nodes that a shelf has nothing newest for, in order.
func (t *tables) due(s *shelf) (nodes []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.nodes {
		if want := t.of(n); want != nil && s.has[n].version < want.Version {
			nodes = append(nodes, n)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// newest is what a node gets now.
func (t *tables) newest(node string) *Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of(node)
}

func (t *tables) put(s *shelf, node string, version uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.has[node] = given{version, now}
}

// forget is called when a broker may have lost what it was given.
func (t *tables) forget(s *shelf) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(s.has)
}

// tableRate bounds how many bytes of tables a broker is given in a second, so that
// a new version for thousands of nodes leaves room for their records.
const tableRate = 16 << 20

// hand gives a broker what it has not been given yet, until ctx ends. A table that it
// does not take is offered again after a while.
func (i *Ingest) hand(ctx context.Context, s *shelf, retain func(ctx context.Context, topic string, payload []byte) error) {
	again := time.NewTicker(repeatAfter / 4)
	defer again.Stop()
	for {
		for _, node := range i.tables.due(s) {
			t := i.tables.newest(node)
			if t == nil {
				continue
			}
			if err := retain(ctx, record.Topic(node, record.TopicTable), t.Packed); err != nil {
				if ctx.Err() != nil {
					return
				}
				i.stats.tablesUnsent.Add(1)
				i.seldom.Warn(i.now(), "table not sent; it is tried again", "node", node, "version", t.Version, "error", err)
				break // the others would fare no better
			}
			i.tables.put(s, node, t.Version, i.now())
			i.stats.tables.Add(1)
			if backoff.Wait(ctx, time.Duration(len(t.Packed))*time.Second/tableRate) != nil {
				return
			}
		}
		select {
		case <-s.wake:
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
