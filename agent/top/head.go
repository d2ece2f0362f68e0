package top

import (
	"time"

	"github.com/sipward/sipward/agent/admin"
)

// headLines are the agent and all its calls, the most important first.
func (m *model) headLines() []*line {
	first := m.title()
	alerts := m.alerts()
	if m.head == nil {
		return append([]*line{first}, alerts...)
	}
	out := append([]*line{first}, alerts...)
	out = append(out, flow(m.channels(), m.w)...)
	out = append(out, flow(figures(&m.head.Total), m.w)...)
	return append(out, flow(m.losses(), m.w)...)
}

// title is who the agent is, and the time on the right.
func (m *model) title() *line {
	l, right := &line{}, &line{}
	right.add(plain, m.now().Format(time.TimeOnly))
	if m.paused {
		right = (&line{}).add(warn, "paused").add(plain, " "+m.seen.Format(time.TimeOnly))
	}
	if m.head == nil {
		l.add(strong, "sipward-agent top")
	} else {
		h, g := m.head, m.glyphs
		mode := h.Mode
		if mode == "" {
			mode = "no capture yet"
		}
		l.add(strong, clean(h.Node, g.ascii)).add(quiet, "  up ").add(plain, clock(time.Duration(h.Now-h.StartedAt)*time.Millisecond))
		l.add(quiet, "  capture ").add(plain, clean(mode, g.ascii))
		if len(h.NotReady) == 0 {
			l.add(plain, "  ready")
		}
		l.add(quiet, "  "+clean(h.Version, g.ascii))
	}
	if room := m.w - right.width - 2; l.width > room {
		l = l.cut(max(room, 0), m.glyphs)
	}
	return l.pad(m.w - right.width).join(right)
}

// channels are the live gauges.
func (m *model) channels() []*line {
	t := &m.head.Total
	of := ""
	if t.Channels > 0 {
		of = " of " + grouped(t.Channels)
		if m.head.Unlimited > 0 {
			of += "+" // there are customers without a limit
		}
	}
	in := labelled("channels", strong, grouped(t.Live())).add(quiet, of)
	full, rest := m.glyphs.bar(t.Live(), uint64(max(t.Channels, 0)), 10) // not negative
	if full+rest != "" && m.head.Unlimited == 0 {
		in.add(plain, " ").add(loadTone(t, good), full).add(quiet, rest)
	}
	return []*line{
		in,
		labelled("setup", plain, grouped(t.Setup)),
		labelled("talking", plain, grouped(t.Answered)),
		labelled("peak", plain, grouped(t.Peak)),
		labelled("calls/s", plain, grouped(t.Rate)),
	}
}

// figures are those since the start.
func figures(t *admin.TopParty) []*line {
	return []*line{
		labelled("since start", plain, grouped(t.Started)).add(quiet, " calls"),
		labelled("ASR", plain, percent(t.ASR)),
		labelled("ACD", plain, average(t.ACD)),
		labelled("DTMF", plain, percent(t.DTMF)),
		labelled("NER", plain, percent(t.NER)),
		labelled("PDD", plain, delay(t.PDD)),
	}
}

// losses are what was refused, what was lost, and what waits.
func (m *model) losses() []*line {
	h := m.head
	refused := "refused"
	if h.GuardMode == "monitor" {
		refused = "would refuse"
	}
	out := []*line{
		labelled(refused, plain, grouped(h.Refused)),
		labelled("drops", alarm(h.KernelLost), grouped(h.KernelLost)).add(quiet, " kernel ").add(alarm(h.OtherLost), grouped(h.OtherLost)).add(quiet, " other"),
	}
	if h.Sync == nil {
		return append(out, (&line{}).add(quiet, "no uplink"))
	}
	spool := labelled("spool", plain, grouped(h.Sync.Records)).add(quiet, " rec ").add(plain, size(h.Sync.Bytes))
	if h.Sync.OldestUnackedMs > 0 {
		t := plain
		if h.Sync.OldestUnackedMs > oldRecord {
			t = warn
		}
		spool.add(t, " "+age(h.Sync.OldestUnackedMs))
	}
	return append(out, spool, uplink(h.Sync))
}

// oldRecord is how old the oldest unsent record may be, in milliseconds, before its age
// is shown.
const oldRecord = 60_000

// uplink is the way to the collectors.
func uplink(s *admin.TopSync) *line {
	switch {
	case !s.Connected:
		return labelled("uplink", bad, "DOWN")
	case !s.Answered:
		return labelled("uplink", warn, "no collector")
	}
	return labelled("uplink", plain, "up")
}

// alarm is the tone of a count that should be nothing.
func alarm(n uint64) tone {
	if n > 0 {
		return warn
	}
	return plain
}

// helpLines is what `?` shows.
func (m *model) helpLines() []*line {
	rows := [][2]string{
		{"", "Keys"},
		{"Tab  1  2", "customers, carriers"},
		{"j k  PgUp PgDn  g G", "move, as the arrows do; first, last"},
		{"< >", "sort by another column, as the arrows do"},
		{"r", "reverse the order"},
		{"/", "filter by a part of the name, or of a call"},
		{"Enter  Esc", "calls in progress of one line, and back"},
		{"p  Space", "pause"},
		{"q", "quit"},
		{"", ""},
		{"", "Columns; all but the live ones count since the agent's start"},
		{"in use, load", "channels now, of those configured; setup and talking"},
		{"5 min", "channels of the last five minutes, now on the right"},
		{"c/s, calls, tries", "calls in the last second; calls, of carriers attempts"},
		{"ASR  NER", "answered, and not the network's fault, of all outcomes"},
		{"ACD  PDD", "average minutes:seconds of a call; delay until it rings"},
		{"DTMF", "calls with a key pressed, of those that could be heard"},
		{"drops", "packets lost by the kernel; all that was lost elsewhere"},
		{"spool", "records that wait for a collector: size, age of the oldest"},
		{"-", "no calls to speak of; not 0"},
	}
	out := []*line{(&line{}).add(strong, "sipward-agent top").add(quiet, "   any key goes back"), {}}
	for _, r := range rows {
		l := &line{}
		if r[0] == "" {
			out = append(out, l.add(strong, r[1]))
			continue
		}
		out = append(out, l.add(plain, "  "+r[0]).pad(24).add(quiet, r[1]))
	}
	return out
}
