package capture

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/sip/packet"
)

// hepBytes returns a HEPv3 packet with payload, and a key unless it is empty.
func hepBytes(payload, key string) []byte {
	chunk := func(b []byte, kind uint16, v string) []byte {
		b = binary.BigEndian.AppendUint16(b, 0)
		b = binary.BigEndian.AppendUint16(b, kind)
		b = binary.BigEndian.AppendUint16(b, uint16(6+len(v)))
		return append(b, v...)
	}
	b := []byte("HEP3\x00\x00")
	b = chunk(b, 1, "\x02")
	b = chunk(b, 2, "\x11")
	if key != "" {
		b = chunk(b, 0x0e, key)
	}
	b = chunk(b, 0x0f, payload)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	return b
}

// hepSink keeps what it is given.
type hepSink struct {
	room int // bytes of a batch
	full bool

	mu     sync.Mutex // guards what follows
	frames [][]byte
	puts   int
	change chan struct{} // closed at the next Put
}

func newHepSink() *hepSink { return &hepSink{room: 1 << 20, change: make(chan struct{})} }

func (s *hepSink) Get() *packet.Batch { return packet.NewBatch(256, s.room) }

func (s *hepSink) Put(b *packet.Batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if !s.full {
		for i := range b.Frames {
			f := &b.Frames[i]
			if f.Link != packet.LinkHEP || f.Time == 0 || f.WireLen != len(f.Data) {
				panic(fmt.Sprintf("frame %+v", f))
			}
			s.frames = append(s.frames, bytes.Clone(f.Data))
		}
	}
	close(s.change)
	s.change = make(chan struct{})
	return !s.full
}

// wait returns the frames once there are n.
func (s *hepSink) wait(t *testing.T, n int) [][]byte {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		frames, change := s.frames, s.change
		s.mu.Unlock()
		if len(frames) >= n {
			return frames
		}
		select {
		case <-change:
		case <-deadline:
			t.Fatalf("%d frames, want %d", len(frames), n)
		}
	}
}

// until waits for a counter, which nothing announces.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// startHEP runs a HEP source until the test ends.
func startHEP(t *testing.T, cfg HEPConfig, sink Sink) *HEP {
	t.Helper()
	h, err := NewHEP(cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := h.Stats().Connections; n != 0 {
			t.Errorf("%d connections after the end", n)
		}
		goleak.VerifyNone(t)
	})
	select {
	case <-h.Ready():
	case err := <-done:
		t.Fatalf("Run: %v", err)
	}
	return h
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hep"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return cert, key, pool
}

func dial(t *testing.T, network string, addr net.Addr, pool *x509.CertPool) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if network == "tls" {
		c, err = tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	} else {
		c, err = net.Dial(network, addr.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// closed waits for the other side to close c.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("connection was not closed: %d bytes, %v", n, err)
	}
}

