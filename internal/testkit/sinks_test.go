package testkit

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/sip/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHEP reads the chunks back and compares them with what was sent.
func TestHEP(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		var got []string
		sink := tee{&HEP{W: writerFunc(func(b []byte) (int, error) {
			got = append(got, unwrap(t, b))
			return len(b), nil
		}), Node: 7, Media: true}, nil}
		if _, err := Play(Plan{Calls: 2, RTP: true, IPv6: v6, TCPCustomers: 1, Registers: 1}, &sink, nil); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(sink.sent) {
			t.Fatalf("%d HEP packets for %d packets", len(got), len(sink.sent))
		}
		for i := range got {
			if got[i] != sink.sent[i] {
				t.Fatalf("packet %d:\n%q, want\n%q", i, got[i], sink.sent[i])
			}
		}
	}
}

func TestHEPWithoutMedia(t *testing.T) {
	n := 0
	want, err := Play(Plan{Calls: 2, RTP: true}, &HEP{W: writerFunc(func(b []byte) (int, error) { n++; return len(b), nil })}, nil)
	if err != nil || n != want.Messages {
		t.Errorf("%d HEP packets for %d SIP messages, error %v", n, want.Messages, err)
	}
}

// tee notes what passes on the way to another sink.
type tee struct {
	to   Sink
	sent []string
}

func (s *tee) Send(p *Packet) error {
	s.sent = append(s.sent, line(p))
	return s.to.Send(p)
}

func line(p *Packet) string {
	proto := "udp"
	if p.TCP {
		proto = "tcp"
	}
	kind := "sip"
	if p.Kind == RTP {
		kind = "rtp"
	}
	return strings.Join([]string{time.Unix(0, p.At/1000*1000).UTC().String(), proto, kind, p.Src.String(), p.Dst.String(), string(p.Payload)}, " ")
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func unwrap(t *testing.T, b []byte) string {
	t.Helper()
	if string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		t.Fatalf("no HEP3 header: %q", b[:6])
	}
	chunks := map[uint16][]byte{}
	for b = b[6:]; len(b) > 0; {
		n := binary.BigEndian.Uint16(b[4:])
		chunks[binary.BigEndian.Uint16(b[2:])] = b[6:n]
		b = b[n:]
	}
	address := func(four, six, port uint16) netip.AddrPort {
		a, ok := netip.AddrFromSlice(append(chunks[four], chunks[six]...))
		if !ok || a.Is4() != (chunks[1][0] == 2) {
			t.Fatalf("address chunks %v do not fit the family %v", chunks[four], chunks[1])
		}
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(chunks[port]))
	}
	at := int64(binary.BigEndian.Uint32(chunks[9]))*1e9 + int64(binary.BigEndian.Uint32(chunks[10]))*1e3
	p := Packet{At: at, Src: address(3, 5, 7), Dst: address(4, 6, 8), Kind: SIP, TCP: chunks[2][0] == 6, Payload: chunks[15]}
	if chunks[11][0] == 4 {
		p.Kind = RTP
	}
	if binary.BigEndian.Uint32(chunks[12]) != 7 {
		t.Fatalf("node id %v, want 7", chunks[12])
	}
	return line(&p)
}

// TestLive plays over real sockets. Whatever is sent must go out: the kernel's
// own count of datagrams is not looked at here, the agent's tests do that.
func TestLive(t *testing.T) {
	plan := Plan{
		Calls: 6, Rate: 100, Ring: 20 * time.Millisecond, Hold: 500 * time.Millisecond, RTP: true,
		Mix: everything, Registers: 2, TCPCustomers: 1, TCPCarriers: 1, Port: freePort(t),
	}
	for range 2 { // the second run takes the ports of the first
		live := NewLive()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		begin := time.Now()
		want, err := Play(plan, &Pace{Context: ctx, To: live}, nil)
		took := time.Since(begin)
		cancel()
		if err := errors.Join(err, live.Close()); err != nil {
			t.Fatal(err)
		}
		if planned := time.Duration(want.Last - want.First); took < planned-time.Millisecond {
			t.Errorf("played %v of plan in %v", planned, took)
		}
		if want.Transports["tcp"] == 0 || want.Transports["udp"] == 0 {
			t.Errorf("transports %v, want both", want.Transports)
		}
	}
}

// TestLiveArrives puts a socket of its own where a message goes.
func TestLiveArrives(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	dst := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	src := netip.AddrPortFrom(netip.MustParseAddr("127.0.3.1"), freePort(t))
	live := NewLive()
	live.sockets[dst] = &socket{conn, time.Now()}
	if err := live.Send(&Packet{Src: src, Dst: dst, Kind: SIP, Payload: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "hello" || from != src {
		t.Errorf("got %q from %s, error %v; want hello from %s", buf[:n], from, err, src)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

func TestLiveSaysWhatItCannotOpen(t *testing.T) {
	live := NewLive()
	defer live.Close()
	nobody := netip.MustParseAddrPort("192.0.2.1:5060") // TEST-NET-1: no address of this host
	err := live.Send(&Packet{Src: nobody, Dst: nobody, Kind: SIP, Payload: []byte("x")})
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1:5060") {
		t.Errorf("error %v, want one that names the address", err)
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	pace := &Pace{Context: ctx, To: &Frames{W: FrameFunc(func(*packet.Frame) error {
		sent++
		cancel()
		return nil
	})}}
	if _, err := Play(Plan{Calls: 2, Hold: time.Hour}, pace, nil); !errors.Is(err, context.Canceled) || sent == 0 {
		t.Errorf("error %v after %d frames", err, sent)
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}
