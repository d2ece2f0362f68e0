package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// screen shows live figures: a table that is drawn over itself on a terminal,
// one line a second elsewhere.
type screen struct {
	w        io.Writer
	terminal bool
	source   string // how the agent gets its packets
	drawn    int    // lines to go back
}

func (s *screen) draw(passed, length time.Duration, list []*testkit.Progress, got *status) {
	p := total(list)
	t := got.Calls
	if !s.terminal {
		fmt.Fprintf(s.w, "%3.0f s  setup %d/%d  answered %d/%d  calls %d/%d  ASR %s  digits %d/%d  (played/counted)\n",
			passed.Seconds(), p.setup, t.LiveSetup, p.talking, t.LiveAnswered,
			p.calls, t.Started, percent(t.ASR), p.digits, got.presses())
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Sipward demo, two switches, %s, %.0f of about %.0f s (Ctrl-C ends it)\n\n", s.source, passed.Seconds(), length.Seconds())
	fmt.Fprintf(&b, "%-24s %10s %10s\n", "", "played", "agents")
	line := func(name string, played int64, counted int) {
		fmt.Fprintf(&b, "%-24s %10d %10d\n", name, played, counted)
	}
	line("channels in setup", p.setup, t.LiveSetup)
	line("channels answered", p.talking, t.LiveAnswered)
	line("calls", p.calls, t.Started)
	line("answered", p.answered, t.Answered)
	line("digits", p.digits, got.presses())
	line("registrations", p.registrations, accepted(got))
	line("SIP messages", p.messages, got.SIP.Messages)
	line("RTP packets", p.rtp, got.rtpPackets())
	fmt.Fprintf(&b, "\n%-24s %6s %6s %6s %7s %7s %9s %9s\n", "", "setup", "answ.", "peak", "calls", "ASR", "ACD", "PDD")
	for _, group := range [][]party{{{"all calls", t}}, got.Customers, got.Carriers} {
		for _, f := range group {
			if f.Name == "unknown" && f.Started == 0 {
				continue
			}
			fmt.Fprintf(&b, "%-24s %6d %6d %6d %7d %7s %9s %9s\n", f.Name, f.LiveSetup, f.LiveAnswered, f.Peak, f.Started,
				percent(f.ASR), milliseconds(f.ACD), milliseconds(f.PDD))
		}
	}
	text := b.String()
	up := ""
	if s.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA", s.drawn)
	}
	s.drawn = strings.Count(text, "\n")
	fmt.Fprint(s.w, up+strings.ReplaceAll(text, "\n", "\x1b[K\n"))
}

// accepted are registrations that came to an end, as the generator counts them.
func accepted(s *status) int {
	n := 0
	for code, count := range s.Registrations.Outcomes {
		if code != "401" {
			n += count
		}
	}
	return n
}

// percent and milliseconds show a blank ratio as a dash.
func percent(r ratio) string {
	if r.Value == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100**r.Value)
}

func milliseconds(r ratio) string {
	if r.Value == nil {
		return "-"
	}
	return (time.Duration(*r.Value) * time.Millisecond).Round(10 * time.Millisecond).String()
}

// progressed is what was played on all switches so far.
type progressed struct {
	setup, talking, calls, answered, digits, registrations, messages, rtp int64
}

func total(list []*testkit.Progress) (out progressed) {
	for _, p := range list {
		out.setup += p.Setup.Load()
		out.talking += p.Talking.Load()
		out.calls += p.Calls.Load()
		out.answered += p.Answered.Load()
		out.digits += p.Digits.Load()
		out.registrations += p.Registration.Load()
		out.messages += p.Messages.Load()
		out.rtp += p.RTP.Load()
	}
	return out
}
