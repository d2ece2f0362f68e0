package pipeline

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// book is the configuration of an operator who serves the parties of plan.
func book(t testing.TB, plan testkit.Plan) *party.Book {
	t.Helper()
	var entries []party.Entry
	for i := range plan.Customers {
		lo, hi := plan.Block(i)
		a := plan.CustomerAddr(i)
		entries = append(entries, party.Entry{
			Name: fmt.Sprint("customer", i), Kind: party.Customer,
			Addresses: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, Blocks: []party.Block{{First: lo, Last: hi}},
		})
	}
	for i := range plan.Carriers {
		a := plan.CarrierAddr(i)
		entries = append(entries, party.Entry{
			Name: fmt.Sprint("carrier", i), Kind: party.Carrier, Addresses: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())},
		})
	}
	b, err := party.NewBook(entries, []netip.Addr{plan.SwitchIP})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var everyOutcome = []testkit.Share{
	{Outcome: testkit.Answered, Weight: 4}, {Outcome: testkit.Busy, Weight: 1}, {Outcome: testkit.NotFound, Weight: 1},
	{Outcome: testkit.NoAnswer, Weight: 1}, {Outcome: testkit.Declined, Weight: 1}, {Outcome: testkit.Cancelled, Weight: 1},
	{Outcome: testkit.Failover, Weight: 2}, {Outcome: testkit.Unavailable, Weight: 1},
}

// TestPlans plays traffic whose figures are known and compares them all.
func TestPlans(t *testing.T) {
	for name, plan := range map[string]testkit.Plan{
		"proxy":     {Calls: 60, Rate: 5, Mix: everyOutcome, Spread: 0.5},
		"b2bua":     {Calls: 60, Rate: 5, Mix: everyOutcome, Spread: 0.5, Switch: testkit.B2BUA},
		"challenge": {Calls: 40, Mix: everyOutcome, Challenge: true},
		"media":     {Calls: 20, RTP: true, EarlyMedia: true, Digits: 5, CalleeDigits: 3, EventTypes: [2]uint8{96, 110}},
		"relayed":   {Calls: 20, RTP: true, Digits: 5, Switch: testkit.B2BUA},
		"tcp":       {Calls: 40, Mix: everyOutcome, TCPCustomers: 2, TCPCarriers: 1},
		"fragments": {Calls: 40, Mix: everyOutcome, BigInvite: true},
		"ipv6":      {Calls: 40, Mix: everyOutcome, IPv6: true, RTP: true, Digits: 4, BigInvite: true},
		"registers": {Registers: 50, RegistersDenied: 7},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := plan.Fill()
			if err != nil {
				t.Fatal(err)
			}
			compare(t, plan)
		})
	}
}

func compare(t *testing.T, plan testkit.Plan) {
	t.Helper()
	digits := 0
	core := New(Config{Book: book(t, plan), Finished: func(_ *dialog.Leg, m *counters.MediaResult, _ *party.Book) {
		digits += m.Sent[0].Presses + m.Sent[1].Presses
	}})
	want := play(t, plan, core)
	s := core.Snapshot()
	f := s.Figures.Total
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"calls", int(f.Started), want.Calls.Total},
		{"answered", int(f.Answered), want.Calls.Answered},
		{"outcomes", int(f.Outcomes), want.Calls.Total},
		{"peak", int(f.Peak), want.Calls.MaxLive},
		{"peak answered", int(f.PeakAnswered), want.Calls.MaxAnswered},
		{"live at the end", int(f.Live()), 0},
		{"talk, ms", int(f.AnsweredMs), talk(f.AnsweredMs, &want.Calls)},
		{"cancelled", int(f.ByRelease[dialog.Cancelled]), want.Calls.Cancelled},
		{"messages", int(s.Core.Messages[packet.UDP] + s.Core.Messages[packet.TCP]), want.Messages},
		{"over tcp", int(s.Core.Messages[packet.TCP]), want.Transports["tcp"]},
		{"rtp packets", int(s.Media.RTP), want.RTPPackets},
		{"rtp streams", int(s.Media.Streams), want.RTPStreams},
		{"digits on every hop", int(s.Core.Digits), want.DigitCount},
		{"registers", int(s.Registrations.Requests), want.Registrations.Requests},
		{"register transactions", int(s.Registrations.Transactions), want.Registrations.Transactions},
		{"endpoints at the end", s.Endpoints, 0},
		{"legs at the end", s.Dialogs.Legs, 0},
		{"strange", int(s.Dialogs.Strange + s.Dialogs.Late + s.Dialogs.Overflow + s.Dialogs.Refused), 0},
		{"malformed, repeated, panics", int(s.Core.Malformed + s.Core.Duplicates + s.Core.Retransmissions + s.Core.Panics), 0},
		{"skew of gauges", int(s.Figures.Skew), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	for i, w := range want.Customers {
		parties(t, s.Figures.Customers, fmt.Sprint("customer", i), &w)
	}
	for i, w := range want.Carriers {
		parties(t, s.Figures.Carriers, fmt.Sprint("carrier", i), &w)
	}
	for status, n := range want.Registrations.Outcomes {
		if got := s.Registrations.ByStatus[uint16(status)]; int(got) != n {
			t.Errorf("registrations answered %d: %d, want %d", status, got, n)
		}
	}
	if plan.Switch == testkit.Proxy && digits != want.DigitCount {
		t.Errorf("digits of calls: %d, want %d", digits, want.DigitCount)
	}
}

