package record

import (
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
)

// NewMinute makes the record of what one party gained within one minute. Nothing
// in it is shared with m.
func NewMinute(m *counters.Minute, book *party.Book) *Minute {
	out := &Minute{
		MinuteUnixS: floorDiv(m.Start, second), Kind: "total",
		ObservedMs: uint32(m.Observed.Milliseconds()), // at most 60,000
		LiveSetup:  m.LiveSetup, LiveAnswered: m.LiveAnswered, Peak: m.Peak, PeakAnswered: m.PeakAnswered,
		Started: m.Started, Inbound: m.Inbound, SeenMidcall: m.SeenMidcall,
		Outcomes: m.Outcomes, Answered: m.Answered, Effective: m.Effective,
		Redirects: m.Redirects, Decided: m.Decided, Defects: m.Defects,
		Over: m.Over, Completed: m.Completed, Ended: m.Ended, AnsweredMs: m.AnsweredMs,
		PddCount: m.PDD.Count, PddSumMs: m.PDD.SumMs, PddBuckets: unlessZero(m.PDD.Buckets[:]),
		Media: unlessZero(m.Media[:]), MediaVisible: m.MediaVisible,
		CallsWithDigits: m.CallsWithDigits, CallsWithInfo: m.CallsWithInfo,
		DigitsFromCallers: m.Digits[0], DigitsFromCallees: m.Digits[1],
		PacketsFromCallers: m.Packets[0], PacketsFromCallees: m.Packets[1],
		LostFromCallers: m.Lost[0], LostFromCallees: m.Lost[1],
		MosMilliOfCallers: m.MOSMilli[0], MosCallsOfCallers: m.MOSCalls[0],
		MosMilliOfCallees: m.MOSMilli[1], MosCallsOfCallees: m.MOSCalls[1],
	}
	if m.Kind != 0 {
		e := book.Entry(m.Party)
		out.Kind, out.Party = m.Kind.String(), e.Name
		out.Channels = uint32(max(e.Channels, 0)) // a number of channels
	}
	return out
}

// unlessZero copies counts, or returns nothing when there are none: most
// parties have no call in most minutes.
func unlessZero(counts []uint64) []uint64 {
	for _, n := range counts {
		if n != 0 {
			return append([]uint64(nil), counts...)
		}
	}
	return nil
}
