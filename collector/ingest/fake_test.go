package ingest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/sipward/sipward/sync/record"
)

type poisonError struct{}

func (poisonError) Error() string { return "these records are refused" }
func (poisonError) Poison() bool  { return true }

type buried struct {
	Node   string
	Range  record.Range // zero without a header
	Raw    string
	Reason string
}

// memory is a store that keeps call ids. It behaves as a database does: a commit
// is all or nothing, and only what is missing is stored.
type memory struct {
	mu      sync.Mutex
	id      string
	done    map[key]record.Ranges
	rows    map[key]map[uint64]string
	dead    []buried
	hellos  map[string]*record.Hello
	stored  int // rows that were inserted
	failing error
	gate    chan struct{} // nil, or commits wait for it
	commits int
}

func newMemory() *memory {
	return &memory{id: "store-1", done: map[key]record.Ranges{}, rows: map[key]map[uint64]string{}, hellos: map[string]*record.Hello{}}
}

func (m *memory) ID() string { m.mu.Lock(); defer m.mu.Unlock(); return m.id }

func (m *memory) Commit(ctx context.Context, batches []*record.Received) error {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits++
	if m.failing != nil {
		return m.failing
	}
	for _, b := range batches {
		for _, r := range b.Records {
			switch r.GetCall().GetCallId() {
			case "poison":
				return fmt.Errorf("commit: %w", poisonError{})
			case "panic":
				panic("a record that breaks the store")
			}
		}
	}
	for _, b := range batches {
		k := key{b.Node, b.Epoch, b.Stream}
		done := m.done[k].Clone()
		for _, r := range done.Missing(b.Range()) {
			for n := r.First; n <= r.Last; n++ {
				if m.rows[k] == nil {
					m.rows[k] = map[uint64]string{}
				}
				m.rows[k][n] = b.Records[n-b.First].GetCall().GetCallId()
				m.stored++
			}
		}
		done.Add(b.Range())
		m.done[k] = done
	}
	return nil
}

func (m *memory) Bury(_ context.Context, node string, h *record.Header, raw []byte, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing != nil {
		return m.failing
	}
	d := buried{Node: node, Raw: string(raw), Reason: reason}
	if h != nil {
		d.Range = h.Range()
		k := key{node, h.Epoch, h.Stream}
		done := m.done[k].Clone()
		done.Add(h.Range())
		m.done[k] = done
	}
	m.dead = append(m.dead, d)
	return nil
}

func (m *memory) Cursors(_ context.Context, node string, epochs []uint64) ([]*record.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing != nil {
		return nil, m.failing
	}
	var all []*record.Cursor
	for k, done := range m.done {
		if k.node == node && slices.Contains(epochs, k.epoch) {
			all = append(all, record.NewCursor(k.epoch, k.stream, done))
		}
	}
	return all, nil
}

func (m *memory) Hello(_ context.Context, node string, h *record.Hello) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing != nil {
		return m.failing
	}
	m.hellos[node] = h
	return nil
}

func (m *memory) set(f func(*memory)) { m.mu.Lock(); defer m.mu.Unlock(); f(m) }

func (m *memory) has(node string, epoch uint64, s record.Stream) record.Ranges {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done[key{node, epoch, s}].Clone()
}

// inbox is a link that keeps what is posted.
type inbox struct {
	mu   sync.Mutex
	acks map[string][]*record.Ack
	some *sync.Cond
}

func newInbox() *inbox {
	b := &inbox{acks: map[string][]*record.Ack{}}
	b.some = sync.NewCond(&b.mu)
	return b
}

func (b *inbox) post(node string, a *record.Ack) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acks[node] = append(b.acks[node], a)
	b.some.Broadcast()
}

// await waits for an ack of node that ok likes.
func (b *inbox) await(t *testing.T, node string, ok func(*record.Ack) bool) *record.Ack {
	t.Helper()
	stop := context.AfterFunc(t.Context(), b.some.Broadcast)
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for _, a := range b.acks[node] {
			if ok(a) {
				return a
			}
		}
		if t.Context().Err() != nil {
			t.Fatal("no such ack")
		}
		b.some.Wait()
	}
}

// batch packs calls with these ids, numbered from first on.
func batch(t testing.TB, epoch, first uint64, ids ...string) []byte {
	t.Helper()
	return pack(t, record.Header{Version: record.Version, Codec: record.Zstd, Stream: record.Calls, Epoch: epoch, First: first}, ids...)
}

var encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))

func pack(t testing.TB, h record.Header, ids ...string) []byte {
	t.Helper()
	var body []byte
	for _, id := range ids {
		b, err := record.Encode(&record.Record{Call: &record.Call{CallId: id}})
		if err != nil {
			t.Fatal(err)
		}
		body = record.AppendToBody(body, b)
	}
	h.Count, h.BodySize = uint32(len(ids)), uint32(len(body))
	message := make([]byte, record.HeaderSize)
	if h.Codec == record.Zstd {
		message = encoder.EncodeAll(body, message)
	} else {
		message = append(message, body...)
	}
	h.Seal(message)
	return message
}

// start runs an Ingest over a store until the test ends.
func start(t testing.TB, cfg Config) *Ingest {
	t.Helper()
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	run(t, i.Run)
	return i
}

func run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// nowhere is a broker without nodes, for tests that deliver by hand.
type nowhere struct{}

func (nowhere) Handle(func(context.Context, string, []byte) bool) {}
func (nowhere) Publish(string, []byte) error                      { return nil }
func (nowhere) Retain(string, []byte) error                       { return nil }

func config(s *memory) Config {
	return Config{Name: "test", Local: nowhere{}, Store: s}
}

// settled waits until nothing is queued: an ack states what is committed, which
// is a moment before the last message of a group is done.
func settled(t testing.TB, i *Ingest) {
	t.Helper()
	eventually(t, func() bool { return i.Stats().QueueBytes == 0 })
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited 30 s for nothing")
		}
	}
}
