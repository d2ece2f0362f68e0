package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sipward/sipward/sip/register"
)

// TestNewRegistration: every field of a report is in its record.
func TestNewRegistration(t *testing.T) {
	got := NewRegistration(&register.Report{
		At: 1_700_000_000_123_999_999, Kind: register.Refused, Reason: register.OutsideBlocks, Mode: "nfqueue",
		Customer: "acme", Number: "2005", Domain: "acme.example", Source: "203.0.113.7:5060", Contact: "sip:2005@203.0.113.7",
		Transport: "udp", UserAgent: "phone", Username: "2005", Block: "2000-2999", Holder: "other", Repeated: 3,
	})
	want := &Registration{
		AtUnixMs: 1_700_000_000_123, Verdict: "refused", Reason: "outside_blocks", Mode: "nfqueue",
		Customer: "acme", Number: "2005", Domain: "acme.example", Src: "203.0.113.7:5060", Contact: "sip:2005@203.0.113.7",
		Transport: "udp", UserAgent: "phone", Username: "2005", Block: "2000-2999", Holder: "other", Repeated: 3,
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	fields := got.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !got.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("%s is not set", fields.Get(i).Name())
		}
	}
}
