package record

import (
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/party"
)

// NewCall makes the record of a leg that is being closed. Nothing in it is
// shared with the leg but strings, which never change. Digits are in it as far
// as policy keeps them.
func NewCall(node string, l *dialog.Leg, m *counters.MediaResult, book *party.Book, policy dtmf.Policy) *Call {
	c := &Call{
		Node: node, Kind: "carrier_leg", CallId: l.CallID, FromTag: l.FromTag,
		Customer: book.Entry(l.Customer).Name, Carrier: carrier(l, book), Direction: "outbound",
		Caller: l.From.User, CallerHost: l.From.Host,
		Called: l.Request.User, CalledHost: l.Request.Host, To: l.To.User, UserAgent: l.UserAgent,
		Src: l.Src.String(), Dst: l.Dst.String(), Transport: l.Transport.String(),
		RingingUnixMs: unixMs(l.Rang), AnsweredUnixMs: unixMs(l.Answer), EndedUnixMs: unixMs(l.End),
		RingMs: ring(l), DurationMs: between(l.Answer, l.End),
		Answered: l.Answer != 0, SipStatus: uint32(l.Status), SipReason: l.Phrase, Q850Cause: uint32(l.Cause),
		Release: l.Release.String(), ReleasedBy: releasedBy(l),
		SeenMidcall: !l.Initial, Cancelled: l.Canceled,
		Forks: uint32(l.Forks), Reinvites: uint32(l.Reinvites), Refers: uint32(l.Refers),
		Encrypted:   l.Encrypted || m.Encrypted,
		OpenedEpoch: l.Epoch, LegId: l.ID, Restored: l.Restored, ClosedUnixMs: unixMs(l.Closed),
	}
	c.Outcome, c.Effective = counters.Outcome(l)
	if l.Call {
		c.Kind = "call"
	}
	if l.Inbound {
		c.Direction = "inbound"
	}
	if l.Initial {
		c.InvitedUnixMs = unixMs(l.Invited)
		c.PddMs = pdd(l.Invited, l.Rang, l.Answer)
	}
	if l.Answer != 0 {
		c.MediaClass, c.MediaVisible = m.Class().String(), m.Visible()
	}
	c.FromCaller = side(&m.Sent[0], l.Digits[0], policy)
	c.FromCallee = side(&m.Sent[1], l.Digits[1], policy)
	c.Codec = codec(l, m)
	for i := range l.Attempts {
		c.Attempts = append(c.Attempts, attempt(&l.Attempts[i], book))
	}
	return c
}

// carrier names the carrier that carried the call, or was tried last.
func carrier(l *dialog.Leg, book *party.Book) string {
	if len(l.Attempts) == 0 {
		return ""
	}
	best := &l.Attempts[len(l.Attempts)-1]
	for i := range l.Attempts {
		if l.Attempts[i].Answer != 0 {
			best = &l.Attempts[i]
		}
	}
	return book.Entry(best.Carrier).Name
}

func attempt(a *dialog.Attempt, book *party.Book) *Attempt {
	outcome, effective := counters.AttemptOutcome(a)
	return &Attempt{
		Carrier: book.Entry(a.Carrier).Name, Called: a.Number, Src: a.Src.String(), Dst: a.Dst.String(),
		InvitedUnixMs: unixMs(a.Invited), RingingUnixMs: unixMs(a.Rang), AnsweredUnixMs: unixMs(a.Answer), EndedUnixMs: unixMs(a.End),
		PddMs: pdd(a.Invited, a.Rang, a.Answer), DurationMs: between(a.Answer, a.End),
		SipStatus: uint32(a.Status), Release: a.Release.String(), Outcome: outcome, Effective: effective,
	}
}

func side(s *media.Summary, info dialog.InfoDigits, policy dtmf.Policy) *Side {
	return &Side{
		RtpPackets: s.Packets, RtpBytes: s.Bytes, RtpLost: s.Lost,
		JitterMs: float64(time.Duration(s.Jitter).Round(time.Microsecond)) / float64(time.Millisecond),
		Mos:      float64(int(s.MOS*100+0.5)) / 100, Codec: s.Codec,
		DtmfCount: uint32(s.Presses), Dtmf: policy.Apply(s.Digits),
		DtmfInfoCount: uint32(info.Count), DtmfInfo: policy.Apply(info.Text),
	}
}

func codec(l *dialog.Leg, m *counters.MediaResult) string {
	for i := range m.Sent {
		if s := &m.Sent[i]; s.Packets > 0 && s.Codec != "" {
			return s.Codec
		}
	}
	return l.Codec(media.Callee)
}

// releasedBy names the side that ended a call.
func releasedBy(l *dialog.Leg) string {
	switch l.Release {
	case dialog.ByeCaller, dialog.Cancelled:
		return "caller"
	case dialog.ByeCallee:
		return "callee"
	case dialog.Failed:
		if l.Call && len(l.Attempts) == 0 && !calledSide(l.Status) {
			return "switch"
		}
		return "callee"
	case dialog.NoResponse, dialog.SessionTimer, dialog.MediaSilence, dialog.MaxAge, dialog.DialogGone:
		return "network"
	case dialog.Reused, dialog.CaptureEnd, dialog.EndMissed:
	}
	return ""
}

// calledSide reports whether a final response comes from whoever was called,
// even where no attempt shows that the switch asked them: not available, busy,
// or declined (RFC 3261 section 21).
func calledSide(status uint16) bool {
	switch status {
	case 480, 486, 600, 603, 606:
		return true
	}
	return false
}

// ring is how long the called side rang, in milliseconds. A callee that answers
// without ringing did not ring.
func ring(l *dialog.Leg) int64 {
	switch {
	case l.Rang == 0:
		return 0
	case l.Answer != 0:
		return between(l.Rang, l.Answer)
	}
	return between(l.Rang, l.End)
}

func pdd(invited, rang, answer int64) *int64 {
	ns, ok := dialog.PDD(invited, rang, answer)
	if !ok {
		return nil
	}
	ms := unixMs(ns)
	return &ms
}

// between is the time from one moment to the next in milliseconds, 0 when
// either never came or packets were captured out of order.
func between(from, to int64) int64 {
	if from == 0 || to <= from {
		return 0
	}
	return unixMs(to - from)
}

// unixMs rounds nanoseconds to milliseconds.
func unixMs(ns int64) int64 {
	return int64(time.Duration(ns).Round(time.Millisecond) / time.Millisecond)
}
