package media

import (
	"testing"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

func TestWhatIsRTP(t *testing.T) {
	good := voice(phone, relay, 1, 1, 1)[0]
	change := func(f func(p *packet.Packet)) *packet.Packet {
		p := *good
		p.Payload = append([]byte(nil), good.Payload...)
		f(&p)
		return &p
	}
	cases := map[string]struct {
		packet *packet.Packet
		want   Kind
	}{
		"rtp":                {good, RTP},
		"marker":             {change(func(p *packet.Packet) { p.Payload[1] |= markerBit }), RTP},
		"header only":        {change(func(p *packet.Packet) { p.Payload = p.Payload[:12] }), RTP},
		"type 127, marker":   {change(func(p *packet.Packet) { p.Payload[1] = 255 }), RTP},
		"header cut":         {change(func(p *packet.Packet) { p.Payload = p.Payload[:11] }), NotMedia},
		"empty":              {change(func(p *packet.Packet) { p.Payload = nil }), NotMedia},
		"version 0: STUN":    {change(func(p *packet.Packet) { p.Payload[0] = 0 }), NotMedia},
		"version 1":          {change(func(p *packet.Packet) { p.Payload[0] = 0x40 }), NotMedia},
		"version 3":          {change(func(p *packet.Packet) { p.Payload[0] = 0xC0 }), NotMedia},
		"keep-alive":         {change(func(p *packet.Packet) { p.Payload = []byte("\r\n\r\n") }), NotMedia},
		"sender report":      {change(func(p *packet.Packet) { p.Payload[1] = 200 }), RTCP},
		"first RTCP type":    {change(func(p *packet.Packet) { p.Payload[1] = 192 }), RTCP},
		"last RTCP type":     {change(func(p *packet.Packet) { p.Payload[1] = 223 }), RTCP},
		"RTCP of 8 bytes":    {change(func(p *packet.Packet) { p.Payload = []byte{0x80, 201, 0, 1, 0, 0, 0, 1} }), RTCP},
		"TCP":                {change(func(p *packet.Packet) { p.Transport = packet.TCP }), NotMedia},
		"nobody announced":   {change(func(p *packet.Packet) { p.Src, p.Dst = nat, carrier }), NotMedia},
		"the port beside it": {change(func(p *packet.Packet) { p.Dst.Port++ }), NotMedia},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{})
			open(t, table, relay, spec(7, Callee))
			v := table.Packet(c.packet)
			if v.Kind != c.want {
				t.Fatalf("%v, want %v", v.Kind, c.want)
			}
			if owner := map[bool]uint64{true: 7}[c.want != NotMedia]; v.Owner != owner {
				t.Errorf("owner %d, want %d", v.Owner, owner)
			}
			if rtp := c.want == RTP; (v.Flow != nil) != rtp || (table.Stats.RTP == 1) != rtp || (table.Stats.RTCP == 1) != (c.want == RTCP) {
				t.Errorf("flow %v, stats %+v", v.Flow, table.Stats)
			}
		})
	}
}

func TestFlowCounters(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(7, Callee))
	feed(table, voice(phone, relay, 5, 100, 50))
	f := only(t, table, relay, 7)
	want := Counters{Packets: 50, Bytes: 50 * 172, First: 100 * 20 * ms, Last: 149 * 20 * ms}
	if f.Counters != want {
		t.Errorf("counters %+v, want %+v", f.Counters, want)
	}
	if f.Src != phone || f.Dst != relay || f.SSRC != 5 || f.Reverse || f.To() != Callee {
		t.Errorf("flow %+v", f)
	}
}

// TestReverse has a phone behind a symmetric NAT: it announced an address that
// packets neither come from nor go to, so only the relay's end is known.
func TestReverse(t *testing.T) {
	table := NewTable(Options{Digits: true})
	s := spec(7, Callee)
	s.EventsIn, s.EventsOut = set(101), set(96)
	open(t, table, relay, s)
	open(t, table, phone, spec(7, Caller))
	to := key(nat, relay, 1, 800, 1)
	from := key(relay, nat, 2, 800, 2)
	for _, p := range from {
		p.Payload[1] = p.Payload[1]&markerBit | 96
	}
	wrong := key(relay, nat, 2, 4000, 9) // type 101 is not negotiated this way
	feed(table, to, from, wrong)
	got := map[bool]*Flow{}
	for f := range table.Flows(relay, 7) {
		got[f.Reverse] = f
	}
	if len(got) != 2 {
		t.Fatalf("flows %v", got)
	}
	if f := got[false]; f.Digits() != "1" || f.To() != Callee || f.Src != nat {
		t.Errorf("to the relay: %q to %v", f.Digits(), f.To())
	}
	if f := got[true]; f.Digits() != "2" || f.To() != Caller || f.Dst != nat || f.EventPackets != 6 {
		t.Errorf("from the relay: %q to %v, %d events", f.Digits(), f.To(), f.EventPackets)
	}
}

func TestBothEndsAnnouncedIsOneFlow(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(7, Callee))
	open(t, table, phone, spec(7, Caller))
	feed(table, voice(phone, relay, 1, 1, 3), voice(relay, phone, 2, 1, 4))
	if f := only(t, table, relay, 7); f.Packets != 3 || f.Reverse {
		t.Errorf("to the relay %+v", f)
	}
	if f := only(t, table, phone, 7); f.Packets != 4 || f.Reverse {
		t.Errorf("to the phone %+v", f)
	}
	if table.Stats.Streams != 2 || table.Stats.RTP != 7 {
		t.Errorf("stats %+v", table.Stats)
	}
}

