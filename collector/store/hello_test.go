package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func losses(t *testing.T, s Store) (out []query.Loss) {
	t.Helper()
	if err := s.Losses(ctx, query.LossFilter{}, func(l *query.Loss) error { out = append(out, *l); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLosses(t *testing.T) {
	loss := func(seq uint64, l *record.Loss) *record.Received {
		return &record.Received{Node: "sw1", Epoch: 7, Stream: record.Calls, First: seq, Records: []*record.Record{{Loss: l}}}
	}
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 6, 5, 3, noon))
		at := noon.UnixMilli()
		mustCommit(t, s,
			loss(1, &record.Loss{Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 10, Reason: "corrupt", AtUnixMs: at}), // 5 to 7 came
			loss(2, &record.Loss{Count: 4, Stream: 2, Reason: "queue_full", AtUnixMs: at}),
			loss(3, &record.Loss{Epoch: 7, Stream: 2, First: 3, Last: 9, Reason: "shed", AtUnixMs: at}), // numbers nothing
		)
		mustCommit(t, s, loss(1, &record.Loss{Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 10, Reason: "corrupt", AtUnixMs: at}))
		mustCommit(t, s, loss(4, &record.Loss{Epoch: 6, Stream: 1, First: 2, Last: 3, Count: 2, Reason: "corrupt", AtUnixMs: at})) // said before
		wantCursor(t, s, "sw1", 6, record.Calls, ranges(1, 10))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 4))
		wantCursor(t, s, "sw1", 7, record.Telemetry, ranges(3, 9))
		want := []query.Loss{
			{Node: "sw1", Epoch: 6, Stream: 1, First: 1, Last: 10, Count: 7, Reason: "corrupt", AtUnixMs: at, RecordedUnixMs: c.t.UnixMilli()},
			{Node: "sw1", Stream: 2, Count: 4, Reason: "queue_full", AtUnixMs: at, RecordedUnixMs: c.t.UnixMilli()},
		}
		if diff := cmp.Diff(want, losses(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLossAndRecordsTogether: what comes in the same commit as the declaration
// of its loss is stored, whatever their order.
func TestLossAndRecordsTogether(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 5, noon)
		b.Records[0] = &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 2, Last: 6, Count: 5, Reason: "corrupt"}}
		mustCommit(t, s, b)
		wantStored(t, s, "sw1", 7, ranges(2, 5))
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 6))
		if got := losses(t, s); len(got) != 1 || got[0].Count != 1 {
			t.Errorf("losses %+v", got)
		}
	})
}

func hello(t *testing.T, s Store, h *record.Hello) {
	t.Helper()
	if err := s.Hello(ctx, "sw1", h); err != nil {
		t.Fatal(err)
	}
}

func TestNodes(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		hello(t, s, &record.Hello{Epoch: 1 << 63, Program: "v1\x00", SentUnixMs: noon.UnixMilli() + 3000, StartedUnixMs: 5})
		c.t = noon.Add(time.Hour)
		mustCommit(t, s, batch("sw1", 7, 1, 1, noon), batch("sw0", 7, 1, 1, noon))
		got, err := s.Nodes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		later := c.t.UnixMilli()
		want := []query.Node{
			{ID: "sw0", FirstSeenUnixMs: later, LastSeenUnixMs: later},
			{ID: "sw1", FirstSeenUnixMs: noon.UnixMilli(), LastSeenUnixMs: later, Program: "v1", Epoch: 1 << 63, StartedUnixMs: 5, SkewMs: 3000},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := s.Hello(ctx, "a/b", &record.Hello{}); !IsPoison(err) {
			t.Errorf("err = %v", err)
		}
	})
}

// TestTwoAgentsWithOneID: an agent never takes up an earlier epoch, so an epoch
// that comes back belongs to somebody else.
func TestTwoAgentsWithOneID(t *testing.T) {
	tests := []struct {
		epochs []uint64
		flaps  uint64
		two    bool
	}{
		{[]uint64{1, 1, 2, 2, 3}, 0, false}, // restarts
		{[]uint64{1, 2, 1}, 1, false},       // a hello that came late
		{[]uint64{1, 2, 1, 2}, 2, true},
		{[]uint64{1, 2, 3, 1, 3, 1}, 3, true},
		{[]uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1}, 0, false}, // longer ago than is known
	}
	both(t, func(t *testing.T, s Store, c *clock) {
		for i, tt := range tests {
			node := fmt.Sprintf("n%d", i)
			for _, e := range tt.epochs {
				if err := s.Hello(ctx, node, &record.Hello{Epoch: e}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := s.Nodes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range got {
			if n.Flaps != tests[i].flaps || (n.DuplicateUnixMs == c.t.UnixMilli()) != tests[i].two {
				t.Errorf("%v: %+v", tests[i].epochs, n)
			}
		}
	})
}

func held(epoch uint64, st record.Stream, first, last uint64) *record.Held {
	return &record.Held{Epoch: epoch, Stream: uint32(st), First: first, Last: last}
}

func TestRolledBack(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 7, 1, 50, noon))
		h := &record.Hello{Epoch: 7, Held: []*record.Held{held(7, record.Calls, 80, 120)},
			Released: []*record.Held{held(7, record.Calls, 1, 100), held(6, record.Telemetry, 5, 9), held(0, 9, 1, 2), held(5, 1, 9, 8)}}
		hello(t, s, h) // it has not heard of this store: it may hold more than it says
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 50))
		h.StoreId = s.ID()
		hello(t, s, h)
		hello(t, s, h)
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 79))
		wantCursor(t, s, "sw1", 6, record.Telemetry, ranges(5, 9))
		wantStored(t, s, "sw1", 7, ranges(1, 50))
		now := c.t.UnixMilli()
		want := []query.Loss{
			{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 51, Last: 79, Count: 29, Reason: record.LossRolledBack, AtUnixMs: now, RecordedUnixMs: now},
			{Node: "sw1", Epoch: 6, Stream: record.Telemetry, First: 5, Last: 9, Count: 5, Reason: record.LossRolledBack, AtUnixMs: now, RecordedUnixMs: now},
		}
		if diff := cmp.Diff(want, losses(t, s)); diff != "" {
			t.Error(diff)
		}
		mustCommit(t, s, batch("sw1", 7, 80, 41, noon)) // what it held comes
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 120))
		if st := s.Stats(); st.RolledBack != 34 {
			t.Errorf("%+v", st)
		}
	})
}

// TestLongHello: what a node names beyond what an agent does is not looked at.
func TestLongHello(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 7, 1, 1, noon))
		h := &record.Hello{Version: 1, Epoch: 7, StoreId: s.ID()}
		for e := range uint64(30_000) {
			h.Released = append(h.Released, &record.Held{Epoch: 100 + e, Stream: 1, First: 1, Last: 2})
		}
		began := time.Now()
		if err := s.Hello(ctx, "sw1", h); err != nil {
			t.Fatal(err)
		}
		t.Logf("took %v", time.Since(began))
		if got := losses(t, s); len(got) != maxReleased {
			t.Errorf("%d losses", len(got))
		}
	})
}
