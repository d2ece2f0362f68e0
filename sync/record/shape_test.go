package record

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestBodyInMemory: a body that is small on the wire takes no memory that is
// out of all proportion.
func TestBodyInMemory(t *testing.T) {
	attempts, held := []byte{0xd2, 0x02, 0}, []byte{0x32, 0} // empty ones
	full := func(tag byte, part []byte, n int) []byte {
		return AppendToBody(nil, appendLong(nil, tag, bytes.Repeat(part, n)))
	}
	many := func(tag byte, part []byte) (b []byte) {
		for range 7 {
			b = append(b, full(tag, part, MaxRecord/len(part)-9)...)
		}
		return b
	}
	for _, c := range []struct {
		name  string
		body  []byte
		count uint32
		want  string // in the error; empty: it is good
	}{
		{"empty records", bytes.Repeat([]byte{0x0a, 0}, MaxBody/2), 1, "more records"},
		{"a long record", full(0x0a, attempts, MaxRecord), 1, "a record of"},
		{"attempts", many(0x0a, attempts), 7, "attempts"},
		{"held ranges", many(0x12, held), 7, "held ranges"},
		{"all that may be", full(0x0a, attempts, MaxParts), 1, ""},
		{"cut", full(0x0a, attempts, MaxParts)[:MaxParts], 1, "decoding"},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := DecodeBody("sw1", &Header{Stream: Calls, Epoch: 1, First: 1, Count: c.count, BodySize: uint32(len(c.body))}, c.body)
		runtime.ReadMemStats(&after)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 32 {
			t.Errorf("%s: %d MiB for a body of %d bytes", c.name, mib, len(c.body))
		}
	}
}

func appendLong(to []byte, tag byte, data []byte) []byte {
	b := AppendToBody(to, data)
	b[len(to)] = tag
	return b
}

// TestParts: what repeats messages in a record is counted.
func TestParts(t *testing.T) {
	kinds := (&Record{}).ProtoReflect().Descriptor().Fields()
	for i := range kinds.Len() {
		var lists []protoreflect.FieldNumber
		of := kinds.Get(i).Message().Fields()
		for j := range of.Len() {
			if f := of.Get(j); f.IsList() && f.Message() != nil {
				lists = append(lists, f.Number())
			}
		}
		want := []protoreflect.FieldNumber{partField(kinds.Get(i).Number())}
		if want[0] == 0 {
			want = nil
		}
		if !slices.Equal(lists, want) {
			t.Errorf("%s repeats messages in %v, counted are %v", kinds.Get(i).Name(), lists, want)
		}
	}
}
