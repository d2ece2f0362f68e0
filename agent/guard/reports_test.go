package guard

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/sipward/sipward/sip/register"
)

// refuse has r hear of a refusal.
func (r *reports) refuse(source netip.Addr, number string, reason register.Reason, now int64) {
	r.refusal(addressOf(source), number, reason, register.Refused, now, func() *register.Report {
		return &register.Report{At: now, Number: number, Reason: reason}
	})
}

func (r *reports) said1() string {
	out := ""
	for {
		select {
		case p := <-r.out:
			out += fmt.Sprintf("%s %s+%d@%d|", p.Number, p.Reason, p.Repeated, (p.At-t0)/sec)
		default:
			return out
		}
	}
}

// TestReportsAreCoalesced: one at once, then one a minute, then none.
func TestReportsAreCoalesced(t *testing.T) {
	r := newReports()
	expect := func(what, want string) {
		t.Helper()
		if got := r.said1(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	r.refuse(none, "1", register.InUse, t0)
	expect("at once", "1 in_use+0@0|")
	r.refuse(none, "2", register.InUse, t0)
	r.refuse(none, "1", register.Malformed, t0)
	r.refuse(acme, "1", register.InUse, t0)
	expect("another number, reason, source", "2 in_use+0@0|1 malformed+0@0|1 in_use+0@0|")
	for n := range int64(50) {
		r.refuse(none, "1", register.InUse, t0+n*sec)
	}
	r.tick(t0+59*sec, 99)
	expect("within the minute", "")
	r.tick(t0+60*sec, 99)
	expect("after it", "1 in_use+49@49|")
	r.refuse(none, "1", register.InUse, t0+61*sec)
	r.refuse(none, "2", register.InUse, t0+61*sec)
	expect("one goes on, one was forgotten", "2 in_use+0@61|")
	r.tick(t0+120*sec, 99)
	expect("the next minute", "1 in_use+0@61|")
	r.tick(t0+300*sec, 99)
	if len(r.said) != 0 || len(r.numbers) != 0 || len(r.due) != 0 {
		t.Errorf("left: %d, %d, %d", len(r.said), len(r.numbers), len(r.due))
	}
	if r.given != 7 || r.coalesced != 51 || r.discarded != 0 {
		t.Errorf("%d given, %d coalesced, %d discarded", r.given, r.coalesced, r.discarded)
	}
}

// TestScanner: a million numbers are a few reports, and all are accounted for.
func TestScanner(t *testing.T) {
	const all = 1_000_000
	r := newReports()
	heard, stood := uint64(0), uint64(0)
	take := func() {
		for len(r.out) > 0 {
			p := <-r.out
			heard++
			stood += 1 + p.Repeated
		}
	}
	for n := range all {
		r.refuse(none, strconv.Itoa(n), register.OutsideBlocks, t0+int64(n)*sec/10000)
		take()
	}
	if len(r.said) != maxNumbers+1 || heard != maxNumbers+1 {
		t.Errorf("%d are remembered, %d were said", len(r.said), heard)
	}
	for len(r.due) > 0 {
		r.flush(t0+200*sec, r.room())
		take()
	}
	if heard > 2*(maxNumbers+1) || stood != all || r.discarded != 0 {
		t.Errorf("%d reports stand for %d, %d discarded", heard, stood, r.discarded)
	}
}

// TestManySources: spoofed ones fill the memory, not more; the rest is counted.
func TestManySources(t *testing.T) {
	const all = 100_000
	r := newReports()
	stood := uint64(0)
	take := func() {
		for len(r.out) > 0 {
			stood += 1 + (<-r.out).Repeated
		}
	}
	for n := range all {
		source := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		r.refuse(source, "1", register.OutsideBlocks, t0)
		r.refuse(source, "1", register.OutsideBlocks, t0)
		take()
	}
	if len(r.said) > maxSaid || len(r.due) > maxSaid || len(r.numbers) > maxSaid {
		t.Errorf("%d, %d, %d remembered", len(r.said), len(r.due), len(r.numbers))
	}
	for len(r.due) > 0 {
		r.flush(t0, r.room())
		take()
	}
	if stood+r.discarded != 2*all || r.discarded != 2*(all-maxSaid) {
		t.Errorf("%d stood for, %d discarded", stood, r.discarded)
	}
}

// TestNobodyTakesReports: what finds no room comes with what follows.
func TestNobodyTakesReports(t *testing.T) {
	r := newReports()
	for n := range 2 * maxWaiting {
		source := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		r.refuse(source, "1", register.OutsideBlocks, t0)
	}
	if r.room() != 0 || r.discarded != 0 {
		t.Fatalf("room for %d, %d discarded", r.room(), r.discarded)
	}
	if r.alone(&register.Report{}) || r.discarded != 1 {
		t.Error("a stray that found no room was not counted")
	}
	if r.tick(t0+90*sec, 9999); r.given != maxWaiting {
		t.Errorf("%d given", r.given)
	}
	for len(r.out) > 0 {
		<-r.out
	}
	r.tick(t0+90*sec, 9999)
	if len(r.out) != maxWaiting || r.discarded != 1 {
		t.Errorf("%d come later, %d discarded", len(r.out), r.discarded)
	}
}

func TestClockSetBack(t *testing.T) {
	r := newReports()
	r.refuse(none, "1", register.InUse, t0)
	r.refuse(none, "1", register.InUse, t0-3600*sec)
	r.tick(t0-3600*sec, 9)
	if got := r.said1(); got != "1 in_use+0@0|1 in_use+0@0|" {
		t.Error(got)
	}
	r.tick(t0-3540*sec, 9)
	if len(r.said) != 0 {
		t.Error("remembered for an hour")
	}
}

func TestText(t *testing.T) {
	long := make([]byte, 300)
	for i := range long {
		long[i] = "\xc3\xa4"[i%2]
	}
	for _, s := range []string{"", "a", "\xff\xfe", string(long)} {
		if got := text(s); !utf8.ValidString(got) || len(got) > maxText+1 {
			t.Errorf("%q", got)
		}
	}
}
