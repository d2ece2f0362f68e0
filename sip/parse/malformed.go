package parse

// Malformed says why a payload is no SIP message that Sipward can follow. It
// is the only error type of this package, and its String is a metric label.
type Malformed uint8

// The reasons; the zero value is invalid. The first two mean that the start
// line is no SIP/2.0 start line at all, so the payload is not counted as a SIP
// message either, as tshark does not.
const (
	ErrStartLine Malformed = iota + 1
	ErrVersion             // a start line of another SIP version
	ErrCallID              // no Call-ID, or an empty one
	ErrCSeq                // no CSeq, or one outside 0 to 2^31-1 (RFC 3261 section 8.1.1.5)
	ErrFrom                // no From, or an empty one
	malformedEnd
)

// Reasons is the number of Malformed values with the invalid zero, for arrays
// indexed by one.
const Reasons = int(malformedEnd)

// String returns the reason as a metric label.
func (e Malformed) String() string {
	switch e {
	case ErrStartLine:
		return "start_line"
	case ErrVersion:
		return "version"
	case ErrCallID:
		return "call_id"
	case ErrCSeq:
		return "cseq"
	case ErrFrom:
		return "from"
	case malformedEnd:
	}
	return "invalid"
}

// Error makes a Malformed an error.
func (e Malformed) Error() string { return "malformed SIP message: " + e.String() }

// Message reports whether the payload was a SIP message all the same: its
// start line is in order, only its headers cannot be followed.
func (e Malformed) Message() bool { return e != ErrStartLine && e != ErrVersion }

// Stats counts what a Parser mended or left out. None of it makes a message
// malformed.
type Stats struct {
	LenientURI   uint64 // URIs that sipgo refused and the lenient scan read
	HeadersCut   uint64 // messages with more header lines than are read
	ContactsCut  uint64 // messages with more Contact values than are kept
	ValuesCut    uint64 // strings longer than their bound: hashed or cut
	PartsCut     uint64 // multipart bodies with more or deeper parts than are read
	SDPMalformed uint64 // session descriptions that could not be read
	SDPMended    uint64 // session descriptions with m= or c= lines that had to be mended
	SDPCut       uint64 // session descriptions with more media or attributes than are read
}