// TestSRTPIsNeverDecoded feeds plain events to an announcement that says SRTP:
// were they ciphertext, the digits would be invented.
func TestSRTPIsNeverDecoded(t *testing.T) {
	table := NewTable(Options{Digits: true})
	s := spec(7, Callee)
	s.Encrypted = true
	open(t, table, relay, s)
	feed(table, voice(phone, relay, 1, 1, 3), key(phone, relay, 1, 800, 5))
	f := only(t, table, relay, 7)
	if f.Presses() != 0 || f.Digits() != "" || table.Events().Packets != 0 {
		t.Errorf("presses %d, digits %q", f.Presses(), f.Digits())
	}
	if f.Packets != 9 || f.EventPackets != 6 || table.Stats.Encrypted != 6 {
		t.Errorf("packets %d, events %d, stats %+v", f.Packets, f.EventPackets, table.Stats)
	}
	if got := Summarize(table.Close(relay, 7), Callee, 0); !got.Encrypted {
		t.Error("the summary does not say that it is encrypted")
	}
}

func TestEventTypes(t *testing.T) {
	press := key(phone, relay, 1, 800, 5)
	red := rtp{src: phone, dst: relay, ssrc: 1, ts: 800, pt: redPT, payload: []byte{eventPT, 5, 10, 0, 160}}.packet()
	cases := map[string]struct {
		change  func(s *Spec)
		packets []*packet.Packet
		want    string
	}{
		"negotiated":            {func(*Spec) {}, press, "5"},
		"not negotiated":        {func(s *Spec) { s.EventsIn = set() }, press, ""},
		"another type":          {func(s *Spec) { s.EventsIn = set(96) }, press, ""},
		"several types":         {func(s *Spec) { s.EventsIn = set(96, 101) }, press, "5"},
		"only the other way":    {func(s *Spec) { s.EventsIn, s.EventsOut = set(96), set(101) }, press, ""},
		"redundancy":            {func(s *Spec) { s.RedundantIn = set(redPT) }, []*packet.Packet{red}, "5"},
		"redundancy unknown":    {func(*Spec) {}, []*packet.Packet{red}, ""},
		"redundancy other way":  {func(s *Spec) { s.RedundantOut = set(redPT) }, []*packet.Packet{red}, ""},
		"redundancy of audio":   {func(s *Spec) { s.RedundantIn, s.EventsIn = set(redPT), set(96) }, []*packet.Packet{red}, ""},
		"bare and redundant":    {func(s *Spec) { s.RedundantIn = set(redPT) }, append([]*packet.Packet{red}, press...), "5"},
		"announced clock 48000": {func(s *Spec) { s.ClockHz = 48000 }, press, "5"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Options{Digits: true})
			s := spec(7, Callee)
			c.change(&s)
			open(t, table, relay, s)
			sum := 0
			for _, p := range c.packets {
				sum += table.Packet(p).Digits
			}
			if f := only(t, table, relay, 7); f.Digits() != c.want || f.Presses() != len(c.want) || sum != len(c.want) {
				t.Errorf("digits %q, presses %d, sum %d; want %q", f.Digits(), f.Presses(), sum, c.want)
			}
		})
	}
}

func TestDigitsAreOnlyCountedByDefault(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(7, Callee))
	feed(table, key(phone, relay, 1, 800, 5))
	if f := only(t, table, relay, 7); f.Presses() != 1 || f.Digits() != "" {
		t.Errorf("presses %d, digits %q", f.Presses(), f.Digits())
	}
}

// TestCutPackets has a capture with a short snap length: four bytes of a longer
// payload must not pass for an event.
func TestCutPackets(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(7, Callee))
	for _, p := range key(phone, relay, 1, 800, 5) {
		p.Truncated = true
		table.Packet(p)
	}
	if f := only(t, table, relay, 7); f.Presses() != 0 || f.Packets != 6 || table.Stats.Cut != 6 {
		t.Errorf("presses %d, packets %d, cut %d", f.Presses(), f.Packets, table.Stats.Cut)
	}
}

// TestEventsDoNotCountAsJitter: all packets of a press carry the timestamp of
// its start.
func TestEventsDoNotCountAsJitter(t *testing.T) {
	table := NewTable(Options{})
	open(t, table, relay, spec(7, Callee))
	feed(table, voice(phone, relay, 1, 1, 50))
	press := key(phone, relay, 1, 50*160, 5)
	for i, p := range press {
		p.Time = 50*20*ms + int64(i)*20*ms
	}
	feed(table, press)
	if f := only(t, table, relay, 7); f.Jitter != 0 || f.Packets != 56 {
		t.Errorf("jitter %d ns after %d packets", f.Jitter, f.Packets)
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want uint32
	}{
		{Spec{ClockHz: 48000, Kind: parse.Audio}, 48000},
		{Spec{ClockHz: 1000, Kind: parse.OtherMedia}, 1000},
		{Spec{ClockHz: 8, Kind: parse.Audio}, 8000}, // no format has such a clock
		{Spec{ClockHz: 8, Kind: parse.Video}, 90000},
		{Spec{Kind: parse.Audio}, 8000},
	} {
		if got := c.spec.Clock(); got != c.want {
			t.Errorf("%+v: %d Hz, want %d", c.spec, got, c.want)
		}
	}
}
