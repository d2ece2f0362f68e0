package capture

import (
	"reflect"
	"testing"
)

// A counter that Add forgets would be missing in the figures of an agent with
// two listeners.
func TestHEPStatsAdd(t *testing.T) {
	var a, b, want HEPStats
	set := func(s *HEPStats, i, n int) {
		if f := reflect.ValueOf(s).Elem().Field(i); f.CanUint() {
			f.SetUint(uint64(n))
		} else {
			f.SetInt(int64(n))
		}
	}
	for i := range reflect.TypeFor[HEPStats]().NumField() {
		set(&a, i, i+1)
		set(&b, i, 100*(i+1))
		set(&want, i, 101*(i+1))
	}
	a.Add(b)
	if a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
}
