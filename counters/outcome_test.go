package counters

import (
	"testing"

	"github.com/sipward/sipward/sip/dialog"
)

// TestOutcomeIsThatOfTheFigures: what a record says of a call is what was counted
// of it.
func TestOutcomeIsThatOfTheFigures(t *testing.T) {
	for release := dialog.Release(1); int(release) < dialog.Releases; release++ {
		for _, status := range []uint16{0, 302, 401, 404, 407, 408, 480, 486, 487, 503, 600, 603} {
			for _, answered := range []bool{false, true} {
				for _, rang := range []bool{false, true} {
					c := New(4)
					s := newScript(c).open().try(telco)
					if rang {
						s.ring()
						s.last().Rang = s.now
					}
					if answered {
						s.tryAnswered().answer()
					}
					s.tryReleased(release, status).release(release, status).close()
					check := func(what string, f *Figures, outcome, ok bool) {
						if (f.Outcomes == 1) != outcome || (f.Effective == 1) != ok || (f.Over == 1) != outcome {
							t.Errorf("%s, %v %d answered %v rang %v: outcome %v, effective %v; counted %d, %d, %d over", what, release, status,
								answered, rang, outcome, ok, f.Outcomes, f.Effective, f.Over)
						}
					}
					outcome, ok := Outcome(s.leg)
					check("call", &c.total.Figures, outcome, ok)
					outcome, ok = AttemptOutcome(s.last())
					check("attempt", c.carrier(telco), outcome, ok)
				}
			}
		}
	}
	if outcome, ok := Outcome(&dialog.Leg{Answer: 5}); outcome || ok {
		t.Error("a call that was joined midway has an outcome")
	}
}
