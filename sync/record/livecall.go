package record

import (
	"strconv"
	"strings"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/party"
)

// MaxCalls bounds the calls in progress that one answer lists.
const MaxCalls = 1000

// maxLiveText bounds each text of a LiveCall in bytes: strangers write them.
const maxLiveText = 256

// LiveCall is a call in progress at one moment, as JSON: for people to look at, and
// never a record. Times are milliseconds since the Unix epoch, 0 for not yet. Texts
// come from the wire, as strange as somebody cared to send them, cut after 256
// bytes.
//
// Digits are never in it, whatever is kept of them in records: it has how many keys
// were pressed so far, and nothing else.
type LiveCall struct {
	Leg       string `json:"leg"`  // opened_epoch and leg_id of the record to come, as 77-5
	Kind      string `json:"kind"` // call, or carrier_leg: the far side of a B2BUA
	Direction string `json:"direction"`
	Customer  string `json:"customer"`
	Carrier   string `json:"carrier"` // that carries it, or is being tried; "" for none
	CallID    string `json:"call_id"`

	Caller     string `json:"caller"`
	CallerHost string `json:"caller_host"`
	Called     string `json:"called"`
	CalledHost string `json:"called_host"`
	Src        string `json:"src"`
	Dst        string `json:"dst"`
	Transport  string `json:"transport"`

	State          string `json:"state"`           // setup or answered
	StartedUnixMs  int64  `json:"started_unix_ms"` // its INVITE, or when it was first seen
	RingingUnixMs  int64  `json:"ringing_unix_ms"`
	AnsweredUnixMs int64  `json:"answered_unix_ms"`
	SeenMidcall    bool   `json:"seen_midcall"`
	Held           bool   `json:"held"`
	Attempts       int    `json:"attempts"` // to reach a carrier, so far

	Codec      string `json:"codec"`       // of the last description
	MediaClass string `json:"media_class"` // as in records, of what passed so far; "" before the answer
	Digits     [2]int `json:"digits"`      // RFC 4733 keys pressed by the caller, the callee
	InfoDigits [2]int `json:"info_digits"` // the same by SIP INFO
}

// NewLiveCall describes a leg that is not over. m is what was seen of its media so
// far; nothing in the result changes with the leg.
func NewLiveCall(l *dialog.Leg, m *counters.MediaResult, book *party.Book) LiveCall {
	c := LiveCall{
		Leg:  strconv.FormatUint(l.Epoch, 10) + "-" + strconv.FormatUint(l.ID, 10),
		Kind: "carrier_leg", Direction: "outbound", Customer: book.Name(l.Customer), Carrier: liveCarrier(l, book), CallID: brief(l.CallID),
		Caller: brief(l.From.User), CallerHost: brief(l.From.Host), Called: brief(l.Request.User), CalledHost: brief(l.Request.Host),
		Src: l.Src.String(), Dst: l.Dst.String(), Transport: l.Transport.String(),
		State: l.State.String(), StartedUnixMs: unixMs(l.Invited), RingingUnixMs: unixMs(l.Rang), AnsweredUnixMs: unixMs(l.Answer),
		SeenMidcall: !l.Initial, Held: l.Held(), Attempts: len(l.Attempts), Codec: brief(codec(l, m)),
	}
	if l.Call {
		c.Kind = "call"
	}
	if l.Inbound {
		c.Direction = "inbound"
	}
	if l.State == dialog.Answered {
		c.MediaClass = m.Class().String()
	}
	for i := range c.Digits {
		c.Digits[i], c.InfoDigits[i] = m.Sent[i].Presses, int(l.Digits[i].Count)
	}
	return c
}

// liveCarrier names the carrier of the attempt that was answered, else of the last
// one that is not over, else of the last one.
func liveCarrier(l *dialog.Leg, book *party.Book) string {
	var best *dialog.Attempt
	for i := range l.Attempts {
		if a := &l.Attempts[i]; best == nil || rank(a) >= rank(best) {
			best = a
		}
	}
	if best == nil {
		return ""
	}
	return book.Name(best.Carrier)
}

func rank(a *dialog.Attempt) int {
	switch a.State {
	case dialog.Answered:
		return 2
	case dialog.Setup:
		return 1
	case dialog.Ended:
	}
	return 0
}

// brief cuts a text. Its copy does not keep a longer one in memory.
func brief(s string) string {
	if len(s) <= maxLiveText {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:maxLiveText], ""))
}