func parties(t *testing.T, of []counters.Party, name string, want *testkit.Totals) {
	t.Helper()
	for _, p := range of {
		if p.Name != name {
			continue
		}
		if int(p.Started) != want.Total || int(p.Answered) != want.Answered || int(p.Outcomes) != want.Total ||
			int(p.Peak) != want.MaxLive || p.Live() != 0 || int(p.AnsweredMs) != talk(p.AnsweredMs, want) {
			t.Errorf("%s: started %d answered %d outcomes %d peak %d live %d talk %d ms, want %d %d %d %d 0 %d", name,
				p.Started, p.Answered, p.Outcomes, p.Peak, p.Live(), p.AnsweredMs,
				want.Total, want.Answered, want.Total, want.MaxLive, want.Talk.Milliseconds())
		}
		return
	}
	t.Errorf("no figures of %s", name)
}

// talk returns got when it is want, but for the rounding of each call to
// whole milliseconds; else want.
func talk(got uint64, want *testkit.Totals) int {
	ms := int(want.Talk.Milliseconds())
	if d := int(got) - ms; d >= -want.Answered && d <= want.Answered {
		return int(got)
	}
	return ms
}

func play(t testing.TB, plan testkit.Plan, core *Core) *testkit.Expected {
	t.Helper()
	want, err := testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
		core.Frame(f)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	core.Tick(want.Last + int64(time.Minute))
	core.Finish()
	return want
}

// fakeKernel counts as the kernel filter does, in a media table of its own that
// knows no owners, and shows user space only what that lets through.
type fakeKernel struct {
	table  *media.Table
	open   map[packet.Endpoint]bool
	other  map[packet.Endpoint]int64 // when what is no RTP last came
	opened int
	off    bool // as under a classic filter, which lets small packets through
}

func newFakeKernel() *fakeKernel {
	return &fakeKernel{table: media.NewTable(media.Options{}), open: map[packet.Endpoint]bool{}, other: map[packet.Endpoint]int64{}}
}

func (k *fakeKernel) Active() bool { return !k.off }

func (k *fakeKernel) Open(ep packet.Endpoint, s media.Spec) error {
	k.open[ep] = true
	k.opened++
	s.Owner = 1
	k.table.Open(ep, s, 0)
	return nil
}

func (k *fakeKernel) Read(ep packet.Endpoint, to []media.Observed) ([]media.Observed, bool) {
	for f := range k.table.Flows(ep, 1) {
		o := media.Observed{Peer: f.Src, SSRC: f.SSRC, Reverse: f.Reverse, Counters: f.Counters}
		if f.Reverse {
			o.Peer = f.Dst
		}
		to = append(to, o)
	}
	if at := k.other[ep]; at != 0 {
		to = append(to, media.Observed{OtherLast: at})
	}
	return to, k.open[ep]
}

func (k *fakeKernel) Close(ep packet.Endpoint) {
	k.table.Close(ep, 1)
	delete(k.open, ep)
}

// small is the largest datagram that a classic filter takes for a digit.
const small = 60

// pass reports whether the filter would show the packet to user space.
func (k *fakeKernel) pass(p *packet.Packet) bool {
	if parse.IsSIP(p.Payload) {
		return true
	}
	if k.off {
		return len(p.Payload) <= small && p.Payload[0]>>6 == 2
	}
	if v := k.table.Packet(p); v.Kind == media.RTP {
		pt := p.Payload[1] & 127
		s := v.Flow.Spec()
		return s.EventsIn.Has(pt)
	}
	if k.open[p.Dst] {
		k.other[p.Dst] = p.Time
	}
	return false
}

// TestKernelCounts: with the kernel counting, the results of each call are the
// same as without, though user space sees none of the audio.
func TestKernelCounts(t *testing.T) {
	plan, err := testkit.Plan{Calls: 20, RTP: true, Digits: 5, CalleeDigits: 2, EventTypes: [2]uint8{96, 110}}.Fill()
	if err != nil {
		t.Fatal(err)
	}
	run := func(k *fakeKernel) (results []string, rtp uint64) {
		cfg := Config{Book: book(t, plan), Finished: func(l *dialog.Leg, m *counters.MediaResult, _ *party.Book) {
			results = append(results, fmt.Sprintf("%s %+v", l.CallID, m.Sent))
		}}
		if k != nil {
			cfg.Kernel = k
		}
		core := New(cfg)
		decoder := packet.NewDecoder(packet.Limits{})
		_, err := testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
			var p packet.Packet
			if k == nil || decoder.Decode(f, &p) != packet.Payload || k.pass(&p) {
				core.Frame(f)
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		core.Finish()
		return results, core.Snapshot().Media.RTP
	}
	k := newFakeKernel()
	alone, all := run(nil)
	kernel, events := run(k)
	if len(alone) != 20 || fmt.Sprint(alone) != fmt.Sprint(kernel) {
		t.Errorf("results differ:\n%v\n%v", alone, kernel)
	}
	if events*3 > all || events == 0 {
		t.Errorf("user space saw %d RTP packets of %d", events, all)
	}
	if len(k.open) != 0 || k.opened < 40 {
		t.Errorf("%d endpoints still open in the kernel, %d opened", len(k.open), k.opened)
	}
}
