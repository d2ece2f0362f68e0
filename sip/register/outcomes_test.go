package register

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/parse"
)

func TestOutcomes(t *testing.T) {
	o := NewOutcomes()
	say := func(now int64, callID string, cseq uint32, status uint16) {
		o.Message(&parse.Message{Method: parse.REGISTER, CallID: callID, CSeq: cseq, Status: status}, now)
	}
	say(1, "a", 1, 0)
	say(2, "a", 1, 0) // sent again
	say(3, "a", 1, 100)
	say(4, "a", 1, 401)
	say(5, "a", 1, 401) // both hops of a proxy
	say(6, "a", 2, 0)
	say(7, "a", 2, 200)
	say(8, "a", 2, 500)  // too late to matter
	say(9, "b", 1, 0)    // nobody answers
	say(10, "c", 9, 200) // nobody asked
	say(11, "d", 1, 100)
	say(12, "d", 1, 403) // captured before its request
	say(13, "d", 1, 0)
	say(14, "d", 1, 403)
	want := Totals{Requests: 5, Transactions: 4, Unanswered: 1, ByStatus: map[uint16]uint64{401: 1, 200: 1, 403: 1}}
	if diff := cmp.Diff(want, o.Totals()); diff != "" {
		t.Error(diff)
	}
}

func TestOutcomesAreBounded(t *testing.T) {
	o := NewOutcomes()
	for i := range 3 * maxGeneration {
		o.Message(&parse.Message{Method: parse.REGISTER, CallID: fmt.Sprint(i), CSeq: 1}, 1)
	}
	if n := o.recent.len(); n > 2*maxGeneration {
		t.Errorf("%d transactions remembered", n)
	}
	if s := o.Totals(); s.Transactions != 3*maxGeneration || s.Forgotten != maxGeneration {
		t.Errorf("%d transactions counted, %d forgotten; want %d, %d", s.Transactions, s.Forgotten, 3*maxGeneration, maxGeneration)
	}
}

// TestOutcomesAge: what is forgotten in its time is not counted, and a clock
// that is set back does not make the memory grow old at once, or never.
func TestOutcomesAge(t *testing.T) {
	o := NewOutcomes()
	request := func(callID string, now int64) {
		o.Message(&parse.Message{Method: parse.REGISTER, CallID: callID, CSeq: 1}, now)
	}
	for i := range int64(100) {
		request(fmt.Sprint("in order ", i), i*int64(generation))
	}
	if n := o.recent.len(); n > 2 {
		t.Errorf("%d transactions remembered", n)
	}
	request("set back", 0)
	request("set back", int64(generation)-1)
	for i := range int64(3) {
		request(fmt.Sprint("set back ", i), i*int64(generation))
	}
	if n := o.recent.len(); n > 4 {
		t.Errorf("%d transactions remembered after the clock was set back", n)
	}
	if s := o.Totals(); s.Forgotten != 0 || s.Transactions != 104 {
		t.Errorf("%+v", s)
	}
}
