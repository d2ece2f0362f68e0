// Package dialog turns SIP messages into legs, calls and attempts. It is the
// core of Sipward: messages and time in, effects out; no IO, no clock, no
// goroutine, and every table bounded.
package dialog

import (
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

// State is where a leg or an attempt stands.
type State uint8

// States; the zero value is invalid.
const (
	Setup    State = iota + 1 // INVITE seen, no final response yet
	Answered                  // 2xx seen, not ended: a channel that is talking
	Ended                     // released; a failed leg comes back to Setup when its INVITE is sent again
)

// String returns the word that metrics and records use.
func (s State) String() string {
	switch s {
	case Setup:
		return "setup"
	case Answered:
		return "answered"
	case Ended:
		return "ended"
	}
	return "invalid"
}

// Release says why a leg or an attempt ended.
type Release uint8

// Releases; the zero value means "not ended".
const (
	ByeCaller    Release = iota + 1 // the caller hung up
	ByeCallee                       // the callee hung up
	Failed                          // a final response above 299; Status has it
	Cancelled                       // the caller gave up before an answer
	NoResponse                      // no final response in time
	SessionTimer                    // the session was not refreshed (RFC 4028)
	MediaSilence                    // media had been seen and stopped
	MaxAge                          // older than the configured maximum
	DialogGone                      // one side does not know the dialog, or cannot be reached (RFC 5057 section 5.1)
	Reused                          // a new call took its Call-ID
	CaptureEnd                      // still open when the capture ended, or an agent that saves nothing
	EndMissed                       // its end came while the agent was not running
	releaseEnd
)

// Releases is the number of Release values with "not ended", for arrays indexed by one.
const Releases = int(releaseEnd)

var releaseNames = [Releases]string{
	"", "bye_caller", "bye_callee", "failed", "cancelled", "no_response", "session_timer",
	"media_silence", "max_age", "dialog_gone", "call_id_reused", "capture_end", "end_missed",
}

// String returns the word that metrics and records use.
func (r Release) String() string {
	if int(r) < Releases {
		return releaseNames[r]
	}
	return "invalid"
}

// Leg is one INVITE-created relation, key (Call-ID, From tag). Its exported
// fields are for reading by whoever receives an Effect, until the next call
// into the Table. Times are nanoseconds since the Unix epoch, 0 for never.
type Leg struct {
	ID      uint64 // unique within a Table; never 0
	Epoch   uint64 // run of the agent in which it began; with ID it names the leg for ever. 0: not told
	CallID  string
	FromTag string

	From, To  parse.URI
	Request   parse.URI // Request-URI of the first INVITE
	UserAgent string
	Src, Dst  packet.Endpoint // of the first INVITE seen
	Transport packet.Transport

	Customer party.ID
	Call     bool // a customer's leg; false: only a carrier's (the far side of a B2BUA)
	Inbound  bool // from a carrier to the customer
	Initial  bool // the initial INVITE was seen; false: joined mid-call
	State    State

	Invited  int64
	Rang     int64 // first 180 or 183
	Answer   int64 // first 2xx
	End      int64
	Refused  int64  // last final response above 299 to an initial INVITE, sent again or not
	Status   uint16 // of the last final response to an initial INVITE
	Phrase   string
	Cause    uint16 // Q.850 cause of the release, 0 when not given (RFC 3326)
	Release  Release
	Canceled bool // a CANCEL was seen on any hop

	Forks     uint8 // distinct To tags in 101-299 to an initial INVITE
	Reinvites uint16
	Refers    uint16
	Digits    [2]InfoDigits // INFO digits sent by the caller, the callee
	Encrypted bool          // SRTP was agreed on any hop
	Attempts  []Attempt

	Restored bool  // the agent was started anew while it went on
	Closed   int64 // when its record was made; set by whoever takes LegClosed

	leg
}

// InfoDigits counts SIP INFO digits of one side; Text holds them only when the
// Table was told to keep digits.
type InfoDigits struct {
	Count uint16
	Text  string
}

// Attempt is one try to reach a carrier: a carrier's leg, or one branch of a
// call that was sent on to a carrier.
type Attempt struct {
	Carrier  party.ID
	Src, Dst packet.Endpoint
	Number   string // user part of the Request-URI that the carrier got
	State    State
	Invited  int64
	Rang     int64
	Answer   int64
	End      int64
	Status   uint16
	Release  Release

	toTag    string // of its 2xx
	heard    bool   // any response came
	canceled bool   // a CANCEL was sent after it
	sent     int64  // when its INVITE was sent again, with credentials; not saved
}

// Challenged reports whether a waits for its INVITE to be sent again with credentials
// (RFC 3261 section 22): its outcome is not known yet.
func (a *Attempt) Challenged() bool {
	return a.State == Ended && a.Release == Failed && a.challenged()
}

func (a *Attempt) challenged() bool { return a.Status == 401 || a.Status == 407 }

// PDD is the post-dial delay in nanoseconds, INVITE to the first 180, 183 or
// 2xx; false when there was none.
func PDD(invited, rang, answer int64) (int64, bool) {
	first := answer
	if rang != 0 && (first == 0 || rang < first) {
		first = rang
	}
	if invited == 0 || first == 0 {
		return 0, false
	}
	return max(first-invited, 0), true
}

// EffectKind says what happened.
type EffectKind uint8

// EffectKinds; the zero value is invalid. A leg that fails and is sent again
// (401, 407, 3xx, failover) is Released and then Opened with Again set.
const (
	MediaOpened   EffectKind = iota + 1 // Endpoint was announced with Spec
	LegOpened                           // a new leg; Again: it comes back after a release
	LegAnswered                         // the first 2xx
	LegReleased                         // it ended, and may still come back
	LegClosed                           // final: write its record; Leg is gone after this step
	AttemptOpened                       // Leg.Attempts[Attempt]; the same three for it
	AttemptAnswered
	AttemptReleased
)

// Effect is one consequence of a step. Was and Now are the state of the leg or
// attempt before and after it, so that gauge[Was]-- and gauge[Now]++ is all
// that counting needs; Was is 0 for a new one. They differ from Leg.State when
// several effects come from one step.
type Effect struct {
	Kind     EffectKind
	Again    bool // LegOpened: not a new call
	Was, Now State
	Time     int64
	Leg      *Leg
	Attempt  int
	Endpoint packet.Endpoint
	Spec     media.Spec
}

// Endpoints calls yield with every media endpoint that the leg announced.
func (l *Leg) Endpoints(yield func(packet.Endpoint, media.Side) bool) {
	for i := range l.announced {
		if !yield(l.announced[i].ep, l.announced[i].side) {
			return
		}
	}
}

// Current calls yield with the media endpoints that are in force: those that
// the latest description of each side names, on every hop.
func (l *Leg) Current(yield func(packet.Endpoint, media.Side) bool) {
	for i := range l.announced {
		if a := &l.announced[i]; !a.superseded && !yield(a.ep, a.side) {
			return
		}
	}
}

// Codec returns the name of the first audio format that side announced last.
func (l *Leg) Codec(side media.Side) string {
	for i := len(l.announced) - 1; i >= 0; i-- {
		if a := &l.announced[i]; a.side == side && a.line.Kind == parse.Audio {
			return a.line.Codec
		}
	}
	return ""
}
