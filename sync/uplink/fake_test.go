package uplink

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/sipward/sipward/sync/record"
)

// memory is a spool without a disk. What is acked is kept until clean.
type memory struct {
	mu       sync.Mutex
	epoch    uint64
	order    []key
	lines    map[key]*stored
	appended chan struct{}
	fail     error // of reads
	made     func(k key, seq uint64) []byte
	unread   int // Unrelease calls
}

type stored struct {
	last              uint64
	disk, acked, gone record.Ranges
}

func newMemory(epoch uint64) *memory {
	return &memory{epoch: epoch, lines: map[key]*stored{}, appended: make(chan struct{}, 1),
		made: func(k key, seq uint64) []byte { return fmt.Appendf(nil, "%d/%d/%d", k.epoch, k.stream, seq) }}
}

func (m *memory) line(k key) *stored {
	l := m.lines[k]
	if l == nil {
		l = &stored{}
		m.lines[k] = l
		m.order = append(m.order, k)
	}
	return l
}

// add appends n records to a stream of the running epoch.
func (m *memory) add(st record.Stream, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(key{m.epoch, st})
	l.disk.Add(record.Range{First: l.last + 1, Last: l.last + uint64(n)})
	l.last += uint64(n)
	select {
	case m.appended <- struct{}{}:
	default:
	}
}

// restart begins another epoch; what acks had covered is known no more.
func (m *memory) restart(epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch = epoch
	for _, l := range m.lines {
		l.acked = nil
	}
}

// clean deletes what is acked of a line.
func (m *memory) clean(k key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(k)
	l.gone.AddAll(l.acked)
	l.disk = l.disk.Minus(l.acked)
	l.acked = nil
}

func (m *memory) unacked(k key) record.Ranges {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(k)
	return l.disk.Minus(l.acked)
}

func (m *memory) left() (n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.lines {
		n += l.disk.Len() - l.acked.Len()
	}
	return n
}

func (m *memory) Epoch() uint64 { return m.epoch }

func (m *memory) Appended() <-chan struct{} { return m.appended }

func (m *memory) Held() []record.Holding {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []record.Holding
	for _, k := range m.order {
		l := m.lines[k]
		out = append(out, record.Holding{Epoch: k.epoch, Stream: k.stream,
			Unacked: l.disk.Minus(l.acked), Kept: l.acked.Clone(), Gone: l.gone.Clone()})
	}
	return out
}

func (m *memory) Read(epoch uint64, st record.Stream, from uint64, maxRecords, maxBytes int, to [][]byte) (uint64, [][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return 0, to, m.fail
	}
	k := key{epoch, st}
	l := m.lines[k]
	if l == nil {
		return 0, to, nil
	}
	i, _ := slices.BinarySearchFunc(l.disk, from, func(r record.Range, n uint64) int { return cmp.Compare(r.Last, n) })
	if i == len(l.disk) {
		return 0, to, nil
	}
	first := max(from, l.disk[i].First)
	for n := first; n <= l.disk[i].Last && len(to) < maxRecords; n++ {
		b := m.made(k, n)
		if maxBytes -= len(b); maxBytes < 0 && len(to) > 0 {
			break
		}
		to = append(to, b)
	}
	return first, to, nil
}

func (m *memory) Release(epoch uint64, st record.Stream, done record.Ranges) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.line(key{epoch, st})
	l.acked.AddAll(done.And(l.disk))
}

func (m *memory) Unrelease() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread++
	for _, l := range m.lines {
		l.acked = nil
	}
}
