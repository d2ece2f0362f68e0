package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// noon is a time well within a month.
var noon = time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// call makes a call that is counted at ms. Its figures follow from r.
func call(r *rand.Rand, ms int64) *record.Record {
	c := &record.Call{
		Node: "sw1", Kind: "call", CallId: fmt.Sprintf("%016x%016x@10.1.2.3", r.Uint64(), r.Uint64()), FromTag: fmt.Sprintf("%x", r.Uint32()),
		Customer: fmt.Sprintf("customer-%d", r.IntN(20)), Carrier: fmt.Sprintf("carrier-%d", r.IntN(4)), Direction: "outbound",
		Caller: fmt.Sprintf("4930%07d", r.IntN(1e7)), CallerHost: "pbx.example.net", Called: fmt.Sprintf("+4989%07d", r.IntN(1e7)),
		CalledHost: "sip.example.com", UserAgent: "Example PBX 16.2.1", Src: "192.0.2.10:5060", Dst: "198.51.100.1:5060", Transport: "udp",
		InvitedUnixMs: ms - 90_000, RingingUnixMs: ms - 88_000, EndedUnixMs: ms, ClosedUnixMs: ms + 4000, CountedUnixMs: ms,
		RingMs: 4000, Release: "failed", ReleasedBy: "callee", SipStatus: 486, SipReason: "Busy Here", Forks: 1,
		OpenedEpoch: 7, LegId: r.Uint64(), Outcome: true, Effective: true, Codec: "PCMA",
		FromCaller: &record.Side{}, FromCallee: &record.Side{},
	}
	pdd := int64(r.IntN(8000))
	c.PddMs = &pdd
	last := &record.Attempt{Carrier: c.Carrier, Called: c.Called, Src: c.Dst, Dst: "203.0.113.7:5060", InvitedUnixMs: ms - 89_000,
		RingingUnixMs: ms - 88_000, EndedUnixMs: ms, PddMs: &pdd, SipStatus: 486, Release: "failed", Outcome: true, Effective: true}
	if r.IntN(5) > 0 {
		c.Answered, c.AnsweredUnixMs, c.DurationMs, c.SipStatus, c.SipReason = true, ms-80_000, int64(1000+r.IntN(600_000)), 200, "OK"
		c.Release, c.MediaClass, c.MediaVisible = "bye_caller", "two_way", true
		c.FromCaller = &record.Side{RtpPackets: 4000, RtpBytes: 688_000, RtpLost: 2, JitterMs: 1.25, Mos: 4.37, Codec: "PCMA", DtmfCount: uint32(r.IntN(3))}
		c.FromCallee = &record.Side{RtpPackets: 3990, RtpBytes: 686_000, JitterMs: 0.5, Mos: 4.39, Codec: "PCMA"}
		last.AnsweredUnixMs, last.DurationMs, last.SipStatus, last.Release = c.AnsweredUnixMs, c.DurationMs, 200, "bye_caller"
	}
	if r.IntN(2) == 0 {
		c.Attempts = append(c.Attempts, &record.Attempt{Carrier: "carrier-9", Called: c.Called, Src: c.Dst, Dst: "203.0.113.9:5060",
			InvitedUnixMs: ms - 90_000, EndedUnixMs: ms - 89_500, SipStatus: 503, Release: "failed", Outcome: true})
	}
	c.Attempts = append(c.Attempts, last)
	return &record.Record{Call: c}
}

// batch makes n calls from a number on, counted from t on, 10 ms apart.
func batch(node string, epoch, first uint64, n int, t time.Time) *record.Received {
	r := rand.New(rand.NewPCG(epoch, first))
	b := &record.Received{Node: node, Epoch: epoch, Stream: record.Calls, First: first}
	for i := range n {
		b.Records = append(b.Records, call(r, t.UnixMilli()+int64(first)*10+int64(i)*10))
	}
	return b
}

func mustCommit(t testing.TB, s Store, batches ...*record.Received) {
	t.Helper()
	if err := s.Commit(context.Background(), batches); err != nil {
		t.Fatal(err)
	}
}

// stored reads the identities of all calls, and fails on a duplicate.
func stored(t testing.TB, s Store) map[query.Key]int {
	t.Helper()
	out := make(map[query.Key]int)
	if err := s.Calls(context.Background(), query.CallFilter{}, func(c *query.CallRow) error {
		if out[c.Key]++; out[c.Key] > 1 {
			t.Errorf("%+v is there %d times", c.Key, out[c.Key])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func cursorOf(t testing.TB, s Store, node string, epoch uint64, st record.Stream) record.Ranges {
	t.Helper()
	cs, err := s.Cursors(context.Background(), node, []uint64{epoch})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs {
		if c.Epoch == epoch && record.Stream(c.Stream) == st {
			return c.Done()
		}
	}
	t.Fatalf("no cursor of epoch %x and stream %s in %v", epoch, st, cs)
	return nil
}

// verified fails when a sum is not what the calls add up to.
func verified(t testing.TB, s Store) {
	t.Helper()
	if err := s.Verify(context.Background(), time.Unix(0, 0), time.Unix(4e9, 0), func(d *query.Difference) error {
		t.Errorf("%+v", *d)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
