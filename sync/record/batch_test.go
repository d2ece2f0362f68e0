package record

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func records() []*Record {
	pdd := int64(0)
	return []*Record{
		{Call: &Call{CallId: "c1", PddMs: &pdd, FromCaller: &Side{RtpPackets: 5}, Attempts: []*Attempt{{Carrier: "telco"}}}},
		{HourMark: &HourMark{HourUnixS: 3600, Held: []*Held{{Epoch: 1, Stream: 1, First: 2, Last: 3}}}},
		{},
		{Loss: &Loss{Reason: LossShed, Count: 7}},
	}
}

// sealed is a whole message with the records, unpacked.
func sealed(t testing.TB, edit func(h *Header)) []byte {
	t.Helper()
	var body []byte
	for _, r := range records() {
		b, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		body = AppendToBody(body, b)
	}
	h := Header{Version: Version, Codec: Plain, Stream: Calls, Epoch: math.MaxUint64, First: 9, Count: 4,
		BodySize: uint32(len(body)), SentUnixMs: -1}
	if edit != nil {
		edit(&h)
	}
	message := append(make([]byte, HeaderSize), body...)
	h.Seal(message)
	return message
}

// TestBatch: records travel in a batch and come out the same.
func TestBatch(t *testing.T) {
	h, body, err := Open(sealed(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBody("sw1", &h, body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records(), got.Records, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got.Node != "sw1" || got.Epoch != math.MaxUint64 || got.Stream != Calls || got.Range() != (Range{9, 12}) || h.Range() != got.Range() || h.SentUnixMs != -1 {
		t.Errorf("header %+v, batch %+v", h, got)
	}
	for i, r := range records() {
		b, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(b)
		if err != nil || !proto.Equal(r, back) {
			t.Errorf("record %d: %v, %v", i, back, err)
		}
	}
}

// TestOpenRefuses gives Open what is no batch, and what does not fit its header.
func TestOpenRefuses(t *testing.T) {
	flip := func(at int) []byte {
		b := sealed(t, nil)
		b[at] ^= 1
		return b
	}
	for _, tt := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"nothing", nil, ErrNoBatch},
		{"half a header", sealed(t, nil)[:HeaderSize-1], ErrNoBatch},
		{"another magic", flip(0), ErrNoBatch},
		{"a flipped bit of the header", flip(9), ErrChecksum},
		{"a flipped bit of the checksum", flip(43), ErrChecksum},
		{"a flipped bit of the body", flip(HeaderSize + 3), ErrChecksum},
		{"a body cut short", sealed(t, nil)[:HeaderSize+2], ErrChecksum},
		{"no stream", sealed(t, func(h *Header) { h.Stream = 0 }), ErrRange},
		{"a third stream", sealed(t, func(h *Header) { h.Stream = 3 }), ErrRange},
		{"no first number", sealed(t, func(h *Header) { h.First = 0 }), ErrRange},
		{"no records", sealed(t, func(h *Header) { h.Count = 0 }), ErrRange},
		{"too many records", sealed(t, func(h *Header) { h.Count = MaxRecords + 1 }), ErrRange},
		{"beyond the last number", sealed(t, func(h *Header) { h.First = math.MaxUint64 - 1 }), ErrRange},
		{"a huge body", sealed(t, func(h *Header) { h.BodySize = MaxBody + 1 }), ErrRange},
	} {
		if _, body, err := Open(tt.message); !errors.Is(err, tt.want) || body != nil {
			t.Errorf("%s: %d bytes, %v, want %v", tt.name, len(body), err, tt.want)
		}
	}
	h, body, err := Open(sealed(t, func(h *Header) { h.Version, h.Codec = 200, 99 }))
	if err != nil || h.Version != 200 || h.Codec != 99 || len(body) == 0 {
		t.Errorf("an unknown version is not for Open to judge: %+v, %v", h, err)
	}
}

func TestDecodeBodyRefuses(t *testing.T) {
	_, body, err := Open(sealed(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]Header{
		"another size":  {Count: 4, BodySize: uint32(len(body)) + 1},
		"another count": {Count: 3, BodySize: uint32(len(body))},
	} {
		if _, err := DecodeBody("n", &h, body); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := DecodeBody("n", &Header{Count: 1, BodySize: 2}, []byte{10, 200}); err == nil {
		t.Error("a torn body: no error")
	}
	if _, err := Decode([]byte{10, 200}); err == nil {
		t.Error("a torn record: no error")
	}
}

// TestEncodeCleans: a SIP message may hold any bytes, a text field may not.
func TestEncodeCleans(t *testing.T) {
	bad := "caf\xe9 \x00\xff"
	b, err := Encode(&Record{Call: &Call{UserAgent: bad, CallId: "ok", FromCaller: &Side{Codec: bad}, Attempts: []*Attempt{{Called: bad}, {Called: "1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	c := r.GetCall()
	for _, s := range []string{c.GetUserAgent(), c.GetFromCaller().GetCodec(), c.GetAttempts()[0].GetCalled()} {
		if s != "caf\uFFFD \x00\uFFFD" || !utf8.ValidString(s) {
			t.Errorf("%q", s)
		}
	}
	if c.GetCallId() != "ok" || c.GetAttempts()[1].GetCalled() != "1" {
		t.Errorf("what was sound changed: %v", c)
	}
	if _, err := Encode(&Record{Call: &Call{UserAgent: strings.Repeat("x", MaxRecord)}}); err == nil {
		t.Error("a record above the limit: no error")
	}
}

func TestVersions(t *testing.T) {
	for _, v := range []uint32{0, 2} {
		h, err := EncodeMessage(&Hello{Version: v})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeHello(h); err == nil {
			t.Errorf("a hello of version %d: no error", v)
		}
		if _, err := DecodeAck(h); err == nil { // both have it in field 1
			t.Errorf("an ack of version %d: no error", v)
		}
	}
	if _, err := EncodeMessage(&Hello{Program: "\xff"}); err == nil {
		t.Error("text that is not UTF-8: no error")
	}
}

// TestAppendAllocations: building a body costs nothing beyond its room.
func TestAppendAllocations(t *testing.T) {
	encoded, err := Encode(records()[0])
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, HeaderSize, HeaderSize+200*len(encoded))
	h := Header{Version: Version, Codec: Plain, Stream: Calls, Epoch: 1, First: 1, Count: 100}
	if n := testing.AllocsPerRun(100, func() {
		m := message
		for range 100 {
			m = AppendToBody(m, encoded)
		}
		h.Seal(m)
		if _, _, err := Open(m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sealed(f, nil))
	f.Add(sealed(f, func(h *Header) { h.Stream, h.Version = Telemetry, 2 }))
	f.Add([]byte("SPWB"))
	f.Fuzz(func(t *testing.T, message []byte) {
		h, body, err := Open(message)
		if err != nil {
			return
		}
		again := slices.Clone(message)
		h.Seal(again)
		if again[7] = message[7]; !slices.Equal(again[:HeaderSize-4], message[:HeaderSize-4]) {
			t.Errorf("%+v does not give its header back", h)
		}
		if h.Range().Len() != uint64(h.Count) || len(body) != len(message)-HeaderSize {
			t.Errorf("range %v, %d bytes of body", h.Range(), len(body))
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add(sealed(f, nil)[HeaderSize:], uint32(4))
	f.Add([]byte{10, 0}, uint32(1))
	f.Fuzz(func(t *testing.T, body []byte, count uint32) {
		h := Header{Epoch: 1, Stream: Calls, First: 1, Count: count, BodySize: uint32(len(body))}
		b, err := DecodeBody("n", &h, body)
		if err != nil {
			return
		}
		if len(b.Records) != int(count) {
			t.Errorf("%d records, want %d", len(b.Records), count)
		}
		for _, r := range b.Records {
			if _, err := Encode(r); err != nil {
				t.Errorf("what was decoded does not encode: %v", err)
			}
		}
	})
}

func FuzzDecodeHello(f *testing.F) {
	b, err := EncodeMessage(&Hello{Version: Version, Epoch: 5, Held: []*Held{{Epoch: 5, Stream: 1, First: 1, Last: 9}}, StoreId: "s"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := DecodeHello(b); err == nil && h.GetVersion() != Version {
			t.Errorf("version %d", h.GetVersion())
		}
	})
}

func FuzzDecodeAck(f *testing.F) {
	b, err := EncodeMessage(&Ack{Version: Version, Cursors: []*Cursor{NewCursor(5, Calls, Ranges{{1, 4}, {8, 9}})}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeAck(b)
		if err != nil {
			return
		}
		for _, c := range a.GetCursors() {
			for _, r := range c.Done() {
				if r.Len() == 0 {
					t.Errorf("an empty range in %v", c)
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := records()[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(r); err != nil {
			b.Fatal(err)
		}
	}
}
