package dtmf

import (
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// drop keeps the packets for which keep says so.
func drop(ps []sent, keep func(i int, p sent) bool) (out []sent) {
	for i, p := range ps {
		if keep(i, p) {
			out = append(out, p)
		}
	}
	return out
}

func encode(lists ...[]sent) (out [][]byte) {
	for _, l := range lists {
		for _, p := range l {
			out = append(out, p.bytes())
		}
	}
	return out
}

func reversed(ps []sent) []sent {
	ps = slices.Clone(ps)
	slices.Reverse(ps)
	return ps
}

// rollover is a press of seconds s at hz, in segments (RFC 4733 section
// 2.5.1.3): no marker but in the first packet, no end bit but in the last.
func rollover(hz, seconds int) (out []sent) {
	start, left := uint32(1000), hz*seconds
	for left > 0 {
		whole := min(left, segment)
		for dur := hz / 50; dur < whole; dur += hz / 50 {
			out = append(out, sent{ssrc: 1, ts: start, event: 5, dur: uint16(dur), marker: len(out) == 0})
		}
		left -= whole
		out = append(out, sent{ssrc: 1, ts: start, event: 5, dur: uint16(whole), end: left == 0})
		start += segment
	}
	for i := range out {
		out[i].seq = uint16(i)
	}
	return out
}

func TestEachPressOnce(t *testing.T) {
	press := func(event uint8, ts uint32) []sent { return keyPress(1, ts, uint16(ts), event, 5) }
	two, three := press(2, 1000), press(3, 5000)
	all := make([][]byte, 0, 17)
	for event := range uint8(17) {
		all = append(all, sent{ssrc: 1, ts: uint32(event) * 1600, event: event, dur: 160}.bytes())
	}
	cases := map[string]struct {
		packets [][]byte
		want    string
	}{
		"one press":        {encode(two), "2"},
		"two presses":      {encode(two, three), "23"},
		"events 0-16":      {all, "0123456789*#ABCD!"},
		"nothing":          {nil, ""},
		"start lost":       {encode(two[1:]), "2"},
		"only the end":     {encode(two[len(two)-1:]), "2"},
		"end lost":         {encode(drop(two, func(_ int, p sent) bool { return !p.end }), three), "23"},
		"only the middle":  {encode(two[2:3]), "2"},
		"no marker":        {encode(drop(two, func(_ int, p sent) bool { return !p.marker })), "2"},
		"backwards":        {encode(reversed(two)), "2"},
		"every one twice":  {encode(two[:3], two[:3], two[3:], two[3:]), "2"},
		"late end":         {encode(two[:5], three, two[5:]), "23"},
		"late start":       {encode(two[2:], three, two[:2]), "23"},
		"end before start": {encode(two[5:], two[:5], three), "23"},
		"same digit twice, 10 ms pause": {
			encode(press(7, 1000), press(7, 1000+6*160+80)), "77"},
		"same digit twice, ends lost": {
			encode(press(7, 1000)[:1], press(7, 2000)[:1]), "77"},
		"two digits at one timestamp": {
			encode(press(1, 1000)[:2], press(2, 1000)[:2]), "12"},
		"timestamp wraps": {
			encode(press(1, 0xFFFFFF00), press(1, 0x400)), "11"},
		"SSRC changes, same timestamps": {
			encode(press(4, 1000), keyPress(2, 1000, 1, 4, 5)), "44"},
		"late packet of the old SSRC": {
			encode(press(4, 1000)[:5], keyPress(2, 7000, 1, 5, 5), press(4, 1000)[5:]), "45"},
		"a third SSRC": {
			encode(press(4, 1000), keyPress(2, 1000, 1, 4, 5), keyPress(3, 1000, 1, 4, 5)), "444"},
		"late by seven presses": {
			encode(press(1, 100)[:6], press(2, 2100), press(3, 4100), press(4, 6100), press(5, 8100), press(6, 10100),
				press(7, 12100), press(8, 14100), press(1, 100)[6:]), "12345678"},
		"marker on every packet": {
			func() (out [][]byte) {
				for _, p := range two {
					p.marker = true
					out = append(out, p.bytes())
				}
				return out
			}(), "2"},
		"audio between": {
			[][]byte{two[0].bytes(), raw(audioPT, false, 9, 1160, 1, make([]byte, 160)), two[1].bytes()}, "2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { check(t, c.packets, c.want) })
	}
}

func TestLongPresses(t *testing.T) {
	segmentIs := func(n uint32) func(int, sent) bool {
		return func(_ int, p sent) bool { return p.ts == 1000+n*segment }
	}
	atEnd := func(_ int, p sent) bool { return p.dur != segment }
	for _, hz := range []int{8000, 16000, 32000, 44100, 48000} {
		long := rollover(hz, 20)
		cases := map[string][]sent{
			"whole":                      long,
			"segment ends lost":          drop(long, atEnd),
			"every second packet":        drop(long, func(i int, _ sent) bool { return i%2 == 0 }),
			"one packet of each segment": drop(long, func(_ int, p sent) bool { return p.dur == uint16(hz/50) }),
			"first two segments change places": slices.Concat(drop(long, segmentIs(1)), drop(long, segmentIs(0)),
				drop(long, func(_ int, p sent) bool { return p.ts > 1000+segment })),
			"second segment wholly lost": drop(long, func(_ int, p sent) bool { return p.ts != 1000+segment }),
			"first segment wholly lost":  drop(long, func(_ int, p sent) bool { return p.ts != 1000 }),
		}
		for name, packets := range cases {
			t.Run(name, func(t *testing.T) {
				check(t, encode(packets), "5")
			})
		}
	}
	t.Run("segment in whole packets", func(t *testing.T) {
		check(t, encode([]sent{
			{ssrc: 1, ts: 100, event: 5, dur: 65440},
			{ssrc: 1, ts: 100 + 65440, event: 5, dur: 160},
			{ssrc: 1, ts: 100 + 65440, event: 5, dur: 320, end: true},
		}), "5")
	})
	t.Run("ended, then the same digit a segment later", func(t *testing.T) {
		check(t, encode([]sent{
			{ssrc: 1, ts: 100, event: 5, dur: 800, end: true},
			{ssrc: 1, ts: 100 + segment, event: 5, dur: 160},
		}), "55")
	})
	t.Run("another digit a segment later", func(t *testing.T) {
		check(t, encode([]sent{
			{ssrc: 1, ts: 100, event: 5, dur: segment},
			{ssrc: 1, ts: 100 + segment, event: 6, dur: 160},
		}), "56")
	})
}

func TestSeveralEventsInAPacket(t *testing.T) {
	three := join(one(1, 800, true), one(2, 800, true), one(3, 160, false))
	eight := join(one(1, 80, true), one(2, 80, true), one(3, 80, true), one(4, 80, true),
		one(5, 80, true), one(6, 80, true), one(7, 80, true), one(8, 80, true))
	cases := map[string]struct {
		packets [][]byte
		want    string
		counts  Counts
	}{
		"three": {[][]byte{raw(eventPT, true, 1, 1000, 1, three)}, "123", Counts{}},
		"three, then the last goes on alone": {[][]byte{
			raw(eventPT, true, 1, 1000, 1, three), sent{ssrc: 1, ts: 2600, event: 3, dur: 320}.bytes(),
			sent{ssrc: 1, ts: 2600, event: 3, dur: 480, end: true}.bytes()}, "123", Counts{}},
		"the same digit twice": {[][]byte{raw(eventPT, true, 1, 1000, 1, join(one(9, 800, true), one(9, 160, false)))}, "99", Counts{}},
		"eight, three times": {[][]byte{raw(eventPT, true, 1, 1000, 1, eight), raw(eventPT, true, 2, 1000, 1, eight),
			raw(eventPT, true, 3, 1000, 1, eight)}, "12345678", Counts{}},
		"nine are too many":       {[][]byte{raw(eventPT, true, 1, 1000, 1, join(eight, one(9, 80, true)))}, "", Counts{Unlikely: 1}},
		"the first has no end":    {[][]byte{raw(eventPT, true, 1, 1000, 1, join(one(1, 800, false), one(2, 160, false)))}, "", Counts{Unlikely: 1}},
		"the first has no length": {[][]byte{raw(eventPT, true, 1, 1000, 1, join(one(1, 0, true), one(2, 160, false)))}, "", Counts{Unlikely: 1}},
		"one is no key":           {[][]byte{raw(eventPT, true, 1, 1000, 1, join(one(1, 800, true), one(40, 160, false)))}, "", Counts{BadEvent: 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := check(t, c.packets, c.want)
			got.Packets, got.Presses = 0, 0
			if got != c.counts {
				t.Errorf("counts %+v, want %+v", got, c.counts)
			}
		})
	}
}

func TestRedundancy(t *testing.T) {
	audio := make([]byte, 20)
	wrap := func(seq uint16, ts uint32, blocks ...block) []byte {
		return raw(redPT, false, seq, ts, 1, red(blocks...))
	}
	cases := map[string]struct {
		packets [][]byte
		want    string
	}{
		"primary only": {[][]byte{wrap(1, 1000, block{eventPT, 0, one(6, 160, false)})}, "6"},
		"the lost press comes again": {[][]byte{
			wrap(2, 9000, block{eventPT, 1600, one(6, 800, true)}, block{eventPT, 0, one(7, 160, false)})}, "67"},
		"repeated presses count once": {[][]byte{
			wrap(1, 7400, block{eventPT, 0, one(6, 800, true)}),
			wrap(2, 9000, block{eventPT, 1600, one(6, 800, true)}, block{eventPT, 0, one(7, 160, false)}),
			wrap(3, 9000, block{eventPT, 1600, one(6, 800, true)}, block{eventPT, 0, one(7, 320, false)})}, "67"},
		"bare and redundant": {[][]byte{
			sent{ssrc: 1, ts: 7400, event: 6, dur: 800, end: true}.bytes(),
			wrap(2, 9000, block{eventPT, 1600, one(6, 800, true)}, block{eventPT, 0, one(7, 160, false)})}, "67"},
		"two redundant": {[][]byte{
			wrap(1, 20000, block{eventPT, 16383, one(1, 800, true)}, block{eventPT, 8000, one(2, 800, true)},
				block{eventPT, 0, one(3, 160, false)})}, "123"},
		"audio primary, event redundant": {[][]byte{
			wrap(1, 9000, block{eventPT, 1600, one(6, 800, true)}, block{audioPT, 0, audio})}, "6"},
		"audio redundant, event primary": {[][]byte{
			wrap(1, 9000, block{audioPT, 160, audio}, block{eventPT, 0, one(6, 800, true)})}, "6"},
		"audio only":            {[][]byte{wrap(1, 9000, block{audioPT, 160, audio}, block{audioPT, 0, audio})}, ""},
		"four bytes of audio":   {[][]byte{wrap(1, 9000, block{audioPT, 0, one(6, 800, true)})}, ""},
		"empty redundant block": {[][]byte{wrap(1, 9000, block{eventPT, 160, nil}, block{eventPT, 0, one(6, 800, true)})}, "6"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := check(t, c.packets, c.want); got.Malformed+got.BadLength+got.BadEvent+got.Unlikely != 0 {
				t.Errorf("counted as bad: %+v", got)
			}
		})
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	good := sent{ssrc: 1, ts: 1, event: 1, dur: 160}.bytes()
	extended := raw(eventPT, false, 1, 1, 1, nil)
	extended[0] |= 0x10
	cases := map[string]struct {
		packet []byte
		want   Counts
	}{
		"event 17":           {sent{event: 17, dur: 160}.bytes(), Counts{Packets: 1, BadEvent: 1}},
		"event 255":          {sent{event: 255, dur: 160}.bytes(), Counts{Packets: 1, BadEvent: 1}},
		"no payload":         {raw(eventPT, false, 1, 1, 1, nil), Counts{Packets: 1, BadLength: 1}},
		"3 bytes":            {raw(eventPT, false, 1, 1, 1, make([]byte, 3)), Counts{Packets: 1, BadLength: 1}},
		"5 bytes":            {raw(eventPT, false, 1, 1, 1, make([]byte, 5)), Counts{Packets: 1, BadLength: 1}},
		"160 bytes":          {raw(eventPT, false, 1, 1, 1, make([]byte, 160)), Counts{Packets: 1, Unlikely: 1}},
		"short header":       {good[:11], Counts{Packets: 1, Malformed: 1}},
		"two bytes":          {good[:2], Counts{Packets: 1, Malformed: 1}},
		"one byte":           {good[:1], Counts{Malformed: 1}},
		"empty":              {nil, Counts{Malformed: 1}},
		"extension missing":  {extended, Counts{Packets: 1, Malformed: 1}},
		"version 1":          {append([]byte{0x40}, good[1:]...), Counts{Packets: 1, Malformed: 1}},
		"another type":       {sent{pt: 96, event: 1, dur: 160}.bytes(), Counts{}},
		"padding over all":   {append([]byte{0xA0}, append(slices.Clone(good[1:15]), 200)...), Counts{Packets: 1, Malformed: 1}},
		"RED without blocks": {raw(redPT, false, 1, 1, 1, nil), Counts{Packets: 1, Malformed: 1}},
		"RED header cut":     {raw(redPT, false, 1, 1, 1, []byte{0xE5, 0}), Counts{Packets: 1, Malformed: 1}},
		"RED never ends":     {raw(redPT, false, 1, 1, 1, slices.Repeat([]byte{0xE5, 0, 0, 0}, 40)), Counts{Packets: 1, Malformed: 1}},
		"RED block too long": {raw(redPT, false, 1, 1, 1, []byte{0xE5, 0, 0, 200, eventPT, 1, 2, 3}), Counts{Packets: 1, Malformed: 1}},
		"RED with event 17":  {raw(redPT, false, 1, 1, 1, red(block{eventPT, 0, one(17, 1, false)})), Counts{Packets: 1, BadEvent: 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := check(t, [][]byte{c.packet}, ""); got != c.want {
				t.Errorf("counts %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestHeaderVariants has what may stand around an event: contributing sources,
// extensions, padding.
func TestHeaderVariants(t *testing.T) {
	event := one(8, 160, false)
	plain := raw(eventPT, true, 1, 1, 1, nil)
	with := func(bits byte, parts ...[]byte) []byte {
		b := append(slices.Clone(plain), join(parts...)...)
		b[0] |= bits
		return b
	}
	cases := map[string][]byte{
		"two contributing sources": with(0x02, make([]byte, 8), event),
		"one-byte extension":       with(0x10, []byte{0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0, 0}, event),
		"own extension":            with(0x10, []byte{0x12, 0x34, 0, 2}, make([]byte, 8), event),
		"empty extension":          with(0x10, []byte{0x12, 0x34, 0, 0}, event),
		"padding":                  with(0x20, event, []byte{0, 0, 0, 4}),
		"all three":                with(0x31, make([]byte, 4), []byte{0x12, 0x34, 0, 0}, event, []byte{0, 2}),
	}
	for name, packet := range cases {
		t.Run(name, func(t *testing.T) { check(t, [][]byte{packet}, "8") })
	}
}

func TestDigitsAreBoundedAndTheCountGoesOn(t *testing.T) {
	var d Detector
	var s State
	for i := range MaxDigits + 50 {
		d.Step(&s, sent{ssrc: 1, ts: uint32(i) * 1600, event: 1, dur: 160, end: true}.bytes(), negotiated, true)
	}
	if s.Count() != MaxDigits+50 || s.Digits() != strings.Repeat("1", MaxDigits) {
		t.Errorf("count %d, %d digits", s.Count(), len(s.Digits()))
	}
}

func TestDigitsAreKeptOnlyOnDemand(t *testing.T) {
	var d Detector
	var s State
	n := d.Step(&s, sent{ssrc: 1, ts: 1, event: 1, dur: 160}.bytes(), negotiated, false)
	if n != 1 || s.Count() != 1 || s.Digits() != "" {
		t.Errorf("new %d, count %d, digits %q", n, s.Count(), s.Digits())
	}
}

func TestKept(t *testing.T) {
	var d Detector
	var s State
	for _, p := range []sent{
		{ssrc: 1, ts: 800, event: 1, dur: 160}, {ssrc: 1, ts: 800, event: 1, dur: 320, end: true},
		{ssrc: 1, ts: 4000, event: 11, dur: 160}, {ssrc: 1, ts: 9000, event: 16, dur: 160, end: true},
	} {
		d.Step(&s, p.bytes(), negotiated, true)
	}
	want := []Press{{800, '1'}, {4000, '#'}, {9000, '!'}}
	if !slices.Equal(s.Kept(), want) || s.Digits() != "1#!" {
		t.Errorf("kept %v, digits %q", s.Kept(), s.Digits())
	}
}

func TestStateIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(State{}); size > 104 {
		t.Errorf("a State takes %d bytes", size)
	}
}

// check runs the packets and compares the digits, the count, and the sum of
// what each step reported.
func check(t *testing.T, packets [][]byte, want string) Counts {
	t.Helper()
	var d Detector
	var s State
	sum := 0
	for _, p := range packets {
		sum += d.Step(&s, p, negotiated, true)
	}
	if s.Digits() != want || s.Count() != len(want) || sum != len(want) || d.Counts.Presses != uint64(len(want)) {
		t.Errorf("digits %q, count %d, sum %d, presses %d; want %q", s.Digits(), s.Count(), sum, d.Counts.Presses, want)
	}
	return d.Counts
}
