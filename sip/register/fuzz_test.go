package register

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

// FuzzRestore: what makes no sense is refused, the rest is written back as it
// was read, and the registry stays whole.
func FuzzRestore(f *testing.F) {
	b := manyBinding(2)
	f.Add(b.Append(nil))
	b.Named = parse.Contact{URI: uri("x", "192.168.1.10"), Port: 5062, Expires: -1}
	b.Source = netip.MustParseAddrPort("[2001:db8::1]:5060")
	f.Add(b.Append(nil))
	f.Add((&Binding{ID: 1, Expires: 3_000 * second}).Append(nil))
	f.Add(b.Append(nil)[:20])
	f.Add([]byte{})
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWire(t)
		w.Registry = NewRegistry(Config{Book: w.book, MaxBindings: 4})
		err := w.Restore(data, w.now)
		w.checkWhole(t)
		if err != nil {
			if !errors.Is(err, ErrSaved) && !errors.Is(err, ErrExpired) {
				t.Fatal(err)
			}
			return
		}
		all := w.everything()
		if len(all) != 1 {
			t.Fatalf("%d bindings", len(all))
		}
		again := NewRegistry(Config{Book: w.book, MaxBindings: 4})
		saved := all[0].Append(nil)
		if err := again.Restore(saved, w.now); err != nil {
			t.Fatalf("%v: %q of %q", err, saved, data)
		}
		twice, _ := again.List(0, Select{}, w.now, 2, nil)
		if diff := cmp.Diff(all, twice, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Fatal(diff)
		}
		if !bytes.Equal(saved, twice[0].Append(nil)) {
			t.Fatal("it is written differently the second time")
		}
		if err := w.Restore(saved, w.now); !errors.Is(err, ErrSaved) {
			t.Fatalf("twice: %v", err)
		}
		w.Tick(1<<63-1, 1<<20)
	})
}

// FuzzRegistry: messages of any content leave it whole, and verdicts follow.
func FuzzRegistry(f *testing.F) {
	for _, text := range []string{
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=b\r\nFrom: <sip:1005@x>;tag=1\r\nTo: <sip:1005@x>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:1005@203.0.113.7:5060>;expires=60\r\n\r\n",
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=b\r\nFrom: <sip:1005@x>;tag=1\r\nTo: <sip:1005@x>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: *\r\nExpires: 0\r\n\r\n",
	} {
		f.Add([]byte(text), []byte("SIP/2.0 200 OK\r\nFrom: <sip:1005@x>;tag=1\r\nTo: <sip:1005@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:1005@203.0.113.7:5060>;expires=60, <sip:b@c>;expires=9\r\n\r\n"))
	}
	phone, server := netip.MustParseAddrPort(acmePhone), netip.MustParseAddrPort(theSwitch)
	f.Fuzz(func(t *testing.T, request, answer []byte) {
		w := newWire(t)
		w.Registry = NewRegistry(Config{Book: w.book, MaxBindings: 20})
		parser, m := parse.NewParser(), new(parse.Message)
		for _, x := range []struct {
			payload  []byte
			src, dst netip.AddrPort
		}{{request, phone, server}, {answer, server, phone}, {request, phone, server}} {
			if parser.Parse(x.payload, m) != nil {
				return
			}
			p := &packet.Packet{Time: w.now, Src: packet.EndpointFrom(x.src), Dst: packet.EndpointFrom(x.dst), Transport: packet.UDP}
			changes := slices.Clone(w.Message(p, m))
			w.checkWhole(t)
			for _, c := range changes {
				if c.What == 0 || c.Binding.ID == 0 {
					t.Fatalf("%+v", c)
				}
			}
			var q Request
			q.Fill(m, p)
			v := w.Judge(&q, w.now)
			if e, steps := w.Explain(&q, w.now); e != v || len(steps) != int(v.Reason) {
				t.Fatalf("%+v, explained as %+v", v, e)
			}
		}
		for more := true; more; {
			_, more = w.Tick(1<<62, 1<<16)
		}
		w.checkWhole(t)
		if n := w.Stats().Bindings; n != 0 {
			t.Fatalf("%d bindings at the end", n)
		}
	})
}
