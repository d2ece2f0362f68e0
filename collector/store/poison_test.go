package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

func TestPoison(t *testing.T) {
	huge := int64(1 << 60)
	tests := []struct {
		name string
		r    *record.Record
	}{
		{"a duration that no sum can take", &record.Record{Call: &record.Call{DurationMs: huge}}},
		{"a negative duration", &record.Record{Call: &record.Call{DurationMs: -1}}},
		{"a delay that no sum can take", &record.Record{Call: &record.Call{PddMs: &huge}}},
		{"an attempt of that kind", &record.Record{Call: &record.Call{Attempts: []*record.Attempt{{DurationMs: huge}}}}},
		{"a minute of that kind", &record.Record{Minute: &record.Minute{AnsweredMs: 1 << 63}}},
		{"a mark of that kind", &record.Record{HourMark: &record.HourMark{ObservedMs: -1}}},
		{"a loss of no stream", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 3, First: 1, Last: 2, Count: 2}}},
		{"a loss that ends before it begins", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 2, Last: 1}}},
		{"a loss without an end", &record.Record{Loss: &record.Loss{Epoch: 7, Stream: 1, First: 1, Last: 1 << 63}}},
		{"too large", &record.Record{Call: &record.Call{UserAgent: strings.Repeat("x", record.MaxRecord)}}},
		{"no record", nil},
	}
	both(t, func(t *testing.T, s Store, _ *clock) {
		for _, tt := range tests {
			good, bad := batch("sw1", 7, 1, 5, noon), &record.Received{Node: "sw1", Epoch: 8, Stream: record.Calls, First: 1, Records: []*record.Record{tt.r}}
			if err := s.Commit(ctx, []*record.Received{good, bad}); !IsPoison(err) {
				t.Errorf("%s: %v, want poison", tt.name, err)
			}
			wantCursor(t, s, "sw1", 8, record.Calls, nil)
			mustCommit(t, s, good)
		}
		for name, b := range map[string]*record.Received{
			"no first": {Node: "sw1", Epoch: 7, Stream: 1, Records: []*record.Record{{}}}, "no epoch": {Node: "sw1", Stream: 1, First: 1, Records: []*record.Record{{}}},
			"no stream": {Node: "sw1", Epoch: 7, First: 1, Records: []*record.Record{{}}}, "no node": {Node: "a/b", Epoch: 7, Stream: 1, First: 1},
			"past the end": {Node: "sw1", Epoch: 7, Stream: 1, First: 1 << 63, Records: []*record.Record{{}}},
		} {
			if err := s.Commit(ctx, []*record.Received{b}); !IsPoison(err) {
				t.Errorf("%s: %v, want poison", name, err)
			}
		}
		wantStored(t, s, "sw1", 7, ranges(1, 5))
	})
}

