package guard

import (
	"testing"

	"github.com/sipward/sipward/sip/register"
)

func TestRecentIsBounded(t *testing.T) {
	r := newRecent()
	for n := range uint64(3 * maxGeneration) {
		r.settle(n+1, register.Allowed, 1)
	}
	if n := len(r.young) + len(r.old); n > 2*maxGeneration || r.forgotten != maxGeneration {
		t.Errorf("%d remembered, %d forgotten before their time", n, r.forgotten)
	}
}

// TestRecentAges: what is remembered lives for one to two generations, whatever
// the clock does.
func TestRecentAges(t *testing.T) {
	long := int64(generation)
	for _, tt := range []struct {
		name     string
		at, then int64
		known    bool
	}{
		{"at once", 10 * long, 10 * long, true},
		{"within a generation", 10 * long, 11*long - 1, true},
		{"in the next", 10 * long, 11 * long, true},
		{"two later", 10 * long, 12 * long, false},
		{"the clock was set back", 10 * long, 0, true},
		{"and far ahead", 10 * long, 1000 * long, false},
	} {
		r := newRecent()
		r.again(1, tt.at)
		r.settle(1, register.InUse, tt.at)
		if s, known := r.again(1, tt.then); known != tt.known || known && s.reason != register.InUse {
			t.Errorf("%s: %v %+v", tt.name, known, s)
		}
	}
	r := newRecent()
	r.settle(1, register.Allowed, 0)
	for range 300 {
		r.again(1, 0)
	}
	if s, _ := r.again(1, 0); s.resent != 255 {
		t.Errorf("sent again %d times", s.resent)
	}
}
