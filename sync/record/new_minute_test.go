package record

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
)

func TestNewMinute(t *testing.T) {
	b := book(t)
	m := &counters.Minute{Start: 1_700_000_040 * second, Observed: 59_999_600 * time.Microsecond, Kind: party.Carrier, Party: 3}
	m.Started, m.AnsweredMs, m.Peak, m.Media[counters.MediaTwoWay] = 5, 61_000, 7, 2
	m.PDD.Buckets[1], m.PDD.Count, m.PDD.SumMs = 1, 1, 80
	m.MOSMilli[1], m.MOSCalls[1], m.Lost[0], m.Packets[1], m.Digits[0] = 4400, 1, 3, 9, 6
	buckets := make([]uint64, len(counters.PDDBounds())+1)
	buckets[1] = 1
	want := &Minute{MinuteUnixS: 1_700_000_040, Kind: "carrier", Party: "other", ObservedMs: 59_999,
		Started: 5, AnsweredMs: 61_000, Peak: 7, Media: []uint64{0, 2, 0, 0, 0, 0},
		PddBuckets: buckets, PddCount: 1, PddSumMs: 80,
		MosMilliOfCallees: 4400, MosCallsOfCallees: 1, LostFromCallers: 3, PacketsFromCallees: 9, DigitsFromCallers: 6}
	got := NewMinute(m, b)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	m.Media[counters.MediaTwoWay] = 9
	if got.GetMedia()[counters.MediaTwoWay] != 2 {
		t.Error("the record shares its counts")
	}
	for _, tt := range []struct {
		m    counters.Minute
		want *Minute
	}{
		{counters.Minute{Start: 60 * second}, &Minute{MinuteUnixS: 60, Kind: "total"}},
		{counters.Minute{Start: -60 * second, Kind: party.Customer}, &Minute{MinuteUnixS: -60, Kind: "customer", Party: "unknown"}},
	} {
		if diff := cmp.Diff(tt.want, NewMinute(&tt.m, b), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}

// TestEveryMinuteField: each field that a minute record has comes from the
// figures.
func TestEveryMinuteField(t *testing.T) {
	m := counters.Minute{Start: second * 60, Observed: time.Second, Kind: party.Customer, Party: 1}
	f := &m.Figures
	for i, p := range []*uint64{&f.LiveSetup, &f.LiveAnswered, &f.Peak, &f.PeakAnswered, &f.Started, &f.Inbound, &f.SeenMidcall, &f.Outcomes,
		&f.Answered, &f.Effective, &f.Redirects, &f.Decided, &f.Defects, &f.Over, &f.Completed, &f.Ended, &f.AnsweredMs, &f.PDD.Count, &f.PDD.SumMs,
		&f.PDD.Buckets[0], &f.Media[0], &f.MediaVisible, &f.CallsWithDigits, &f.CallsWithInfo, &f.Digits[0], &f.Digits[1], &f.Packets[0],
		&f.Packets[1], &f.Lost[0], &f.Lost[1], &f.MOSMilli[0], &f.MOSCalls[0], &f.MOSMilli[1], &f.MOSCalls[1]} {
		*p = uint64(i + 1)
	}
	b, err := party.NewBook([]party.Entry{{Name: "acme", Kind: party.Customer, Channels: 30}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := NewMinute(&m, b).ProtoReflect()
	fields, seen := r.Descriptor().Fields(), map[uint64]bool{}
	for i := range fields.Len() {
		field := fields.Get(i)
		if !r.Has(field) {
			t.Errorf("%s is not set", field.Name())
		}
		if n, ok := r.Get(field).Interface().(uint64); ok {
			if seen[n] {
				t.Errorf("%s has another's count", field.Name())
			}
			seen[n] = true
		}
	}
}

func BenchmarkNewMinute(b *testing.B) {
	book, err := party.NewBook([]party.Entry{{Name: "acme", Kind: party.Customer}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	m := counters.Minute{Kind: party.Customer, Party: 1}
	b.ReportAllocs()
	for b.Loop() {
		NewMinute(&m, book)
	}
}
