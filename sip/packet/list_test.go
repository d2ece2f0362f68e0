package packet

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type member struct {
	links[member]
	n int
}

// A list is what a slice would be, in both directions.
func TestList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l list[member, *member]
	var want []*member
	for step := range 2000 {
		if i := random.IntN(9); i < len(want) {
			l.remove(want[i])
			if want[i].prev != nil || want[i].next != nil {
				t.Fatalf("step %d: who has left still has neighbours", step)
			}
			want = slices.Delete(want, i, i+1)
		} else {
			m := &member{n: step}
			l.push(m)
			want = append(want, m)
		}
		var forward, backward []*member
		for m := l.oldest; m != nil; m = m.next {
			forward = append(forward, m)
		}
		for m := l.newest; m != nil; m = m.prev {
			backward = append(backward, m)
		}
		slices.Reverse(backward)
		if !slices.Equal(forward, want) || !slices.Equal(backward, want) || l.len != len(want) {
			t.Fatalf("step %d: %d members forward, %d backward, len %d, want %d", step, len(forward), len(backward), l.len, len(want))
		}
	}
}