func TestBury(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		mustCommit(t, s, batch("sw1", 7, 1, 5, noon))
		h := &record.Header{Version: 9, Stream: record.Calls, Epoch: 7, First: 4, Count: 10}
		for range 2 { // the second finds all of it done
			if err := s.Bury(ctx, "sw1", h, []byte("raw\x00"), "version 9"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Bury(ctx, "sw1", nil, []byte("junk"), "checksum\x00\xff"); err != nil {
			t.Fatal(err)
		}
		if err := s.Bury(ctx, "sw1", &record.Header{Stream: 9, First: 1 << 63, Count: 5}, nil, "no range"); err != nil {
			t.Fatal(err)
		}
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 13))
		wantStored(t, s, "sw1", 7, ranges(1, 5))
		now := c.t.UnixMilli()
		want := []query.DeadLetter{
			{AtUnixMs: now, Node: "sw1", Epoch: 7, Stream: record.Calls, First: 4, Count: 10, Size: 4, Reason: "version 9", Raw: []byte("raw\x00")},
			{AtUnixMs: now, Node: "sw1", Size: 4, Reason: "checksum\uFFFD", Raw: []byte("junk")},
			{AtUnixMs: now, Node: "sw1", Stream: 9, First: 1 << 63, Count: 5, Reason: "no range", Raw: []byte{}},
		}
		got := letters(t, s)
		for i := range got {
			got[i].ID = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]query.Loss{{Node: "sw1", Epoch: 7, Stream: record.Calls, First: 4, Last: 13, Count: 8, Reason: record.LossDeadLetter, AtUnixMs: now, RecordedUnixMs: now}}, losses(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLettersOfOthers: a node that sends nothing but junk, in large pieces or in
// many, discards its own letters only.
func TestLettersOfOthers(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{MaxLetters: 10, MaxLetterBytes: 1000})
			for i, n := range []int{10, 20, 30, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 400, 400, 400, 400, 900, 1, 1, 1} {
				node := "evil"
				if i < 3 {
					node = "sw1"
				}
				if err := s.Bury(ctx, node, nil, make([]byte, n), "junk"); err != nil {
					t.Fatal(err)
				}
				kept, bytes := 0, int64(0)
				for _, l := range letters(t, s) {
					bytes += l.Size
					if l.Node == "sw1" {
						kept++
					}
				}
				if kept != min(i+1, 3) || bytes > 1000 {
					t.Errorf("after %d letters %d of sw1 and %d bytes are kept", i+1, kept, bytes)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLettersAreBounded(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			s := b.fresh(t)(Options{MaxLetters: 5, MaxLetterBytes: 1000})
			bury := func(n int) {
				if err := s.Bury(ctx, "sw1", nil, make([]byte, n), fmt.Sprint(n)); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 8 {
				bury(i)
			}
			reasons := func() (out []string) {
				for _, l := range letters(t, s) {
					out = append(out, l.Reason)
				}
				return out
			}
			if got := reasons(); !slices.Equal(got, []string{"3", "4", "5", "6", "7"}) {
				t.Errorf("kept %v", got)
			}
			bury(990)
			if got := reasons(); !slices.Equal(got, []string{"7", "990"}) {
				t.Errorf("kept %v", got)
			}
			if st := s.Stats(); st.LettersDiscarded != 7 || st.Buried != 9 {
				t.Errorf("stats %+v", st)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnknownRecord(t *testing.T) {
	newer, err := record.Decode([]byte("\xfa\x3f\x03new")) // field 1023
	if err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 3, noon)
		b.Records[1] = newer
		mustCommit(t, s, b)
		mustCommit(t, s, b)
		wantCursor(t, s, "sw1", 7, record.Calls, ranges(1, 3))
		wantStored(t, s, "sw1", 7, ranges(1, 1, 3, 3))
		if got := letters(t, s); len(got) != 1 || string(got[0].Raw) != "\xfa\x3f\x03new" {
			t.Errorf("letters %+v", got)
		}
		if got := losses(t, s); len(got) != 1 || got[0].First != 2 || got[0].Count != 1 {
			t.Errorf("losses %+v", got)
		}
	})
}

func TestTexts(t *testing.T) {
	both(t, func(t *testing.T, s Store, _ *clock) {
		b := batch("sw1", 7, 1, 1, noon)
		c := b.Records[0].Call
		c.CallId, c.Caller, c.Called, c.Customer = "a\x00b", "caf\xe9", "'; DROP TABLE calls; --", "\x00"
		c.Attempts[0].Called, c.Release = "\x00\xff😀", strings.Repeat("é", 2000)
		mustCommit(t, s, b)
		var got query.CallRow
		if err := s.Calls(ctx, query.CallFilter{Number: "'; DROP TABLE calls; --"}, func(r *query.CallRow) error { got = *r; return nil }); err != nil {
			t.Fatal(err)
		}
		if got.CallID != "ab" || got.Caller != "caf\uFFFD" || got.Customer != "" || len(got.Release) > maxText+2 {
			t.Errorf("%+v", got)
		}
		if err := s.Attempts(ctx, query.CallFilter{}, func(a *query.AttemptRow) error {
			if a.N == 0 && a.Called != "\uFFFD😀" {
				t.Errorf("%q", a.Called)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOddTimes: a record without a time, or from an agent whose clock is
// nowhere, is stored under the time of its coming.
func TestOddTimes(t *testing.T) {
	both(t, func(t *testing.T, s Store, c *clock) {
		b := batch("sw1", 7, 1, 4, noon)
		for i, ms := range []int64{0, -5, 1, 1 << 62} {
			b.Records[i].Call.CountedUnixMs, b.Records[i].Call.ClosedUnixMs, b.Records[i].Call.EndedUnixMs = ms, ms, ms
		}
		mustCommit(t, s, b)
		if err := s.Calls(ctx, query.CallFilter{}, func(r *query.CallRow) error {
			if r.CountedUnixMs != c.t.UnixMilli() {
				t.Errorf("%d is counted at %d", r.Seq, r.CountedUnixMs)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wantStored(t, s, "sw1", 7, ranges(1, 4))
		if st := s.Stats(); st.OddTimes != 4 {
			t.Errorf("%+v", st)
		}
	})
}
