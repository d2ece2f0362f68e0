package admin

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
)

// WriteTable prints r for people.
func WriteTable(w io.Writer, r *Report) error {
	fmt.Fprintf(w, "%s  sipward-agent %s  up %s  capture %s  %s\n", r.Node, r.Version, time.Duration(r.UptimeS)*time.Second, or(r.Mode, "none"), ready(r))
	for _, why := range r.Suspect {
		fmt.Fprintf(w, "SUSPECT: %s\n", why)
	}
	now := time.UnixMilli(r.StartedAt).Add(time.Duration(r.UptimeS) * time.Second)
	for i := range r.Certificates {
		if why := r.Certificates[i].Attention(now); why != "" {
			fmt.Fprintf(w, "ATTENTION: %s\n", why)
		}
	}
	if err := writeFigures(w, r); err != nil {
		return err
	}
	c := &r.Calls
	fmt.Fprintf(w, "\nRFC 6076     SER %s = 200 / (INVITE - 3xx), SEER %s = {200, 480, 486, 600, 603} / (INVITE - 3xx)\n", percent(c.SER), percent(c.SEER))
	fmt.Fprintf(w, "             ISA %s = {408, 500, 503, 504} / INVITE, SCR %s = completed / INVITE\n", percent(c.ISA), percent(c.SCR))
	fmt.Fprintf(w, "ended        %s\n", words(c.ByRelease))
	fmt.Fprintf(w, "media        %s\n", words(c.Media))
	fmt.Fprintf(w, "digits       %d from callers, %d from callees; SIP INFO %d, %d; %s of the answered calls that could be heard\n",
		c.Digits.Caller, c.Digits.Callee, c.Info.Caller, c.Info.Callee, percent(c.DTMFShare))
	fmt.Fprintf(w, "SIP          %d messages (%s), %d sent again, %d captured twice, %d malformed\n",
		r.SIP.Messages, words(r.SIP.Transports), r.SIP.Retransmissions, r.SIP.Duplicates, r.SIP.Malformed)
	fmt.Fprintf(w, "REGISTER     %d requests, %d transactions (%s)\n", r.Registrations.Requests, r.Registrations.Transactions, outcomes(&r.Registrations))
	fmt.Fprintf(w, "agent        %d frames, %d of %d legs, %d of %d media endpoints\n",
		r.Agent.Frames, r.Agent.LiveLegs, r.Agent.MaxLegs, r.Agent.Endpoints, r.Agent.MaxEndpoints)
	writeDrops(w, &r.Agent)
	writeSync(w, r.Sync)
	writeGuard(w, r.Guard, now)
	for _, i := range r.Agent.Interfaces {
		fmt.Fprintf(w, "interface    %s %s\n", i.Name, i.State)
	}
	for _, l := range r.Agent.Listeners {
		fmt.Fprintf(w, "HEP          %s %s  %d packets; refused %d without the key, %d malformed\n", l.Network, l.Address, l.Packets, l.Unauthorized, l.Malformed)
	}
	return nil
}

// WriteFigures prints the figures of customers and carriers for people.
func WriteFigures(w io.Writer, s *counters.Snapshot) error {
	return writeFigures(w, &Report{Calls: newFigures(&s.Total), Customers: newParties(s.Customers), Carriers: newParties(s.Carriers)})
}

func writeFigures(w io.Writer, r *Report) error {
	t := &table{tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight), nameWidth(r)}
	t.figures("calls by customer", r.Customers, &r.Calls)
	t.figures("attempts by carrier", r.Carriers, nil)
	return t.Flush()
}

type table struct {
	*tabwriter.Writer
	width int // of the first column, which is aligned to the left
}

// titles of the tables are at least as wide as this.
const titleWidth = len("attempts by carrier")

func nameWidth(r *Report) int {
	width := titleWidth
	for _, ps := range [][]Party{r.Customers, r.Carriers} {
		for i := range ps {
			width = max(width, len(ps[i].Name))
		}
	}
	return width
}

// figures prints one line a party, and the total when there is one.
func (t *table) figures(title string, parties []Party, total *Figures) {
	fmt.Fprintf(t, "\n%-*s\tlive\tsetup\tanswered\tpeak\tlimit\tstarted\tanswered\tASR\tACD\tNER\tPDD\tone-way\tno media\t\n", t.width, title)
	for i := range parties {
		p := &parties[i]
		if p.Name == party.UnknownName && p.Started == 0 && p.SeenMidcall == 0 {
			continue
		}
		t.line(p.Name, limit(p.Channels), &p.Figures)
	}
	if total != nil {
		t.line("total", "", total)
	}
}

func (t *table) line(name, limit string, f *Figures) {
	fmt.Fprintf(t, "%-*s\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t\n", t.width, name, f.Live, f.LiveSetup, f.LiveAnswered, f.Peak, limit,
		f.Started, f.Answered, percent(f.ASR), duration(f.ACD), percent(f.NER), duration(f.PDD), f.Media["one_way"], f.Media["answered_without_media"])
}

func ready(r *Report) string {
	if r.Ready {
		return "ready"
	}
	return "NOT READY: " + strings.Join(r.NotReady, "; ")
}

func limit(channels int) string {
	if channels == 0 {
		return ""
	}
	return fmt.Sprint(channels)
}

// percent prints a ratio; no calls is blank.
func percent(r counters.Ratio) string {
	v, ok := r.Value()
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

// duration prints an average of milliseconds.
func duration(r counters.Ratio) string {
	v, ok := r.Value()
	if !ok {
		return "-"
	}
	d := time.Duration(v * float64(time.Millisecond))
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Round(time.Millisecond).Milliseconds())
	}
	if d < 10*time.Second {
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func words(m map[string]uint64) string {
	if len(m) == 0 {
		return "none"
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %d", strings.ReplaceAll(k, "_", " "), m[k]))
	}
	return strings.Join(out, ", ")
}

func outcomes(r *Registrations) string {
	var out []string
	for _, status := range slices.Sorted(maps.Keys(r.Outcomes)) {
		out = append(out, fmt.Sprintf("%d: %d", status, r.Outcomes[status]))
	}
	return strings.Join(append(out, fmt.Sprintf("unanswered: %d", r.Unanswered)), ", ")
}

// writeDrops prints a line for everything that was lost.
func writeDrops(w io.Writer, a *Agent) {
	title := "dropped"
	for _, d := range a.Drops {
		if d.N > 0 {
			fmt.Fprintf(w, "%-12s %d %s\n", title, d.N, explain(d, a.MaxLegs, a.MaxEndpoints))
			title = ""
		}
	}
	if title != "" {
		fmt.Fprintf(w, "%-12s nothing\n", title)
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
