package register

// Report is what people are told of a REGISTER that was refused, or would have
// been, or of a binding that its customer's blocks no longer hold.
type Report struct {
	At        int64  // nanoseconds since the Unix epoch
	Kind      Kind   // what happened
	Reason    Reason // why
	Mode      string // of the guard: monitor, nfqueue, authorize or proxy
	Customer  string // of the source; "unknown" when nobody's
	Number    string // user part of the address of record
	Domain    string // its host
	Source    string // address and port
	Contact   string // the first
	Transport string // udp, tcp, tls, ws or wss
	UserAgent string
	Username  string // of the digest; never a credential
	Block     string // that the reason is about, as 1000-1999
	Holder    string // customer of that block or number
	Repeated  uint64 // how many more such REGISTERs this stands for
}

// Kind tells what a Report is about.
type Kind uint8

// Kinds; the zero value is invalid.
const (
	Refused Kind = iota + 1
	WouldRefuse
	Stray
)

// String returns the word that metrics and records use.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case WouldRefuse:
		return "would_refuse"
	case Stray:
		return "stray"
	}
	return "invalid"
}
