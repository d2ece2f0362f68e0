// Package counters turns effects of the dialog table and the media results of
// finished legs into figures: live channels, answer rates, durations and
// digits, per customer (calls), per carrier (attempts) and in total (calls).
// It is pure: no IO, no clock, no goroutine.
package counters

import (
	"encoding/json"

	"github.com/sipward/sipward/sip/dialog"
)

// Ratio is a share with its parts kept apart, so that ratios of several parties
// or nodes can be added before they are divided.
type Ratio struct {
	Num, Den uint64
}

// Value returns Num/Den, and false when there is nothing to divide by: no
// calls is blank, never 0.
func (r Ratio) Value() (float64, bool) {
	if r.Den == 0 {
		return 0, false
	}
	return float64(r.Num) / float64(r.Den), true
}

// MarshalJSON writes numerator, denominator and value; a blank value is null.
func (r Ratio) MarshalJSON() ([]byte, error) {
	out := struct {
		Num   uint64   `json:"num"`
		Den   uint64   `json:"den"`
		Value *float64 `json:"value"`
	}{Num: r.Num, Den: r.Den}
	if v, ok := r.Value(); ok {
		out.Value = &v
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote; the value follows from its parts.
func (r *Ratio) UnmarshalJSON(b []byte) error {
	var in struct{ Num, Den uint64 }
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*r = Ratio{in.Num, in.Den}
	return nil
}

// StatusClasses is the length of Figures.ByClass: index 0 counts outcomes
// without a response, 2 to 6 those of that hundred; 1 is unused.
const StatusClasses = 7

// Figures are the counts of one party, or of all calls. "Call" stands for call
// or attempt, whichever the party has. Everything but the live gauges and the
// rate only ever grows. It holds no pointer: an assignment is a copy.
type Figures struct {
	LiveSetup    uint64 // live, not answered yet
	LiveAnswered uint64 // live and answered
	Peak         uint64 // most live at once since the start
	PeakAnswered uint64 // most answered at once since the start

	Started     uint64 // calls whose initial INVITE was seen
	Inbound     uint64 // of those, from a carrier to a customer
	SeenMidcall uint64 // joined while they went on; in the live gauges, in no ratio

	Outcomes  uint64 // answered, or failed for good
	Answered  uint64 // of the outcomes
	Effective uint64 // of the outcomes: the network did its part (NER)
	Redirects uint64 // of the outcomes: 3xx that nobody followed
	Decided   uint64 // of the outcomes: answered, or 480, 486, 600, 603 (SEER)
	Defects   uint64 // of the outcomes: 408, 500, 503, 504 or no response (ISA)

	Over       uint64 // calls that ended, answered or not
	Completed  uint64 // of those, without an answer that was waited for in vain (SCR)
	Ended      uint64 // answered calls that ended
	AnsweredMs uint64 // their length, answer to end, in milliseconds

	PDD Histogram // post-dial delay

	ByRelease [dialog.Releases]uint64 // calls that ended, by dialog.Release
	ByClass   [StatusClasses]uint64   // outcomes, by status class

	Media           [MediaClasses]uint64 // answered calls that ended, by MediaClass
	MediaVisible    uint64               // of those: media seen and not encrypted
	CallsWithDigits uint64               // of the visible: at least one RTP digit
	CallsWithInfo   uint64               // calls with at least one SIP INFO digit
	Digits          [2]uint64            // RTP digits sent by callers, callees
	InfoDigits      [2]uint64            // SIP INFO digits sent by callers, callees
	Packets         [2]uint64            // RTP packets sent by callers, callees
	Lost            [2]uint64            // of their sequence numbers, those never seen
	MOSMilli        [2]uint64            // sum of MOS times 1000 over calls with one
	MOSCalls        [2]uint64            // how many those are

	Rate Rate // calls started a second

	high         uint64 // most live at once since the minute began
	highAnswered uint64 // most answered at once since the minute began
}

// Live is the number of channels: in setup and answered.
func (f *Figures) Live() uint64 { return f.LiveSetup + f.LiveAnswered }

// ASR is the answer-seizure ratio: answered / outcomes.
func (f *Figures) ASR() Ratio { return Ratio{f.Answered, f.Outcomes} }

// ACD is the average call duration in milliseconds: answered time / answered
// calls, of those that ended. A call that goes on is in neither part, so that
// it does not pull the average down.
func (f *Figures) ACD() Ratio { return Ratio{f.AnsweredMs, f.Ended} }

// NER is the network effectiveness ratio in the sense of ITU-T E.425; see
// effective for the codes.
func (f *Figures) NER() Ratio { return Ratio{f.Effective, f.Outcomes} }

// SER is the session establishment ratio of RFC 6076 section 4.6:
// 200 / (INVITE - 3xx). One call is one INVITE, counted at its outcome.
func (f *Figures) SER() Ratio { return Ratio{f.Answered, f.Outcomes - min(f.Redirects, f.Outcomes)} }

// SEER is the session establishment effectiveness ratio of RFC 6076 section
// 4.7: {200, 480, 486, 600, 603} / (INVITE - 3xx).
func (f *Figures) SEER() Ratio { return Ratio{f.Decided, f.Outcomes - min(f.Redirects, f.Outcomes)} }

// ISA is the ratio of ineffective session attempts of RFC 6076 section 4.8:
// {408, 500, 503, 504} / INVITE. No response at all is a 408 (RFC 3261
// section 8.1.3.1).
func (f *Figures) ISA() Ratio { return Ratio{f.Defects, f.Outcomes} }

// SCR is the session completion ratio of RFC 6076 section 4.9: completed /
// INVITE. It is over calls that ended: what goes on is not completed yet.
func (f *Figures) SCR() Ratio { return Ratio{f.Completed, f.Over} }

// DTMFShare is calls with at least one digit / answered calls whose media was
// seen and readable.
func (f *Figures) DTMFShare() Ratio { return Ratio{f.CallsWithDigits, f.MediaVisible} }

// MOS is the mean of the MOS estimates of what one side sent (0 the callers,
// 1 the callees), times 1000.
func (f *Figures) MOS(side int) Ratio { return Ratio{f.MOSMilli[side], f.MOSCalls[side]} }

// Loss is lost / expected packets of what one side sent (0 the callers, 1 the
// callees).
func (f *Figures) Loss(side int) Ratio {
	return Ratio{f.Lost[side], f.Lost[side] + f.Packets[side]}
}
