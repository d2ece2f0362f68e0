package counters

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/dialog"
)

func TestTally(t *testing.T) {
	hungUp := func(id string, invited, answer, end int64) *dialog.Leg {
		return &dialog.Leg{CallID: id, Initial: true, Invited: invited, Answer: answer, End: end, Status: 200, Release: dialog.ByeCaller, Forks: 1}
	}
	failed := func(id string, invited, end int64, status uint16) *dialog.Leg {
		return &dialog.Leg{CallID: id, Initial: true, Invited: invited, End: end, Refused: end, Status: status, Release: dialog.Failed, Forks: 1}
	}
	with := func(l *dialog.Leg, f func(l *dialog.Leg)) *dialog.Leg { f(l); return l }
	tests := []struct {
		name string
		legs []*dialog.Leg
		want TallyFigures
	}{
		{"nothing", nil, TallyFigures{}},
		{"one call", []*dialog.Leg{hungUp("a", 1, 2, 3)},
			TallyFigures{Total: 1, Answered: 1, EndedByBye: 1, MaxLive: 1, MaxAnswered: 1}},
		{"end meets start", []*dialog.Leg{hungUp("a", 1, 2, 5), hungUp("b", 5, 6, 7)},
			TallyFigures{Total: 2, Answered: 2, EndedByBye: 2, MaxLive: 1, MaxAnswered: 1}},
		{"a timer is no end", []*dialog.Leg{
			with(hungUp("a", 1, 2, 3), func(l *dialog.Leg) { l.Release = dialog.MediaSilence }), hungUp("b", 8, 9, 10)},
			TallyFigures{Total: 2, Answered: 2, EndedByBye: 1, OpenAtEnd: 1, MaxLive: 2, MaxAnswered: 2}},
		{"a timer was wrong", []*dialog.Leg{
			with(hungUp("a", 1, 2, 3), func(l *dialog.Leg) { l.Release = dialog.SessionTimer }),
			{CallID: "a", Release: dialog.ByeCallee, End: 7}, hungUp("b", 8, 9, 10)},
			TallyFigures{Total: 2, Answered: 2, EndedByBye: 2, MaxLive: 1, MaxAnswered: 1}},
		{"a BYE from before the answer ends nothing", []*dialog.Leg{
			with(hungUp("a", 5, 6, 7), func(l *dialog.Leg) { l.Release = dialog.MaxAge }), {CallID: "a", Release: dialog.ByeCallee, End: 4}},
			TallyFigures{Total: 1, Answered: 1, OpenAtEnd: 1, MaxLive: 1, MaxAnswered: 1}},
		{"a timer and a leg that goes on", []*dialog.Leg{
			with(hungUp("a", 1, 2, 3), func(l *dialog.Leg) { l.Release = dialog.MaxAge }),
			with(hungUp("a", 1, 2, 9), func(l *dialog.Leg) { l.Release = dialog.CaptureEnd }), {CallID: "a", Release: dialog.ByeCallee, End: 7}},
			TallyFigures{Total: 1, Answered: 1, OpenAtEnd: 1, Forked: 1, MaxLive: 1, MaxAnswered: 1}},
		{"no response is no end", []*dialog.Leg{
			{CallID: "a", Initial: true, Invited: 1, End: 2, Release: dialog.NoResponse}, failed("b", 5, 6, 486)},
			TallyFigures{Total: 2, MaxLive: 2}},
		{"failures end", []*dialog.Leg{failed("a", 1, 2, 404), failed("b", 3, 4, 503)}, TallyFigures{Total: 2, MaxLive: 1}},
		{"two legs of one Call-ID", []*dialog.Leg{hungUp("a", 1, 3, 9), hungUp("a", 2, 3, 8)},
			TallyFigures{Total: 1, Answered: 1, EndedByBye: 1, Forked: 1, MaxLive: 1, MaxAnswered: 1}},
		{"one of two legs goes on", []*dialog.Leg{hungUp("a", 1, 3, 9), with(hungUp("a", 2, 3, 8), func(l *dialog.Leg) { l.Release = dialog.CaptureEnd })},
			TallyFigures{Total: 1, Answered: 1, OpenAtEnd: 1, Forked: 1, MaxLive: 1, MaxAnswered: 1}},
		{"failed first, then used again", []*dialog.Leg{failed("a", 1, 2, 503), hungUp("a", 3, 4, 5)},
			TallyFigures{Total: 1, Answered: 1, EndedByBye: 1, Forked: 1, MaxLive: 1, MaxAnswered: 1}},
		{"joined midway", []*dialog.Leg{{CallID: "a", Reinvites: 2, Canceled: true, Release: dialog.ByeCallee, End: 4}},
			TallyFigures{SeenMidcall: 1, Reinvites: 2}},
		{"joined midway, then seen whole", []*dialog.Leg{{CallID: "a", Canceled: true}, failed("a", 1, 2, 487)},
			TallyFigures{Total: 1, Cancelled: 1, MaxLive: 1}},
		{"forked", []*dialog.Leg{with(hungUp("a", 1, 2, 3), func(l *dialog.Leg) { l.Forks = 2; l.Reinvites = 1 })},
			TallyFigures{Total: 1, Answered: 1, EndedByBye: 1, Forked: 1, Reinvites: 1, MaxLive: 1, MaxAnswered: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tally := NewTally()
			for _, l := range tt.legs {
				tally.Add(l)
			}
			if diff := cmp.Diff(tt.want, tally.Figures()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTallyBound(t *testing.T) {
	tally := NewTally()
	tally.limit = 1
	for _, id := range []string{"a", "a", "b"} {
		tally.Add(&dialog.Leg{CallID: id, Initial: true})
	}
	if f := tally.Figures(); f.Total != 1 || f.Overflow != 1 {
		t.Errorf("%+v", f)
	}
}

// TestTallyProperties compares random legs, added in random order, with a
// second reading of the definitions that counts at every moment by itself.
func TestTallyProperties(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		legs := randomLegs(r)
		want := recount(legs)
		r.Shuffle(len(legs), func(i, j int) { legs[i], legs[j] = legs[j], legs[i] })
		tally := NewTally()
		for _, l := range legs {
			tally.Add(l)
		}
		got := tally.Figures()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if got.Answered != got.EndedByBye+got.OpenAtEnd || got.MaxAnswered > got.MaxLive || got.MaxLive > got.Total {
			t.Fatalf("seed %d: %+v", seed, got)
		}
	}
}

func randomLegs(r *rand.Rand) []*dialog.Leg {
	var legs []*dialog.Leg
	for range r.IntN(60) {
		at := 1 + r.Int64N(50)
		l := &dialog.Leg{CallID: fmt.Sprint("id", r.IntN(40)), Initial: r.IntN(8) > 0, Invited: at, Forks: uint8(r.IntN(3)), Reinvites: uint16(r.IntN(2)), Canceled: r.IntN(6) == 0}
		l.End = at + 1 + r.Int64N(20)
		l.Release = dialog.Release(1 + r.IntN(dialog.Releases-1))
		switch {
		case l.Initial && r.IntN(3) > 0:
			l.Answer, l.Status = at+r.Int64N(l.End-at), 200
		case r.IntN(3) > 0:
			l.Status, l.Refused = 486, l.End
		}
		legs = append(legs, l)
	}
	return legs
}

func recount(legs []*dialog.Leg) (f TallyFigures) {
	byID := map[string][]*dialog.Leg{}
	for _, l := range legs {
		byID[l.CallID] = append(byID[l.CallID], l)
		f.Reinvites += int(l.Reinvites)
	}
	type span struct{ from, to int64 }
	var live, answered []span
	for _, group := range byID {
		first, answer, bye, fail, late := int64(1000), int64(1000), int64(0), int64(0), int64(0)
		forks, initial, cancel, lost := 0, false, false, false
		for _, l := range group {
			forks += int(l.Forks)
			cancel = cancel || l.Canceled
			hungUp := l.Release == dialog.ByeCaller || l.Release == dialog.ByeCallee
			if !l.Initial {
				if hungUp {
					late = max(late, l.End)
				}
				continue
			}
			initial, first = true, min(first, l.Invited)
			if l.Answer == 0 {
				if l.Refused != 0 {
					fail = max(fail, l.End)
				}
				continue
			}
			answer = min(answer, l.Answer)
			switch l.Release {
			case dialog.SessionTimer, dialog.MediaSilence, dialog.MaxAge, dialog.EndMissed:
				lost = true
			default:
				if !hungUp {
					bye = 1000
				}
				bye = max(bye, l.End)
			}
		}
		if lost && late > answer {
			bye = max(bye, late)
		} else if lost {
			bye = 1000
		}
		if !initial {
			f.SeenMidcall++
			continue
		}
		f.Total++
		f.Cancelled += map[bool]int{true: 1}[cancel]
		f.Forked += map[bool]int{true: 1}[forks > 1]
		switch {
		case answer < 1000:
			f.Answered++
			f.OpenAtEnd += map[bool]int{true: 1}[bye == 1000]
			f.EndedByBye += map[bool]int{true: 1}[bye < 1000]
			live, answered = append(live, span{first, bye}), append(answered, span{answer, bye})
		case fail > 0:
			live = append(live, span{first, fail})
		default:
			live = append(live, span{first, 1000})
		}
	}
	most := func(spans []span) (most int) {
		for now := range int64(100) {
			n := 0
			for _, s := range spans {
				if s.from <= now && now < s.to {
					n++
				}
			}
			most = max(most, n)
		}
		return most
	}
	f.MaxLive, f.MaxAnswered = most(live), most(answered)
	return f
}

func BenchmarkTally(b *testing.B) {
	legs := make([]dialog.Leg, 1000)
	for i := range legs {
		legs[i] = dialog.Leg{CallID: fmt.Sprintf("%032d@host", i), Initial: true, Invited: int64(i), Answer: int64(i + 1), End: int64(i + 100), Release: dialog.ByeCaller}
	}
	b.ReportAllocs()
	for b.Loop() {
		t := NewTally()
		for i := range legs {
			t.Add(&legs[i])
		}
		if t.Figures().Total != len(legs) {
			b.Fatal("lost calls")
		}
	}
}
