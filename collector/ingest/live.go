package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Node is the newest that one node said of itself. What it points to is never
// changed.
type Node struct {
	ID      string
	Live    *record.Live // nil: none yet
	LiveAt  time.Time    // when it came, by this program's clock
	State   *record.State
	StateAt time.Time
}

// Nodes lists what is known of every node, by id.
func (i *Ingest) Nodes() []Node { return i.live.list() }

// Node is what is known of one node; false when it never said anything.
func (i *Ingest) Node(id string) (Node, bool) { return i.live.get(id) }

// table holds live figures and states.
type table struct {
	nodes int   // bound of nodes
	bytes int64 // bound of all payloads

	mu   sync.RWMutex // guards all below
	all  map[string]*entry
	size int64
}

type entry struct {
	Node
	liveSize, stateSize int64
}

func newTable(nodes int, bytes int64) *table {
	return &table{nodes: nodes, bytes: bytes, all: map[string]*entry{}}
}

var errFull = errors.New("no room for another node")

// maxParties bounds the lists of one live message.
const maxParties = 10_000

func (t *table) setLive(node string, payload []byte, now time.Time) error {
	l := new(record.Live)
	if err := strict(payload, l); err != nil {
		return err
	}
	switch {
	case l.Node != node:
		return errors.New("live figures name another node than their topic")
	case len(l.Customers) > maxParties || len(l.Carriers) > maxParties:
		return errors.New("live figures of too many parties")
	}
	return t.set(node, now, func(e *entry) int64 {
		grown := int64(len(payload)) - e.liveSize
		e.Live, e.LiveAt, e.liveSize = l, now, int64(len(payload))
		return grown
	})
}

func (t *table) setState(node string, payload []byte, now time.Time) error {
	if len(payload) == 0 { // a retained message was cleared
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(node)
		return nil
	}
	s := new(record.State)
	if err := strict(payload, s); err != nil {
		return err
	}
	switch {
	case s.Node != node:
		return errors.New("a state names another node than its topic")
	case s.State != record.StateUp && s.State != record.StateDown:
		return errors.New("a state that is neither up nor down")
	}
	return t.set(node, now, func(e *entry) int64 {
		grown := int64(len(payload)) - e.stateSize
		e.State, e.StateAt, e.stateSize = s, now, int64(len(payload))
		return grown
	})
}

func (t *table) set(node string, now time.Time, fill func(*entry) int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.all[node]
	if e == nil {
		if (len(t.all) >= t.nodes || t.size >= t.bytes) && !t.dropOldest(now) {
			return errFull
		}
		e = &entry{Node: Node{ID: node}}
		t.all[node] = e
	}
	t.size += fill(e)
	return nil
}

// dropOldest makes room by a node that has been silent for ten minutes.
func (t *table) dropOldest(now time.Time) bool {
	var oldest *entry
	for _, e := range t.all {
		if oldest == nil || e.heard().Before(oldest.heard()) {
			oldest = e
		}
	}
	if oldest == nil || now.Sub(oldest.heard()) < 10*time.Minute {
		return false
	}
	t.drop(oldest.ID)
	return true
}

func (e *entry) heard() time.Time {
	if e.StateAt.After(e.LiveAt) {
		return e.StateAt
	}
	return e.LiveAt
}

func (t *table) drop(node string) {
	if e := t.all[node]; e != nil {
		t.size -= e.liveSize + e.stateSize
		delete(t.all, node)
	}
}

func (t *table) get(node string) (Node, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.all[node]; e != nil {
		return e.Node, true
	}
	return Node{}, false
}

func (t *table) list() []Node {
	t.mu.RLock()
	defer t.mu.RUnlock()
	nodes := make([]Node, 0, len(t.all))
	for _, e := range t.all {
		nodes = append(nodes, e.Node)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return nodes
}

// strict reads exactly one JSON value. Names that are not known are of a newer
// agent.
func strict(payload []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading JSON: more than one value")
	}
	return nil
}
