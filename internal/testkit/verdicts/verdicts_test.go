package verdicts

import (
	"slices"
	"strings"
	"testing"
)

// TestRows: each row has a name of its own and says what it must, and every
// reason is somewhere.
func TestRows(t *testing.T) {
	rows := Rows()
	if len(rows) < 60 {
		t.Errorf("%d rows", len(rows))
	}
	seen, reasons := map[string]bool{}, map[string]int{}
	for _, r := range rows {
		if seen[r.Name] {
			t.Errorf("two rows are %q", r.Name)
		}
		seen[r.Name] = true
		reasons[r.Reason]++
		if r.Customer == "" || r.Source == "" || r.To == "" || len(r.Table.Customers) == 0 {
			t.Errorf("%s: says too little", r.Name)
		}
		text := string(r.Message(At{Via: "203.0.113.7:5060", Transport: "UDP", CallID: "x@y"}))
		if !strings.HasPrefix(text, "REGISTER sip:") || !strings.HasSuffix(text, "\r\n\r\n") || strings.Contains(text, "\r\n\r\n\r\n") {
			t.Errorf("%s: %q", r.Name, text)
		}
	}
	for _, reason := range []string{
		"malformed", "deregistration", "banned", "unknown_customer", "non_numeric", "outside_blocks", "foreign_block",
		"foreign_username", "in_use", "too_many_contacts", "allowed",
	} {
		if reasons[reason] < 2 {
			t.Errorf("%d rows for %s", reasons[reason], reason)
		}
	}
	if len(reasons) != 11 {
		t.Errorf("reasons %v", reasons)
	}
	t.Logf("%d rows", len(rows))
}

func TestRender(t *testing.T) {
	r := Row{
		To: "1005@2001:db8::1", Phones: []Phone{{URI: "a@b", Expires: "60", Instance: "urn:x", RegID: "1"}, {URI: "*"}},
		Username: "1005", Expires: "0", Extra: []string{"X: y"},
	}
	got := strings.Split(string(r.Message(At{Via: "h:1", Transport: "TCP", CallID: "c@d"})), "\r\n")
	for _, want := range []string{
		"REGISTER sip:[2001:db8::1] SIP/2.0", "Via: SIP/2.0/TCP h:1;rport;branch=z9hG4bKc-d", "To: <sip:1005@[2001:db8::1]>", "Call-ID: c@d",
		"CSeq: 1 REGISTER", `Contact: <sip:a@b>;expires=60;+sip.instance="<urn:x>";reg-id=1`, "Contact: *", "Expires: 0", "X: y",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	want := "customers:\n  - id: site\n    addresses: [\"203.0.113.128/25\"]\n    blocks:\n      - {first: \"3000\", last: \"3099\"}\n    max_contacts: 2\n"
	table := Table{Customers: usual.Customers[1:2]}
	if got := table.YAML(); got != want {
		t.Errorf("%s", got)
	}
}
