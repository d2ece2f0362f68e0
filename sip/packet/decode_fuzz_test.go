package packet

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fuzzLinks are the link types that FuzzDecode chooses from by its first byte.
var fuzzLinks = []Link{LinkEthernet, LinkNull, LinkRaw, LinkSLL, LinkSLL2, LinkNetwork, LinkHEP,
	linkPPP, linkRawBSD, linkRawOpen, linkPPPHDLC, linkPPPoE, linkCiscoHDL, linkWifi, linkLoop, linkRadiotap,
	linkPPPDir, linkMPLS, linkPPI, linkPktap, linkNFLog, linkIPv4, linkIPv6, 10, 117, 119, 189, 220}

// FuzzDecode takes data apart into frames (two bytes of length before each),
// so that fragments meet, and decodes them with one decoder.
func FuzzDecode(f *testing.F) {
	framed := func(bs ...[]byte) []byte {
		var out []byte
		for _, b := range bs {
			out = append(append(out, u16(len(b))...), b...)
		}
		return out
	}
	for _, c := range carriers() {
		for _, in := range inners() {
			for i, l := range fuzzLinks {
				if l == c.link && (c.only == 0 || c.only == in.etherType) {
					fr := c.frame(in)
					f.Add(uint8(i), fr.EtherType, uint8(0), framed(fr.Data))
				}
			}
		}
	}
	f.Add(uint8(2), uint16(0), uint8(0), framed(split4(big4(text(150)), 64)...))
	f.Add(uint8(2), uint16(0), uint8(0), framed(split6(big6(text(150)), 1, 64)...))
	f.Add(uint8(6), uint16(0), uint8(0), framed(hep3(common(17, 1), chunk(0, 0x0f, register))))

	f.Fuzz(func(t *testing.T, link uint8, etherType uint16, missing uint8, data []byte) {
		d := NewDecoder(Limits{FragmentBytes: 1 << 16, FragmentFlows: 8})
		again := NewDecoder(Limits{FragmentBytes: 1 << 16, FragmentFlows: 8})
		var frames uint64
		for now := int64(1); len(data) >= 2; now += 1e8 {
			n := min(int(be16(data)), len(data)-2)
			frame := Frame{Time: now, Data: data[2 : 2+n : 2+n], WireLen: n + int(missing),
				Link: fuzzLinks[int(link)%len(fuzzLinks)], EtherType: etherType}
			data = data[2+n:]
			before := bytes.Clone(frame.Data)
			var p, q Packet
			r := d.Decode(&frame, &p)
			frames++
			checkDecoded(t, r, &p)
			if !bytes.Equal(before, frame.Data) {
				t.Fatal("the frame was written to")
			}
			if r2 := again.Decode(&frame, &q); r2 != r || r == Payload && !cmp.Equal(p, q) {
				t.Fatalf("%v and %v for the same frames", r, r2)
			}
		}
		checkStats(t, d, frames)
	})
}

func checkDecoded(t *testing.T, r Result, p *Packet) {
	t.Helper()
	switch {
	case r.String() == "invalid":
		t.Fatal("no result")
	case r == Panicked:
		t.Fatal("a decoder panicked")
	case r == Payload && p.Transport.String() == "invalid":
		t.Fatal("a payload without transport")
	case r == Payload && p.Time <= 0:
		t.Fatalf("time %d", p.Time)
	}
}

func checkStats(t *testing.T, d *Decoder, frames uint64) {
	t.Helper()
	s := d.Stats()
	var sum uint64
	for _, n := range s.Frames {
		sum += n
	}
	fr := s.Fragments
	if sum != frames || fr.Fragments != fr.Kept+fr.Duplicates+fr.Conflicts+fr.Malformed+fr.Cut+fr.TooMany {
		t.Fatalf("%d frames, counters do not add up: %+v", frames, s)
	}
	if fr.Bytes > 1<<16 || fr.Bytes < 0 || fr.Pending > 8 || fr.Pending != d.frag.pending.len {
		t.Fatalf("bounds: %+v", fr)
	}
}

// FuzzHEP checks that Parse, HEPLength and Decode agree, and that what is
// taken from a packet lies in it.
func FuzzHEP(f *testing.F) {
	f.Add(hep3(common(17, 1), chunk(0, 0x0e, "secret"), chunk(0, 0x11, "call"), chunk(0, 0x0f, register)))
	f.Add(hep3(common6(22), chunk(0, 0x10, deflated(register)), chunk(0, 0x13, "node")))
	f.Add(hep3(common(17, 1), chunk(0, 0x10, gzipped(register))))
	f.Add(hep3(common(17, 4), chunk(0, 0x0f, rtp), chunk(9, 1, "vendor")))
	f.Add(hep3(common(17, 5), chunk(0, 0x0f, `{"a":1}`)))
	f.Add(hep12(1, 17, src4, dst4, 16))
	f.Add(hep12(2, 6, src6, dst6, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h HEP
		ok := h.Parse(b)
		n := HEPLength(b)
		if ok && h.Version == 3 && (n <= 0 || n > len(b)) {
			t.Fatalf("parsed, but its length is %d of %d", n, len(b))
		}
		for _, v := range [][]byte{h.AuthKey, h.Node, h.Correlation, h.Payload} {
			if ok && !bytes.Contains(b, v) {
				t.Fatalf("%q is not in the packet", v)
			}
		}
		d := NewDecoder(Limits{})
		var p Packet
		r := d.Decode(&Frame{Time: 1, Data: b, WireLen: len(b), Link: LinkHEP}, &p)
		checkDecoded(t, r, &p)
		if (r == Payload) && !ok || !ok && r != Malformed {
			t.Fatalf("parsed: %v, decoded: %v", ok, r)
		}
		if r == Payload && len(p.Payload) > maxInflated {
			t.Fatalf("payload of %d bytes", len(p.Payload))
		}
	})
}
