package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/sipward/sipward/internal/testkit"
)

// row is one figure of a switch on both sides. Within a table names are unique.
type row struct {
	name            string
	played, counted int
}

// compare lists every figure that the generator and the agent both know.
func compare(want *testkit.Expected, got *status) []row {
	t := got.Calls
	rows := []row{
		{"calls", want.Calls.Total, t.Started},
		{"calls answered", want.Calls.Answered, t.Answered},
		{"calls with an outcome", want.Calls.Total, t.Outcomes},
		{"most live at once", want.Calls.MaxLive, t.Peak},
		{"most answered at once", want.Calls.MaxAnswered, t.PeakAnswered},
		{"live now", 0, t.LiveSetup + t.LiveAnswered},
	}
	rows = append(rows, parties(customerName, want.Customers, got.Customers, "calls")...)
	rows = append(rows, parties(carrierName, want.Carriers, got.Carriers, "attempts")...)
	rows = append(rows,
		row{"digits pressed", want.DigitCount, got.presses()},
		row{"digits of calls", want.DigitCount, t.Digits.Caller + t.Digits.Callee},
		row{"SIP messages", want.Messages, got.SIP.Messages},
	)
	if got.Mode != "classic" { // that filter passes small packets only
		rows = append(rows, row{"RTP packets", want.RTPPackets, got.rtpPackets()})
	}
	rows = append(rows, row{"packets lost by the agent", 0, got.dropped()},
		row{"REGISTER transactions", want.Registrations.Transactions, got.Registrations.Transactions},
	)
	var codes []int
	for code := range want.Registrations.Outcomes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		rows = append(rows, row{fmt.Sprintf("  answered %d", code), want.Registrations.Outcomes[code], got.Registrations.Outcomes[fmt.Sprint(code)]})
	}
	return append(rows, row{"  outside the number blocks", want.Registrations.Foreign, got.wouldRefuse()},
		row{"phones registered", want.Registrations.Accepted, got.Guard.Bindings})
}

func parties(name func(int) string, want []testkit.Totals, got []party, what string) []row {
	var rows []row
	for i := range want {
		var f figures
		for _, p := range got {
			if p.Name == name(i) {
				f = p.figures
			}
		}
		rows = append(rows,
			row{fmt.Sprintf("  %s, %s", name(i), what), want[i].Total, f.Started},
			row{fmt.Sprintf("  %s, answered", name(i)), want[i].Answered, f.Answered})
	}
	return rows
}

// same reports whether both sides agree everywhere.
func same(rows []row) bool {
	return !slices.ContainsFunc(rows, func(r row) bool { return r.played != r.counted })
}

// summary prints the rows of each switch side by side, and says which differ.
func summary(w io.Writer, names []string, tables [][]row) {
	fmt.Fprintf(w, "\n%-28s", "")
	for _, name := range names {
		fmt.Fprintf(w, "   %10s %10s", name, "")
	}
	fmt.Fprintf(w, "\n%-28s", "")
	for range names {
		fmt.Fprintf(w, "   %10s %10s", "played", "counted")
	}
	fmt.Fprintln(w)
	for _, name := range rowNames(tables) {
		fmt.Fprintf(w, "%-28s", name)
		mark := ""
		for _, rows := range tables {
			at := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
			if at < 0 {
				fmt.Fprintf(w, "   %10s %10s", "", "")
				continue
			}
			r := rows[at]
			fmt.Fprintf(w, "   %10d %10d", r.played, r.counted)
			if r.played != r.counted {
				mark = "   <- differs"
			}
		}
		fmt.Fprintln(w, mark)
	}
}

// rowNames are the names of all rows, in their order.
func rowNames(tables [][]row) (names []string) {
	for _, rows := range tables {
		for _, r := range rows {
			if !slices.Contains(names, r.name) {
				names = append(names, r.name)
			}
		}
	}
	return names
}
