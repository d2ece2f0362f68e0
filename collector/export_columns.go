package main

import (
	"fmt"
	"slices"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sync/record"
)

// callRow is a row of calls with its whole record.
type callRow struct {
	*query.CallRow
	call *record.Call
}

// callColumns have the names of the record's fields, without the unit of what
// is a time here.
var callColumns = slices.Concat([]column[callRow]{
	{"node", func(r *callRow) any { return r.Node }},
	{"epoch", func(r *callRow) any { return epochWord(r.Epoch) }},
	{"seq", func(r *callRow) any { return r.Seq }},
	{"opened_epoch", func(r *callRow) any { return openedWord(r.call.GetOpenedEpoch()) }},
	{"leg_id", func(r *callRow) any { return r.call.GetLegId() }},
	{"counted", func(r *callRow) any { return when(r.CountedUnixMs) }},
	{"kind", func(r *callRow) any { return r.call.GetKind() }},
	{"customer", func(r *callRow) any { return r.call.GetCustomer() }},
	{"carrier", func(r *callRow) any { return r.call.GetCarrier() }},
	{"direction", func(r *callRow) any { return r.call.GetDirection() }},
	{"caller", func(r *callRow) any { return r.call.GetCaller() }},
	{"caller_host", func(r *callRow) any { return r.call.GetCallerHost() }},
	{"called", func(r *callRow) any { return r.call.GetCalled() }},
	{"called_host", func(r *callRow) any { return r.call.GetCalledHost() }},
	{"to", func(r *callRow) any { return r.call.GetTo() }},
	{"invited", func(r *callRow) any { return when(r.call.GetInvitedUnixMs()) }},
	{"ringing", func(r *callRow) any { return when(r.call.GetRingingUnixMs()) }},
	{"answered_at", func(r *callRow) any { return when(r.call.GetAnsweredUnixMs()) }},
	{"ended", func(r *callRow) any { return when(r.call.GetEndedUnixMs()) }},
	{"closed", func(r *callRow) any { return when(r.call.GetClosedUnixMs()) }},
	{"answered", func(r *callRow) any { return r.call.GetAnswered() }},
	{"outcome", func(r *callRow) any { return r.call.GetOutcome() }},
	{"effective", func(r *callRow) any { return r.call.GetEffective() }},
	{"seen_midcall", func(r *callRow) any { return r.call.GetSeenMidcall() }},
	{"restored", func(r *callRow) any { return r.call.GetRestored() }},
	{"duration_ms", func(r *callRow) any { return r.call.GetDurationMs() }},
	{"ring_ms", func(r *callRow) any { return r.call.GetRingMs() }},
	{"pdd_ms", func(r *callRow) any { return r.call.PddMs }},
	{"sip_status", func(r *callRow) any { return code(r.call.GetSipStatus()) }},
	{"sip_reason", func(r *callRow) any { return r.call.GetSipReason() }},
	{"q850_cause", func(r *callRow) any { return code(r.call.GetQ850Cause()) }},
	{"release", func(r *callRow) any { return r.call.GetRelease() }},
	{"released_by", func(r *callRow) any { return r.call.GetReleasedBy() }},
	{"cancelled", func(r *callRow) any { return r.call.GetCancelled() }},
	{"forks", func(r *callRow) any { return uint64(r.call.GetForks()) }},
	{"reinvites", func(r *callRow) any { return uint64(r.call.GetReinvites()) }},
	{"refers", func(r *callRow) any { return uint64(r.call.GetRefers()) }},
	{"attempts", func(r *callRow) any { return uint64(len(r.call.GetAttempts())) }},
	{"codec", func(r *callRow) any { return r.call.GetCodec() }},
	{"media_class", func(r *callRow) any { return r.call.GetMediaClass() }},
	{"media_visible", func(r *callRow) any { return r.call.GetMediaVisible() }},
	{"encrypted", func(r *callRow) any { return r.call.GetEncrypted() }},
}, sideColumns("from_caller_", (*record.Call).GetFromCaller), sideColumns("from_callee_", (*record.Call).GetFromCallee), []column[callRow]{
	{"src", func(r *callRow) any { return r.call.GetSrc() }},
	{"dst", func(r *callRow) any { return r.call.GetDst() }},
	{"transport", func(r *callRow) any { return r.call.GetTransport() }},
	{"user_agent", func(r *callRow) any { return r.call.GetUserAgent() }},
	{"call_id", func(r *callRow) any { return r.call.GetCallId() }},
	{"from_tag", func(r *callRow) any { return r.call.GetFromTag() }},
})

