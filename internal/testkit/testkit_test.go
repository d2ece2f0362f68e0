package testkit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/packet"
)

// everything holds each outcome.
var everything = []Share{
	{Answered, 4}, {Busy, 1}, {NotFound, 1}, {NoAnswer, 1}, {Declined, 1}, {Cancelled, 1}, {Failover, 2}, {Unavailable, 1},
}

var plans = []struct {
	name string
	plan Plan
}{
	{"proxy", Plan{Calls: 30, RTP: true, Digits: 4, CalleeDigits: 2, Registers: 5, RegistersDenied: 1, Mix: everything, Spread: 0.3}},
	{"b2bua", Plan{Calls: 30, RTP: true, Digits: 4, Registers: 5, Mix: everything, Switch: B2BUA, Challenge: true, EventTypes: [2]uint8{101, 96}}},
	{"ipv6 fragments", Plan{Calls: 30, RTP: true, Digits: 4, Mix: everything, IPv6: true, BigInvite: true, EarlyMedia: true}},
	{"tcp", Plan{Calls: 30, RTP: true, Digits: 4, DigitShare: 0.5, Registers: 5, Mix: everything, TCPCustomers: 1, TCPCarriers: 2, BigInvite: true}},
	{"b2bua early media tcp ipv6", Plan{Calls: 20, RTP: true, Digits: 1, Mix: everything, Switch: B2BUA, EarlyMedia: true, TCPCustomers: 2, IPv6: true, BigInvite: true}},
}

// fingerprint plays the plan and hashes all it sends.
func fingerprint(t *testing.T, plan Plan) ([32]byte, *Expected) {
	t.Helper()
	h := sha256.New()
	last := int64(0)
	want, err := Generate(plan, FrameFunc(func(f *packet.Frame) error {
		if f.Time < last {
			t.Fatalf("a frame of %d comes after one of %d", f.Time, last)
		}
		last = f.Time
		fmt.Fprint(h, f.Time)
		h.Write(f.Data)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil)), want
}

func TestSameSeedSamePackets(t *testing.T) {
	for _, tc := range plans {
		t.Run(tc.name, func(t *testing.T) {
			first, want := fingerprint(t, tc.plan)
			second, again := fingerprint(t, tc.plan)
			if first != second {
				t.Error("the same plan gave other frames the second time")
			}
			if d := cmp.Diff(want, again, cmp.AllowUnexported(Totals{}, result{}), cmp.Comparer(func(a, b Digits) bool { return a == b })); d != "" {
				t.Errorf("the same plan expects something else the second time:\n%s", d)
			}
			other := tc.plan
			other.Seed = 7
			if third, _ := fingerprint(t, other); third == first {
				t.Error("another seed gave the same frames")
			}
		})
	}
}

func TestExpected(t *testing.T) {
	plan := Plan{
		Calls: 60, Rate: 10, Delay: 200 * time.Millisecond, Ring: 800 * time.Millisecond, Hold: 3 * time.Second, Customers: 4, Carriers: 3,
		RTP: true, Digits: 3, CalleeDigits: 1, Registers: 7, RegistersDenied: 2,
	}
	_, want := fingerprint(t, plan)
	// 4 s a call at 10 a second; the last 2xx of ten comes before the first BYE of the next.
	got := map[string]int{
		"calls": want.Calls.Total, "answered": want.Calls.Answered, "attempts": want.Attempts.Total,
		"digits": want.DigitCount, "registers": want.Registrations.Requests, "bindings": want.Registrations.Accepted,
		"challenged": want.Registrations.Outcomes[401], "denied": want.Registrations.Outcomes[403],
		"live": want.Calls.MaxLive, "talking": want.Calls.MaxAnswered, "streams": want.RTPStreams,
		// 150 ticks of 20 ms a stream; a digit's last tick sends its end three times.
		"rtp": want.RTPPackets,
		// INVITE to 200 for BYE on two hops is 14 messages; REGISTER with its retry 4.
		"messages": want.Messages,
	}
	expect := map[string]int{
		"calls": 60, "answered": 60, "attempts": 60, "digits": 60 * 4, "registers": 14, "bindings": 5,
		"challenged": 7, "denied": 2, "live": 41, "talking": 31, "streams": 120,
		"rtp": 60 * (2*150 + 4*2), "messages": 60*14 + 7*4,
	}
	if d := cmp.Diff(expect, got); d != "" {
		t.Errorf("expected figures (-want +got):\n%s", d)
	}
	if talk := want.Calls.Talk / 60; talk < 3*time.Second || talk > 3*time.Second+20*time.Millisecond {
		t.Errorf("average talk %v, want 3 s and the time of the messages", talk)
	}
	if len(want.Digits) != 120 || want.Digits[0].Text == "" {
		t.Errorf("%d streams with digits, want 120", len(want.Digits))
	}
}

// TestOutcomes plays each outcome alone.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		outcome            Outcome
		answered, attempts int
		status             int
	}{
		{Answered, 5, 5, 0}, {Busy, 0, 5, 486}, {NotFound, 0, 5, 404}, {NoAnswer, 0, 5, 480}, {Declined, 0, 5, 603},
		{Cancelled, 0, 5, 487}, {Failover, 5, 10, 0}, {Unavailable, 0, 10, 503},
	}
	for _, tc := range tests {
		for _, kind := range []Switch{Proxy, B2BUA} {
			_, want := fingerprint(t, Plan{Calls: 5, Mix: []Share{{tc.outcome, 1}}, Switch: kind})
			if want.Calls.Answered != tc.answered || want.Attempts.Total != tc.attempts || want.Calls.Failed[tc.status] != 5-tc.answered {
				t.Errorf("outcome %d: answered %d, attempts %d, failed %v; want %d, %d and status %d",
					tc.outcome, want.Calls.Answered, want.Attempts.Total, want.Calls.Failed, tc.answered, tc.attempts, tc.status)
			}
			ids := 5
			if kind == B2BUA {
				ids += tc.attempts
			}
			if want.CallIDs.Total != ids {
				t.Errorf("outcome %d, switch %d: %d Call-IDs, want %d", tc.outcome, kind, want.CallIDs.Total, ids)
			}
		}
	}
}

