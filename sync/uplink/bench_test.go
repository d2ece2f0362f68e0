package uplink

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/sipward/sipward/sync/record"
)

func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			spool := newCalls(7)
			spool.add(record.Calls, n)
			_, records, err := spool.Read(7, record.Calls, 1, n, 1<<30, nil)
			if err != nil {
				b.Fatal(err)
			}
			e, err := newEncoder()
			if err != nil {
				b.Fatal(err)
			}
			var message []byte
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				message, _ = e.seal(message, now, key{7, record.Calls}, 1, records, 1<<30)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(len(message))/float64(n), "B/record")
			b.ReportMetric(float64(len(e.body))/float64(n), "unpacked-B/record")
		})
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	spool := newCalls(7)
	spool.add(record.Calls, 100)
	_, records, err := spool.Read(7, record.Calls, 1, 100, 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	var message []byte
	now := time.Now()
	seal := func() { message, _ = e.seal(message, now, key{7, record.Calls}, 1, records, 1<<30) }
	seal()
	if n := testing.AllocsPerRun(50, seal); n > 1 {
		t.Errorf("%v allocations for a batch of 100", n)
	}
}

// BenchmarkDrain sends a million records from memory through a broker over
// loopback, to a collector that stores nothing.
func BenchmarkDrain(b *testing.B) {
	const records = 1_000_000
	for b.Loop() {
		drain(b, records)
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

func drain(b *testing.B, n int) {
	can := mochi.NewDefaultServerCapabilities()
	server := mochi.New(&mochi.Options{InlineClient: true, Capabilities: can, Logger: slog.New(slog.DiscardHandler)})
	l := listeners.NewTCP(listeners.Config{ID: "l", Address: "127.0.0.1:0"})
	if err := server.AddHook(&broker{}, nil); err != nil {
		b.Fatal(err)
	}
	if err := server.AddListener(ending{l, server}); err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	done := map[key]record.Ranges{}
	answer := func(hello int64, keys ...key) {
		a := &record.Ack{Version: 1, StoreId: "s", HelloUnixMs: hello, SentUnixMs: time.Now().UnixMilli()}
		mu.Lock()
		for _, k := range keys {
			a.Cursors = append(a.Cursors, record.NewCursor(k.epoch, k.stream, done[k]))
		}
		mu.Unlock()
		m, err := record.EncodeMessage(a)
		if err != nil {
			b.Error(err)
		}
		go func() { _ = server.Publish(record.Topic("sw1", record.TopicAck), m, false, 1) }()
	}
	if err := server.Subscribe(record.TopicRoot+"sw1/data/+", 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		h, _, err := record.Open(pk.Payload)
		if err != nil {
			b.Error(err)
			return
		}
		k := key{h.Epoch, h.Stream}
		mu.Lock()
		set := done[k]
		set.Add(h.Range())
		done[k] = set
		mu.Unlock()
		answer(0, k)
	}); err != nil {
		b.Fatal(err)
	}
	if err := server.Subscribe(record.TopicRoot+"sw1/hello", 2, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		if h, err := record.DecodeHello(pk.Payload); err == nil {
			answer(h.SentUnixMs, key{h.Epoch, record.Calls}, key{h.Epoch, record.Telemetry})
		}
	}); err != nil {
		b.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	spool := newMemory(7)
	var some [1000][]byte
	for i := range some {
		some[i], _ = record.Encode(call(key{7, record.Calls}, uint64(i)))
	}
	spool.made = func(_ key, seq uint64) []byte { return some[seq%1000] }
	spool.add(record.Calls, n)
	u, err := New(Config{Node: "sw1", Brokers: []string{"mqtt://" + l.Address()}, Live: func() []byte { return []byte("{}") }}, spool)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- u.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if spool.left() == 0 {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(u.Stats().Sent.Bytes)/float64(n), "B/record")
	b.ReportMetric(float64(u.Stats().Resent.Records), "resent")
}
