package ingest

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats are counters since the start, and gauges, at one moment.
type Stats struct {
	Messages   uint64 // of any topic
	Bytes      uint64 // payload of data messages
	Batches    uint64 // stored
	Records    uint64 // in them
	Duplicates uint64 // of them, known to have been stored before they came
	Hellos     uint64
	Acks       uint64 // handed to a broker
	Unanswered uint64 // acks that could not be given
	Damaged    uint64 // messages that are no batch, or with a wrong checksum
	Buried     uint64 // messages set aside
	Unburied   uint64 // messages that could not even be set aside
	Foreign    uint64 // messages on other topics, or too long
	Unreadable uint64 // hello, live, state and answer messages that make no sense
	Unlisted   uint64 // live and state messages of nodes beyond the bound
	TurnedAway uint64 // data messages that found no room; their nodes have them
	Retries    uint64 // of a store that failed
	Refusals   uint64 // transactions that the store refused for their records
	Tables     uint64 // tables of customers handed to a broker, one for each node
	Unsent     uint64 // tables of customers that a broker did not take
	Unasked    uint64 // questions to nodes that could not be sent
	Panics     uint64
	Reconnects uint64 // connections to brokers that were lost or failed

	QueueBytes    int64 // taken and not stored
	QueueMax      int64 // its bound
	QueueMessages int   // not yet unpacked
	QueueWaiting  int64 // messages that wait for room
	Brokers       int   // configured, without the local one
	Connected     int   // of these
	Nodes         int   // that said live or state
	Active        int   // heard within the last minute
	StoreFailing  bool  // the last transaction failed and is being repeated
	Commits       Latency
}

// Latency is a histogram of how long something took.
type Latency struct {
	Count   uint64
	Sum     time.Duration
	Buckets [len(LatencyBounds)]uint64 // how many took at most LatencyBounds[n]; cumulative
}

// LatencyBounds are the upper bounds of Latency.Buckets.
var LatencyBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

type stats struct {
	messages, bytes, batches, records, duplicates, hellos, acks, unanswered atomic.Uint64
	damaged, buried, unburied, foreign, unreadable, unlisted, turnedAway    atomic.Uint64
	retries, refusals, panics, reconnects, tables, tablesUnsent, unasked    atomic.Uint64
	connected                                                               atomic.Int64
	failing                                                                 atomic.Bool
	commits                                                                 latency
}

type latency struct {
	mu sync.Mutex // guards l
	l  Latency
}

func (h *latency) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.l.Count++
	h.l.Sum += d
	for n, bound := range LatencyBounds {
		if d <= bound {
			h.l.Buckets[n]++
		}
	}
}

func (h *latency) get() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.l
}

// Stats returns the counters.
func (i *Ingest) Stats() Stats {
	s := &i.stats
	return Stats{
		Messages: s.messages.Load(), Bytes: s.bytes.Load(), Batches: s.batches.Load(), Records: s.records.Load(),
		Duplicates: s.duplicates.Load(), Hellos: s.hellos.Load(), Acks: s.acks.Load(), Unanswered: s.unanswered.Load(),
		Damaged: s.damaged.Load(), Buried: s.buried.Load(), Unburied: s.unburied.Load(), Foreign: s.foreign.Load(),
		Unreadable: s.unreadable.Load(), Unlisted: s.unlisted.Load(), TurnedAway: s.turnedAway.Load(),
		Retries: s.retries.Load(), Refusals: s.refusals.Load(), Panics: s.panics.Load(),
		Tables: s.tables.Load(), Unsent: s.tablesUnsent.Load(), Unasked: s.unasked.Load(), Reconnects: s.reconnects.Load(),
		QueueBytes: i.queue.used.Load(), QueueMax: i.queue.size, QueueMessages: len(i.queue.ch), QueueWaiting: i.queue.waiting.Load(),
		Brokers: len(i.links), Connected: int(s.connected.Load()), Nodes: i.live.count(), Active: i.ledger.active(i.now()),
		StoreFailing: s.failing.Load(), Commits: s.commits.get(),
	}
}

func (t *table) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.all)
}