func TestFillRefuses(t *testing.T) {
	tests := []struct {
		plan Plan
		want string
	}{
		{Plan{}, "nothing to play"},
		{Plan{Calls: -1, Registers: 5}, "negative"},
		{Plan{Calls: 1, RTP: true, Digits: 1, DigitShare: 2}, "share of calls with digits"},
		{Plan{Calls: 1, Digits: 1}, "digits need RTP"},
		{Plan{Calls: 1, RTP: true, Digits: 40}, "do not fit"},
		{Plan{Calls: 1, EventTypes: [2]uint8{0, 3}}, "96 to 127"},
		{Plan{Calls: 1, Carriers: 1, Mix: []Share{{Failover, 1}}}, "two carriers"},
		{Plan{Calls: 1, Mix: []Share{{99, 1}}}, "outcome 99"},
		{Plan{Calls: 1, Mix: []Share{{Answered, 0}}}, "add up to nothing"},
		{Plan{Calls: 1, TCPCustomers: 9}, "more parties on TCP"},
		{Plan{Calls: 1, Rate: 1e6, RTP: true}, "media ports"},
		{Plan{Registers: 1, RegistersDenied: 2}, "denied"},
	}
	for _, tc := range tests {
		if _, err := tc.plan.Fill(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.plan, err, tc.want)
		}
	}
	if _, err := (Plan{Registers: 1}).Fill(); err != nil {
		t.Errorf("registrations without calls: %v", err)
	}
}

func TestSinkErrorEndsPlay(t *testing.T) {
	broken, sent := errors.New("broken"), 0
	_, err := Generate(Plan{Calls: 3}, FrameFunc(func(*packet.Frame) error {
		if sent++; sent == 5 {
			return broken
		}
		return nil
	}))
	if !errors.Is(err, broken) || sent != 5 {
		t.Errorf("error %v after %d frames, want the sink's after 5", err, sent)
	}
}

// TestStop lets the calls that began come to their end.
func TestStop(t *testing.T) {
	progress := &Progress{}
	sink := &Frames{W: FrameFunc(func(*packet.Frame) error {
		if progress.Calls.Load() == 4 {
			progress.Stop()
		}
		return nil
	})}
	want, err := Play(Plan{Calls: 100, Registers: 100}, sink, progress)
	if err != nil {
		t.Fatal(err)
	}
	if want.Calls.Total != 5 || want.Calls.Answered != 5 || progress.Setup.Load() != 0 || progress.Talking.Load() != 0 {
		t.Errorf("%d calls began and %d were answered, %d and %d are live; want 5, 5, 0, 0",
			want.Calls.Total, want.Calls.Answered, progress.Setup.Load(), progress.Talking.Load())
	}
}

func TestFragmentsStayBelowMTU(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		sizes := map[int]int{}
		_, err := Generate(Plan{Calls: 2, BigInvite: true, IPv6: v6}, FrameFunc(func(f *packet.Frame) error {
			sizes[len(f.Data)/500]++
			if len(f.Data) > 14+1500 {
				t.Errorf("a frame of %d bytes", len(f.Data))
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if sizes[2]+sizes[3] == 0 {
			t.Errorf("no large frame among %v", slices.Sorted(maps.Keys(sizes)))
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	frames := 0
	b.ReportAllocs()
	for b.Loop() {
		_, err := Generate(Plan{Calls: 50, RTP: true}, FrameFunc(func(*packet.Frame) error { frames++; return nil }))
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
}
