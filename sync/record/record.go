// Package record defines what is stored and sent of a finished call. Fields are
// only ever added, so that old readers read new records. It is pure: no IO, no
// clock.
package record

// Call is one finished call: a customer's leg, or, where only the carrier's
// side was seen, a carrier's. Times are milliseconds since the Unix epoch by the
// packets' own timestamps; 0 means never, and is left out.
type Call struct {
	Node    string `json:"node,omitempty"` // id of the agent that saw it
	Kind    string `json:"kind"`           // "call", or "carrier_leg" when no customer was on it
	CallID  string `json:"call_id"`
	FromTag string `json:"from_tag,omitempty"`

	Customer  string `json:"customer"`          // id from the configuration, or "unknown"
	Carrier   string `json:"carrier,omitempty"` // of the attempt that was answered, else of the last one
	Direction string `json:"direction"`         // "outbound" from the customer, or "inbound" to him
	Caller    string `json:"caller"`            // user part of From
	CallerAt  string `json:"caller_host"`       // host of From
	Called    string `json:"called"`            // user part of the Request-URI as the caller dialled it
	CalledAt  string `json:"called_host"`       // host of the Request-URI
	To        string `json:"to"`                // user part of To; differs from called after a diversion
	UserAgent string `json:"user_agent,omitempty"`
	Src       string `json:"src"`       // address and port that the INVITE came from
	Dst       string `json:"dst"`       // address and port that it went to
	Transport string `json:"transport"` // udp, tcp, tls, sctp, ws, wss

	InvitedUnixMS  int64 `json:"invited_unix_ms,omitempty"`  // first INVITE
	RingingUnixMS  int64 `json:"ringing_unix_ms,omitempty"`  // first 180 or 183
	AnsweredUnixMS int64 `json:"answered_unix_ms,omitempty"` // first 2xx
	EndedUnixMS    int64 `json:"ended_unix_ms"`

	PDDMS      *int64 `json:"pdd_ms"`      // post-dial delay, INVITE to the first 180, 183 or 2xx; null when there was none
	RingMS     int64  `json:"ring_ms"`     // from ringing to the answer or, without one, to the end
	DurationMS int64  `json:"duration_ms"` // from the answer to the end; 0 when not answered

	Answered   bool   `json:"answered"`
	Status     uint16 `json:"sip_status"`             // of the last final response to the INVITE; 0 when there was none
	Reason     string `json:"sip_reason,omitempty"`   // its reason phrase
	Q850       uint16 `json:"q850_cause,omitempty"`   // of a Reason header (RFC 3326); 0 when not given
	Release    string `json:"release"`                // why it ended; the words of dialog.Release
	ReleasedBy string `json:"released_by,omitempty"`  // "caller", "callee", "switch" (it refused without asking anybody), or "network" (a timer, or the path)
	Midcall    bool   `json:"seen_midcall,omitempty"` // joined while it went on: its start is not known
	Canceled   bool   `json:"cancelled,omitempty"`    // a CANCEL was seen on any hop
	Forks      uint8  `json:"forks,omitempty"`        // distinct To tags
	Reinvites  uint16 `json:"reinvites,omitempty"`
	Refers     uint16 `json:"refers,omitempty"`

	Codec      string `json:"codec,omitempty"`       // of what the callee received, else the first that it accepted
	MediaClass string `json:"media_class,omitempty"` // the words of counters.MediaClass; "" when not answered
	Encrypted  bool   `json:"encrypted,omitempty"`   // SRTP was agreed
	FromCaller Side   `json:"from_caller"`           // what the caller sent
	FromCallee Side   `json:"from_callee"`           // what the callee sent

	Attempts []Attempt `json:"attempts,omitempty"` // in the order of their INVITEs
}

// Side is what one side of a call sent.
type Side struct {
	Packets    uint64  `json:"rtp_packets"`
	Bytes      uint64  `json:"rtp_bytes"`           // UDP payload
	Lost       uint64  `json:"rtp_lost"`            // sequence numbers that never came
	JitterMS   float64 `json:"jitter_ms"`           // interarrival jitter (RFC 3550 section 6.4.1)
	MOS        float64 `json:"mos,omitempty"`       // estimate by the E-model, 1 to 4.5; left out without packets
	Codec      string  `json:"codec,omitempty"`     // of these packets
	Digits     int     `json:"dtmf_count"`          // RFC 4733 digits
	DigitText  string  `json:"dtmf,omitempty"`      // the digits, as far as the digit policy keeps them
	InfoDigits int     `json:"dtmf_info_count"`     // SIP INFO digits
	InfoText   string  `json:"dtmf_info,omitempty"` // the same of these
}

// Attempt is one try to reach a carrier, or one carrier's try to reach the
// switch.
type Attempt struct {
	Carrier string `json:"carrier"` // id from the configuration, or "unknown"
	Called  string `json:"called"`  // number that the carrier got
	Src     string `json:"src"`     // address and port that the INVITE came from
	Dst     string `json:"dst"`     // address and port that it went to

	InvitedUnixMS  int64 `json:"invited_unix_ms"`
	RingingUnixMS  int64 `json:"ringing_unix_ms,omitempty"`
	AnsweredUnixMS int64 `json:"answered_unix_ms,omitempty"`
	EndedUnixMS    int64 `json:"ended_unix_ms,omitempty"`

	PDDMS      *int64 `json:"pdd_ms"`      // null when nothing rang and nobody answered
	DurationMS int64  `json:"duration_ms"` // from the answer to the end; 0 when not answered
	Status     uint16 `json:"sip_status"`
	Release    string `json:"release"`
}
