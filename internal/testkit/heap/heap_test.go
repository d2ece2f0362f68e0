package heap

import (
	"runtime"
	"testing"
)

func TestBytes(t *testing.T) {
	const size = 32 << 20
	before := Bytes()
	held := make([]byte, size)
	if grown := int64(Bytes() - before); grown < size/2 || grown > size*2 { // small
		t.Errorf("%d bytes more for %d", grown, size)
	}
	runtime.KeepAlive(held)
	if left := int64(Bytes() - before); left > size/2 { // small
		t.Errorf("%d bytes are left", left)
	}
}
