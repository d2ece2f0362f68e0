package fill

import (
	"maps"
	"reflect"
	"testing"
)

type inner struct{ N uint64 }

type part struct {
	A     uint64
	B     [2]uint64
	C     inner
	D     hidden
	State string
	Open  int
}

type hidden struct{ N uint64 }

func TestNumbers(t *testing.T) {
	var p part
	var q inner
	got := Numbers([]any{&p, &q}, reflect.TypeFor[hidden]())
	want := map[uint64]string{1: "part.A", 2: "part.B", 3: "part.B", 4: "part.C.N", 5: "inner.N"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if p != (part{A: 1, B: [2]uint64{2, 3}, C: inner{4}}) || q.N != 5 {
		t.Errorf("%+v %+v", p, q)
	}
}