// sideColumns are what one side sent. The digits themselves are not among them:
// they may be card numbers, and an export is handed on.
func sideColumns(prefix string, side func(*record.Call) *record.Side) []column[callRow] {
	of := func(name string, get func(*record.Side) any) column[callRow] {
		return column[callRow]{prefix + name, func(r *callRow) any { return get(side(r.call)) }}
	}
	return []column[callRow]{
		of("rtp_packets", func(s *record.Side) any { return s.GetRtpPackets() }),
		of("rtp_bytes", func(s *record.Side) any { return s.GetRtpBytes() }),
		of("rtp_lost", func(s *record.Side) any { return s.GetRtpLost() }),
		of("jitter_ms", func(s *record.Side) any { return jitter(s) }),
		of("mos", func(s *record.Side) any { return mos(s) }),
		of("codec", func(s *record.Side) any { return s.GetCodec() }),
		of("dtmf_count", func(s *record.Side) any { return uint64(s.GetDtmfCount()) }),
		of("dtmf_info_count", func(s *record.Side) any { return uint64(s.GetDtmfInfoCount()) }),
	}
}

// jitter is blank where no packet was.
func jitter(s *record.Side) *float64 {
	if s.GetRtpPackets() == 0 {
		return nil
	}
	return new(s.GetJitterMs())
}

// mos begins at 1: 0 is none.
func mos(s *record.Side) *float64 {
	if s.GetMos() == 0 {
		return nil
	}
	return new(s.GetMos())
}

// code is a number of SIP or Q.850; there is no code 0.
func code(n uint32) *int64 {
	if n == 0 {
		return nil
	}
	v := int64(n)
	return &v
}

var attemptColumns = []column[query.AttemptRow]{
	{"node", func(r *query.AttemptRow) any { return r.Node }},
	{"epoch", func(r *query.AttemptRow) any { return epochWord(r.Epoch) }},
	{"seq", func(r *query.AttemptRow) any { return r.Seq }},
	{"n", func(r *query.AttemptRow) any { return int64(r.N) }},
	{"counted", func(r *query.AttemptRow) any { return when(r.CountedUnixMs) }},
	{"customer", func(r *query.AttemptRow) any { return r.Customer }},
	{"carrier", func(r *query.AttemptRow) any { return r.Carrier }},
	{"called", func(r *query.AttemptRow) any { return r.Called }},
	{"invited", func(r *query.AttemptRow) any { return when(r.InvitedUnixMs) }},
	{"answered", func(r *query.AttemptRow) any { return r.Answered }},
	{"outcome", func(r *query.AttemptRow) any { return r.Outcome }},
	{"duration_ms", func(r *query.AttemptRow) any { return r.DurationMs }},
	{"pdd_ms", func(r *query.AttemptRow) any { return r.PddMs }},
	{"sip_status", func(r *query.AttemptRow) any { return code(r.Status) }},
	{"release", func(r *query.AttemptRow) any { return r.Release }},
}

// Names of columns that hold a ratio.
var ratios = map[string]bool{"asr": true, "ner": true, "acd_ms": true, "pdd_ms_mean": true, "dtmf_share": true}

func isRatio(name string) bool { return ratios[name] }

func ratio(num, den int64) counters.Ratio {
	return counters.Ratio{Num: uint64(max(0, num)), Den: uint64(max(0, den))} // not negative
}

var summaryColumns = []column[query.Summary]{
	{"time", func(r *query.Summary) any { return when(r.TimeUnixS * 1000) }},
	{"node", func(r *query.Summary) any { return r.Node }},
	{"kind", func(r *query.Summary) any { return r.Kind }},
	{"party", func(r *query.Summary) any { return r.Party }},
	{"calls", func(r *query.Summary) any { return r.Calls }},
	{"seen_midcall", func(r *query.Summary) any { return r.Midcall }},
	{"no_outcome", func(r *query.Summary) any { return r.NoOutcome }},
	{"outcomes", func(r *query.Summary) any { return r.Outcomes }},
	{"answered", func(r *query.Summary) any { return r.Connected }},
	{"effective", func(r *query.Summary) any { return r.Effective }},
	{"over", func(r *query.Summary) any { return r.Over }},
	{"answered_ended", func(r *query.Summary) any { return r.Ended }},
	{"answered_ms", func(r *query.Summary) any { return r.AnsweredMs }},
	{"asr", func(r *query.Summary) any { return ratio(r.Connected, r.Outcomes) }},
	{"ner", func(r *query.Summary) any { return ratio(r.Effective, r.Outcomes) }},
	{"acd_ms", func(r *query.Summary) any { return ratio(r.AnsweredMs, r.Ended) }},
	{"pdd_ms_mean", func(r *query.Summary) any { return ratio(r.PddSumMs, r.PddCount) }},
	{"dtmf_share", func(r *query.Summary) any { return ratio(r.DigitCalls, r.MediaVisible) }},
}

// epochWord is an epoch as texts have it everywhere: 16 hexadecimal digits. As a
// number it would lose its last digits in spreadsheets and JavaScript.
func epochWord(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }

// openedWord is blank for a call of an agent that did not name it.
func openedWord(epoch uint64) string {
	if epoch == 0 {
		return ""
	}
	return epochWord(epoch)
}
