package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/party"
)

// TestKills ends runs in the middle, without a Finish: what came since the last
// checkpoint is forgotten, and some seconds pass unwatched. No call is recorded
// twice under one number, none stays live, and none is longer than it was in
// truth.
func TestKills(t *testing.T) {
	plan, all := frames(t, testkit.Plan{Calls: 150, Rate: 10, Mix: everyOutcome, Spread: 0.5})
	truth := map[string]int64{} // length of answered calls
	v := newVault(t)
	playRuns(t, v, Config{Book: book(t, plan), Finished: func(l *dialog.Leg, _ *counters.MediaResult, _ *party.Book) {
		if l.Answer != 0 {
			truth[l.CallID] = l.End - l.Answer
		}
	}}, all, func(int64) bool { return false })
	missed := 0
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 9))
		v, seen := newVault(t), map[string]bool{}
		cfg := Config{Book: book(t, plan), Finished: func(l *dialog.Leg, _ *counters.MediaResult, _ *party.Book) {
			number := fmt.Sprint(l.Epoch, "/", l.ID)
			if seen[number] {
				t.Errorf("seed %d: call %s is recorded twice", seed, number)
			}
			seen[number] = true
			switch whole := l.Initial && l.Answer != 0; {
			case l.Release == dialog.EndMissed:
				missed++
				if !l.Restored || whole && l.End-l.Answer > truth[l.CallID] {
					t.Errorf("seed %d: %s was missed: restored %v, %v long, in truth %v", seed, l.CallID, l.Restored, time.Duration(l.End-l.Answer), time.Duration(truth[l.CallID]))
				}
			case whole && truth[l.CallID] != l.End-l.Answer && (l.Release == dialog.ByeCaller || l.Release == dialog.ByeCallee):
				// A 2xx or a BYE of one hop was missed, and seen on the other.
				if off := time.Duration(truth[l.CallID] - (l.End - l.Answer)).Abs(); off > 100*time.Millisecond {
					t.Errorf("seed %d: %s is %v long, in truth %v", seed, l.CallID, time.Duration(l.End-l.Answer), time.Duration(truth[l.CallID]))
				}
			}
		}}
		epoch := uint64(1)
		core := v.run(cfg, epoch, all[0].Time)
		unwatched := int64(0)
		for i := range all {
			now := all[i].Time
			if now < unwatched {
				continue
			}
			core.Frame(&all[i])
			if r.IntN(60) == 0 {
				unwatched = now + r.Int64N(int64(5*time.Second))
				epoch++
				core = v.run(cfg, epoch, unwatched)
			}
		}
		core.Tick(all[len(all)-1].Time + int64(13*time.Hour))
		for range 3 { // given up, settled, closed
			core.Tick(core.clock.now + int64(time.Minute))
		}
		if s := core.Snapshot(); s.Figures.Total.Live() != 0 || s.Dialogs.Legs != 0 || s.Endpoints != 0 || s.Figures.Skew != 0 {
			t.Errorf("seed %d: %d live, %d legs, %d endpoints, skew %d", seed, s.Figures.Total.Live(), s.Dialogs.Legs, s.Endpoints, s.Figures.Skew)
		}
		if len(v.saved) != 1 {
			t.Errorf("seed %d: %d calls are still saved", seed, len(v.saved)-1)
		}
		if t.Failed() {
			return
		}
	}
	if missed == 0 {
		t.Error("no end was missed")
	}
}
