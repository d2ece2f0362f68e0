package record

import (
	"time"

	"github.com/sipward/sipward/sip/register"
)

// NewRegistration makes the record of a report.
func NewRegistration(r *register.Report) *Registration {
	return &Registration{
		AtUnixMs: r.At / int64(time.Millisecond), Verdict: r.Kind.String(), Reason: r.Reason.String(), Mode: r.Mode,
		Customer: r.Customer, Number: r.Number, Domain: r.Domain, Src: r.Source, Contact: r.Contact,
		Transport: r.Transport, UserAgent: r.UserAgent, Username: r.Username,
		Block: r.Block, Holder: r.Holder, Repeated: r.Repeated,
	}
}
