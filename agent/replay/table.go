package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable prints r for people.
func (r *Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	c := &r.Calls
	fmt.Fprintf(t, "%s\t%d packets, %s\n", r.File, r.Packets, time.Duration(r.Duration*float64(time.Second)).Round(time.Millisecond))
	if r.Damaged != "" {
		fmt.Fprintf(t, "damaged\t%s\n", r.Damaged)
	}
	fmt.Fprintf(t, "SIP\t%d messages (%s), %d sent again, %d captured twice, %d malformed\n",
		r.SIP.Messages, words(r.SIP.Transports), r.SIP.Retransmissions, r.SIP.Duplicates, r.SIP.Malformed)
	fmt.Fprintf(t, "calls\t%d: %d answered, %d cancelled, %d forked; %d re-INVITEs; %d joined midway\n",
		c.Total, c.Answered, c.Cancelled, c.Forked, c.Reinvites, c.SeenMidcall)
	fmt.Fprintf(t, "ended\t%d by BYE, %d answered calls open at the end\n", c.EndedByBye, c.OpenAtEnd)
	fmt.Fprintf(t, "at once\t%d calls at most, %d of them answered at most\n", c.MaxLive, c.MaxAnswered)
	fmt.Fprintf(t, "REGISTER\t%d requests, %d transactions (%s)\n", r.Registrations.Requests, r.Registrations.Transactions, words(r.Registrations.Outcomes))
	fmt.Fprintf(t, "RTP\t%d packets of %d streams announced by SDP\n", r.RTP.Packets, r.RTP.Streams)
	for _, d := range r.DTMF {
		fmt.Fprintf(t, "DTMF\t%s  %s to %s, SSRC %s%s\n", digits(d.Digits, d.Count), d.Src, d.Dst, d.SSRC, ofCall(d.CallID))
	}
	for _, d := range r.DTMFInfo {
		fmt.Fprintf(t, "INFO\t%s %s\n", digits(d.Digits, d.Count), ofCall(d.CallID))
	}
	return t.Flush()
}

func digits(text *string, count *int) string {
	switch {
	case text != nil:
		return *text
	case *count == 1:
		return "1 digit"
	}
	return fmt.Sprintf("%d digits", *count)
}

func ofCall(id string) string {
	if id == "" {
		return ", no SDP"
	}
	return ", call " + id
}

func words(m map[string]uint64) string {
	if len(m) == 0 {
		return "none"
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}
