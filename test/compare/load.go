package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// load is a capture, and what is in it.
type load struct {
	name string
	plan testkit.Plan
	file string
	want *testkit.Expected
}

// plain is calls without media: what is measured is SIP.
func (o *options) plain() *load {
	return &load{name: "sip", plan: testkit.Plan{Seed: o.seed, Calls: o.calls, Rate: 500, Challenge: true}}
}

// withMedia is calls with G.711 both ways and four digits each. More than a
// thousand are in progress at a time where there are as many.
func (o *options) withMedia() *load {
	return &load{name: "media", plan: testkit.Plan{Seed: o.seed, Calls: o.mediaCalls, Rate: 200, Challenge: true, RTP: true, Digits: 4}}
}

// write makes the capture: all calls are answered, over a proxy that asks for a
// password, and both its hops are seen.
func (l *load) write(dir string) (_ *load, err error) {
	p := &l.plan
	p.SwitchIP, p.Customer, p.Carrier = netip.AddrFrom4([4]byte{10, 0, 0, 10}), netip.AddrFrom4([4]byte{10, 1, 0, 1}), netip.AddrFrom4([4]byte{10, 2, 0, 1})
	if l.plan, err = p.Fill(); err != nil {
		return nil, err
	}
	l.file = filepath.Join(dir, l.name+".pcapng")
	f, err := os.Create(l.file)
	if err != nil {
		return nil, fmt.Errorf("make a capture: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	pcap, err := testkit.NewPcap(w)
	if err != nil {
		return nil, err
	}
	if l.want, err = testkit.Generate(l.plan, pcap); err != nil {
		return nil, err
	}
	for _, finish := range []func() error{pcap.Flush, w.Flush, f.Close} {
		if err := finish(); err != nil {
			return nil, fmt.Errorf("make a capture: %w", err)
		}
	}
	return l, nil
}

func (l *load) packets() int { return l.want.Messages + l.want.RTPPackets }

// played is how much there is of what a tool counts.
func (l *load) played(unit string) int {
	return map[string]int{calls: l.want.Calls.Total, messages: l.want.Messages, rtp: l.want.RTPPackets, digits: l.want.DigitCount}[unit]
}

// String says what the capture holds.
func (l *load) String() string {
	s := fmt.Sprintf("%d answered calls, %d SIP messages", l.want.Calls.Total, l.want.Messages)
	if l.plan.RTP {
		s += fmt.Sprintf(", %d RTP packets, %d digits, %d calls in progress at most", l.want.RTPPackets, l.want.DigitCount, l.want.Calls.MaxLive)
	}
	return s + fmt.Sprintf("; seed %d, %v long", l.plan.Seed, time.Duration(l.want.Last-l.want.First).Round(time.Second))
}