func TestHEPNetworks(t *testing.T) {
	cert, key, pool := certificate(t)
	for _, network := range []string{"udp", "tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			l := HEPListener{Network: network, Address: "127.0.0.1:0"}
			if network == "tls" {
				l.Cert, l.Key = cert, key
			}
			sink := newHepSink()
			h := startHEP(t, HEPConfig{Listeners: []HEPListener{l}}, sink)
			c := dial(t, network, h.Addrs()[0], pool)
			var want [][]byte
			size := uint64(0)
			for i := range 100 {
				b := hepBytes(fmt.Sprintf("OPTIONS sip:%d@example.org SIP/2.0\r\n\r\n", i), "")
				want, size = append(want, b), size+uint64(len(b))
				send(t, c, b)
				if i%10 == 0 {
					sink.wait(t, i+1) // nothing more comes: it must not be held back
				}
			}
			got := sink.wait(t, len(want))
			for i := range want {
				if !bytes.Equal(want[i], got[i]) {
					t.Fatalf("packet %d is %q, want %q", i, got[i], want[i])
				}
			}
			until(t, "counting", func() bool { return h.Stats().Packets == 100 })
			if st := h.Stats(); st.Bytes != size || st.Dropped+st.Malformed+st.TooLong+st.Unauthorized != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// However a stream is cut, the packets are the same.
func TestHEPStreamFraming(t *testing.T) {
	sink := newHepSink()
	h := startHEP(t, HEPConfig{Listeners: []HEPListener{{Network: "tcp", Address: "127.0.0.1:0"}}}, sink)
	want := [][]byte{hepBytes("one", ""), hepBytes(strings.Repeat("x", 65000), ""), hepBytes("", ""), hepBytes("four", "")}
	stream := bytes.Join(want, nil)
	n := 0
	for _, step := range []int{len(stream), 1, 3, 1000, 40000} {
		if step == 1 {
			stream = bytes.Join([][]byte{want[0], want[2], want[3], want[0]}, nil)
		} else {
			stream = bytes.Join(want, nil)
		}
		c := dial(t, "tcp", h.Addrs()[0], nil)
		for at := 0; at < len(stream); at += step {
			send(t, c, stream[at:min(len(stream), at+step)])
		}
		n += 4
		got := bytes.Join(sink.wait(t, n)[n-4:], nil)
		if !bytes.Equal(got, stream) {
			t.Fatalf("in steps of %d: %d bytes came out of %d", step, len(got), len(stream))
		}
		_ = c.Close()
	}
	if st := h.Stats(); st.Accepted != 5 {
		t.Errorf("%+v", st)
	}
}

func TestHEPSecret(t *testing.T) {
	sink := newHepSink()
	h := startHEP(t, HEPConfig{
		Listeners: []HEPListener{{Network: "udp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: "127.0.0.1:0"}},
		Secret:    []byte("s3cret"),
	}, sink)
	udp, tcp := dial(t, "udp", h.Addrs()[0], nil), dial(t, "tcp", h.Addrs()[1], nil)
	for _, key := range []string{"", "wrong!", "s3cret2", "s3cre"} {
		send(t, udp, hepBytes("no", key))
	}
	send(t, udp, []byte("\x02\x10\x02\x11aaaaaaaaaaaaaaaaaaaaaaaaaaaaa")) // version 2 has no key
	send(t, udp, hepBytes("yes", "s3cret"))
	sink.wait(t, 1)
	send(t, tcp, hepBytes("yes", "s3cret"))
	got := sink.wait(t, 2)
	send(t, tcp, append(hepBytes("no", "wrong"), hepBytes("too late", "s3cret")...))
	closed(t, tcp)
	for _, b := range got {
		if !bytes.Contains(b, []byte("yes")) {
			t.Errorf("got %q", b)
		}
	}
	// Frames are counted once the sink has them, so the count may come later.
	until(t, "counting", func() bool { return h.Stats().Packets == 2 })
	if st := h.Stats(); st.Unauthorized+st.Malformed != 6 || st.Unauthorized < 5 {
		t.Errorf("%+v", st)
	}
}

func TestHEPMalformed(t *testing.T) {
	sink := newHepSink()
	h := startHEP(t, HEPConfig{
		Listeners: []HEPListener{{Network: "udp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: "127.0.0.1:0"}},
	}, sink)
	udp := dial(t, "udp", h.Addrs()[0], nil)
	for _, b := range []string{"", "HEP", "HEP3\x00", "HEP3\x00\x05", "HEP3\x00\xff", "GET / HTTP/1.1\r\n\r\n"} {
		send(t, udp, []byte(b))
	}
	send(t, udp, append(hepBytes("good", ""), "trailing bytes"...))
	send(t, udp, []byte("\x01\x10\x02\x11version one"))
	if got := sink.wait(t, 2); !bytes.Equal(got[0], hepBytes("good", "")) || got[1][0] != 1 {
		t.Errorf("got %q", got)
	}
	if st := h.Stats(); st.Malformed != 6 {
		t.Errorf("%+v", st)
	}
	tcp := dial(t, "tcp", h.Addrs()[1], nil)
	send(t, tcp, append(hepBytes("good", ""), "GET / HTTP/1.1"...))
	closed(t, tcp)
	sink.wait(t, 3)
	short := dial(t, "tcp", h.Addrs()[1], nil)
	send(t, short, hepBytes("cut", "")[:12])
	_ = short.Close()
	until(t, "end of the cut connection", func() bool { st := h.Stats(); return st.Broken == 2 && st.Packets == 3 })
	if st := h.Stats(); st.Malformed != 7 {
		t.Errorf("%+v", st)
	}
}

func TestHEPConnectionBounds(t *testing.T) {
	sink := newHepSink()
	h := startHEP(t, HEPConfig{
		Listeners: []HEPListener{{Network: "tcp", Address: "127.0.0.1:0"}}, Conns: 2, Idle: 300 * time.Millisecond,
	}, sink)
	a, b := dial(t, "tcp", h.Addrs()[0], nil), dial(t, "tcp", h.Addrs()[0], nil)
	send(t, a, hepBytes("a", ""))
	send(t, b, hepBytes("b", ""))
	sink.wait(t, 2)
	closed(t, dial(t, "tcp", h.Addrs()[0], nil))
	if st := h.Stats(); st.Refused != 1 || st.Accepted != 2 {
		t.Errorf("%+v", st)
	}
	closed(t, a)
	closed(t, b)
	until(t, "room for another connection", func() bool { return h.Stats().Connections == 0 })
	c := dial(t, "tcp", h.Addrs()[0], nil)
	send(t, c, hepBytes("c", ""))
	sink.wait(t, 3)
	if st := h.Stats(); st.Idle != 2 {
		t.Errorf("%+v", st)
	}
}

// Every packet is counted where the sink is full.
func TestHEPDropped(t *testing.T) {
	sink := newHepSink()
	sink.full = true
	h := startHEP(t, HEPConfig{Listeners: []HEPListener{{Network: "udp", Address: "127.0.0.1:0"}}}, sink)
	c := dial(t, "udp", h.Addrs()[0], nil)
	for range 50 {
		send(t, c, hepBytes("x", ""))
	}
	until(t, "dropping", func() bool { return h.Stats().Dropped == 50 })
}

// What the kernel drops is counted too: every datagram is accounted for.
func TestHEPKernelDrops(t *testing.T) {
	sink := newHepSink()
	h := startHEP(t, HEPConfig{Listeners: []HEPListener{{Network: "udp", Address: "127.0.0.1:0"}}, Receive: 4096}, sink)
	c := dial(t, "udp", h.Addrs()[0], nil)
	sink.mu.Lock()
	for range 1000 {
		send(t, c, hepBytes("x", ""))
	}
	sink.mu.Unlock()
	until(t, "counting", func() bool {
		st := h.Stats()
		return st.KernelDrops > 0 && st.Packets+st.KernelDrops == 1000
	})
}

func TestHEPTooLong(t *testing.T) {
	small := newHepSink()
	small.room = 1000
	h := startHEP(t, HEPConfig{Listeners: []HEPListener{{Network: "tcp", Address: "127.0.0.1:0"}}}, small)
	c := dial(t, "tcp", h.Addrs()[0], nil)
	big, fits := hepBytes(strings.Repeat("x", 2000), ""), hepBytes(strings.Repeat("y", 400), "")
	send(t, c, bytes.Join([][]byte{fits, big, fits, fits, fits, big}, nil))
	small.wait(t, 4)
	until(t, "counting", func() bool { return h.Stats().TooLong == 2 })
	if st := h.Stats(); st.Packets != 4 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
}

// Under load the sink is called once a batch, not once a packet, also over TLS.
func TestHEPBatches(t *testing.T) {
	cert, key, pool := certificate(t)
	for _, network := range []string{"tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			l := HEPListener{Network: network, Address: "127.0.0.1:0"}
			if network == "tls" {
				l.Cert, l.Key = cert, key
			}
			sink := newHepSink()
			h := startHEP(t, HEPConfig{Listeners: []HEPListener{l}}, sink)
			c := dial(t, network, h.Addrs()[0], pool)
			const n = 2000
			sink.mu.Lock() // the first Put waits, and the rest in the socket
			for range n {
				send(t, c, hepBytes("a packet of its own write and TLS record", ""))
			}
			sink.mu.Unlock()
			sink.wait(t, n)
			sink.mu.Lock()
			defer sink.mu.Unlock()
			if sink.puts > n/50 {
				t.Errorf("%d calls of Put for %d packets", sink.puts, n)
			}
		})
	}
}

func TestHEPErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	tests := []struct {
		name   string
		listen []HEPListener
		want   []string
	}{
		{"none", nil, []string{"name one"}},
		{"network", []HEPListener{{Network: "sctp", Address: ":1"}}, []string{`"sctp"`, "udp, tcp, tls"}},
		{"address", []HEPListener{{Network: "udp", Address: "9060"}}, []string{"9060", "host:port"}},
		{"tls without files", []HEPListener{{Network: "tls", Address: ":9061"}}, []string{"certificate"}},
		{"files without tls", []HEPListener{{Network: "tcp", Address: ":9061", Cert: "x"}}, []string{"tls"}},
		{"missing files", []HEPListener{{Network: "tls", Address: "127.0.0.1:0", Cert: "/none/c", Key: "/none/k"}}, []string{"/none/c", "no such file"}},
		{
			"in use", []HEPListener{{Network: "udp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: taken.Addr().String()}},
			[]string{"listen for HEP on tcp " + taken.Addr().String(), "another program"},
		},
		{"not ours", []HEPListener{{Network: "udp", Address: "192.0.2.1:9060"}}, []string{"does not have the address"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			h, err := NewHEP(HEPConfig{Listeners: test.listen}, newHepSink())
			if err == nil {
				err = h.Run(context.Background())
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// A renewed certificate serves without a restart.
func TestHEPCertificateRenewed(t *testing.T) {
	cert, key, old := certificate(t)
	sink := newHepSink()
	h := startHEP(t, HEPConfig{Listeners: []HEPListener{{Network: "tls", Address: "127.0.0.1:0", Cert: cert, Key: key}}}, sink)
	send(t, dial(t, "tls", h.Addrs()[0], old), hepBytes("a", ""))
	sink.wait(t, 1)
	cert2, key2, renewed := certificate(t)
	for from, to := range map[string]string{cert2: cert, key2: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	send(t, dial(t, "tls", h.Addrs()[0], renewed), hepBytes("b", ""))
	sink.wait(t, 2)
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, dial(t, "tls", h.Addrs()[0], renewed), hepBytes("c", ""))
	sink.wait(t, 3)
}

func FuzzHEPStream(f *testing.F) {
	f.Add(bytes.Join([][]byte{hepBytes("a", "key"), hepBytes("b", "")}, nil), false)
	f.Add([]byte("HEP3\x00\x06HEP3\x00\x05"), true)
	f.Fuzz(func(t *testing.T, b []byte, secret bool) {
		sink := newHepSink()
		h, err := NewHEP(HEPConfig{Listeners: []HEPListener{{Network: "udp", Address: ":0"}}}, sink)
		if err != nil {
			t.Fatal(err)
		}
		if secret {
			h.cfg.Secret = []byte("key")
		}
		r := newHEPReceiver(h)
		used, err := r.packets(b, 1)
		r.put()
		if used > len(b) || err == nil && len(b)-used > hepMax {
			t.Fatalf("used %d of %d bytes: %v", used, len(b), err)
		}
		if !secret && !bytes.Equal(bytes.Join(sink.frames, nil), b[:used]) {
			t.Fatalf("took %q of %q", sink.frames, b[:used])
		}
		u := hepUDP{hepReceiver: r}
		u.datagram(b, 1)
		u.put()
	})
}

func BenchmarkHEPUDP(b *testing.B) {
	sink := &countSink{batch: packet.NewBatch(256, 1<<20)}
	h, err := NewHEP(HEPConfig{Listeners: []HEPListener{{Network: "udp", Address: ":0"}}, Secret: []byte("key")}, sink)
	if err != nil {
		b.Fatal(err)
	}
	u := hepUDP{hepReceiver: newHEPReceiver(h)}
	data := hepBytes(strings.Repeat("x", 600), "key")
	b.ReportAllocs()
	for b.Loop() {
		u.datagram(data, 1)
	}
	u.put()
	if sink.frames != b.N {
		b.Fatalf("%d frames of %d", sink.frames, b.N)
	}
}

type countSink struct {
	batch  *packet.Batch
	frames int
}

func (s *countSink) Get() *packet.Batch { s.batch.Reset(); return s.batch }
func (s *countSink) Put(b *packet.Batch) bool {
	s.frames += len(b.Frames)
	return true
}
