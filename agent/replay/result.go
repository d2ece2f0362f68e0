package replay

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
)

// Result is what one capture holds, as JSON or as a table.
type Result struct {
	File     string  `json:"file"`
	Packets  uint64  `json:"packets"`
	Duration float64 `json:"duration_s"`        // first to last packet
	Damaged  string  `json:"damaged,omitempty"` // what could not be read

	SIP struct {
		Messages        uint64            `json:"messages"`
		Retransmissions uint64            `json:"retransmissions"`
		Malformed       uint64            `json:"malformed"`
		Duplicates      uint64            `json:"-"`
		Transports      map[string]uint64 `json:"transports"`
	} `json:"sip"`
	Calls         counters.TallyFigures `json:"calls"`
	Registrations struct {
		Requests     uint64            `json:"requests"`
		Transactions uint64            `json:"transactions"`
		Outcomes     map[string]uint64 `json:"outcomes"`
	} `json:"registrations"`
	RTP struct {
		Packets uint64 `json:"packets"` // that SDP in the capture announced
		Streams uint64 `json:"streams"`
	} `json:"rtp"`
	DTMF     []StreamDigits `json:"dtmf"`
	DTMFInfo []CallDigits   `json:"dtmf_info"`
}

// StreamDigits are the RFC 4733 digits of one RTP stream: Digits when they were
// asked for, else Count.
type StreamDigits struct {
	Src    string  `json:"src"`
	Dst    string  `json:"dst"`
	SSRC   string  `json:"ssrc"`
	CallID string  `json:"call_id"`
	Digits *string `json:"digits,omitempty"`
	Count  *int    `json:"count,omitempty"`

	pressed map[dtmf.Press]bool
	parts   []part
	presses int
}

// part is what one owner of a stream was told of its digits.
type part struct {
	first int64 // packet, in nanoseconds since the Unix epoch
	keys  string
}

// CallDigits are the SIP INFO digits of one call.
type CallDigits struct {
	CallID string  `json:"call_id"`
	Digits *string `json:"digits,omitempty"`
	Count  *int    `json:"count,omitempty"`
}

// flow notes the digits of one stream. leg is nil for RTP without SDP. A
// stream that several legs announced, or that was announced only midway, comes
// in parts, not in the order of time. Test tools play the same
// packets, timestamps and all, in call after call: the stream then has each
// digit once, though every call has its own.
func (r *Replay) flow(leg *dialog.Leg, f *media.Flow) {
	if f.Presses() == 0 || f.Src.IsZero() {
		return
	}
	key := flowKey{f.Src, f.Dst, f.SSRC}
	i, known := r.keys[key]
	if !known {
		i = len(r.dtmf)
		r.keys[key] = i
		r.dtmf = append(r.dtmf, StreamDigits{
			Src: f.Src.String(), Dst: f.Dst.String(), SSRC: fmt.Sprintf("0x%08x", f.SSRC),
			pressed: map[dtmf.Press]bool{},
		})
		if leg != nil {
			r.dtmf[i].CallID = leg.CallID
		}
	}
	d := &r.dtmf[i]
	var digits strings.Builder
	for _, p := range f.Kept() {
		if !d.pressed[p] {
			d.pressed[p] = true
			digits.WriteByte(p.Digit)
		}
	}
	more := f.Presses() - len(f.Kept()) // beyond what is kept of one stream
	if digits.Len() > 0 {
		d.parts = append(d.parts, part{f.First, digits.String()})
	}
	d.presses += digits.Len() + more
}

// sum puts the parts of a stream's digits together.
func (r *Replay) sum(d *StreamDigits) {
	slices.SortStableFunc(d.parts, func(a, b part) int { return cmp.Compare(a.first, b.first) })
	var all strings.Builder
	for _, p := range d.parts {
		all.WriteString(p.keys)
	}
	d.Digits, d.Count = nil, nil
	r.pressed(&d.Digits, &d.Count, all.String(), d.presses)
}

// leg folds a finished leg into the figures.
func (r *Replay) leg(l *dialog.Leg) {
	r.tally.Add(l)
	n := int(l.Digits[0].Count) + int(l.Digits[1].Count)
	if n == 0 {
		return
	}
	i, known := r.calls[l.CallID]
	if !known {
		i = len(r.info)
		r.calls[l.CallID] = i
		r.info = append(r.info, CallDigits{CallID: l.CallID})
	}
	d := &r.info[i]
	r.pressed(&d.Digits, &d.Count, l.Digits[0].Text+l.Digits[1].Text, n)
}

// pressed adds digits, or only their number.
func (r *Replay) pressed(digits **string, count **int, text string, n int) {
	if r.cfg.ShowDigits {
		if *digits != nil {
			text = **digits + text
		}
		*digits = &text
		return
	}
	if *count != nil {
		n += **count
	}
	*count = &n
}

// Result returns what was found. Its lists are never null.
func (r *Replay) Result(file string) *Result {
	s := r.core.Snapshot()
	for i := range r.dtmf {
		r.sum(&r.dtmf[i])
	}
	out := &Result{File: file, Packets: s.Core.Frames, Calls: r.tally.Figures(), DTMF: r.dtmf, DTMFInfo: r.info}
	out.Duration = math.Round(float64(s.Last-s.First)/1e3) / 1e6
	out.SIP.Malformed, out.SIP.Retransmissions, out.SIP.Duplicates = s.Core.Malformed, s.Core.Retransmissions, s.Core.Duplicates
	out.SIP.Transports = map[string]uint64{}
	for t := packet.UDP; int(t) < packet.Transports; t++ {
		if n := s.Core.Messages[t]; n > 0 {
			out.SIP.Messages += n
			out.SIP.Transports[t.String()] = n
		}
	}
	out.Registrations.Requests, out.Registrations.Transactions = s.Registrations.Requests, s.Registrations.Transactions
	out.Registrations.Outcomes = map[string]uint64{}
	for status, n := range s.Registrations.ByStatus {
		out.Registrations.Outcomes[strconv.Itoa(int(status))] = n
	}
	out.RTP.Packets, out.RTP.Streams = s.Media.RTP, s.Media.Streams
	if out.DTMF == nil {
		out.DTMF = []StreamDigits{}
	}
	if out.DTMFInfo == nil {
		out.DTMFInfo = []CallDigits{}
	}
	return out
}
