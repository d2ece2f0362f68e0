package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) issue(t *testing.T, name string, serial int64, good time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(good), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// hello is a CONNECT (MQTT 3.1.1 section 3.1) of node a.
func hello(keepAlive uint16) []byte {
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	body := append(text("MQTT"), 4, 0xc2)
	body = binary.BigEndian.AppendUint16(body, keepAlive)
	body = append(body, text("a")...)
	body = append(body, text("a")...)
	body = append(body, text("pw-a")...)
	return append([]byte{0x10, byte(len(body))}, body...)
}

// ended waits until the broker closes the connection, and returns what it said.
func ended(t *testing.T, c net.Conn) []byte {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
	return b
}

func TestOddClients(t *testing.T) {
	k := newTaker()
	b := open(t, Config{Greeting: 300 * time.Millisecond, KeepAlive: time.Second, Packet: 100_000}, k.take)
	publish := []byte{0x30, 0xff, 0xff, 0x7f} // 2 MiB follow, it says
	for _, c := range []struct {
		name string
		send []byte
		ack  bool // gets a CONNACK
	}{
		{"silent", nil, false},
		{"half a CONNECT", hello(10)[:9], false},
		{"not MQTT", []byte("GET / HTTP/1.1\r\n\r\n"), false},
		{"another packet first", []byte{0xc0, 0}, false},
		{"CONNECT of 1 MiB", []byte{0x10, 0x80, 0x80, 0x40}, false},
		{"length that never ends", []byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, false},
		{"second CONNECT", append(hello(10), hello(10)...), true},
		{"packet above the limit", append(hello(10), publish...), true},
		{"silent after CONNECT", hello(0), true},
		{"long keep-alive", hello(0xffff), true},
		{"broken packet", append(hello(10), 0x32, 2, 0, 9), true},
		{"packet of no type", append(hello(10), 0x00, 0), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", b.Addrs()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write(c.send); err != nil {
				t.Fatal(err)
			}
			got := ended(t, conn)
			if ack := len(got) >= 4 && got[0] == 0x20 && got[3] == 0; ack != c.ack {
				t.Errorf("the broker said %x", got)
			}
		})
	}
	eventually(t, func() bool { return b.Stats().Present == 0 })
	if b.Stats().Panics != 0 || len(k.all()) != 0 {
		t.Errorf("stats %+v", b.Stats())
	}
}

func FuzzConnectHead(f *testing.F) {
	f.Add(hello(10), 3)
	f.Add([]byte{0x10, 0x80, 0x80, 0x40}, 1)
	f.Add([]byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 2)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		var whole, parts connectHead
		want := whole.check(b)
		step = max(1, step%8)
		var got error
		for len(b) > 0 && got == nil {
			n := min(step, len(b))
			got = parts.check(b[:n])
			b = b[n:]
		}
		if !errors.Is(got, want) {
			t.Errorf("in parts %v, whole %v", got, want)
		}
		if want == nil && whole.length > maxConnect {
			t.Errorf("a CONNECT of %d bytes", whole.length)
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	b := open(t, Config{Clients: 1}, newTaker().take)
	addr := b.Addrs()[0].String()
	conns := make([]net.Conn, 0, strangers+2)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range strangers + 2 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	eventually(t, func() bool { return b.Stats().Refused[5] >= 1 })
}

// TestAClientThatDoesNotRead must not hold up for long whoever sends to others,
// and loses its connection.
func TestAClientThatDoesNotRead(t *testing.T) {
	b := open(t, Config{}, newTaker().take)
	c, err := net.Dial("tcp", b.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	topic := "sipward/v1/a/ack"
	subscribe := append([]byte{0x82, byte(5 + len(topic)), 0, 9, 0, byte(len(topic))}, topic...)
	if _, err := c.Write(append(hello(60), append(subscribe, 0)...)); err != nil {
		t.Fatal(err)
	}
	answers := make([]byte, 9) // CONNACK and SUBACK, and then nothing more is read
	if _, err := io.ReadFull(c, answers); err != nil {
		t.Fatal(err)
	}
	var worst time.Duration
	payload := make([]byte, 64<<10)
	eventually(t, func() bool {
		began := time.Now()
		if err := b.Publish(topic, payload); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(began))
		return b.Stats().Present == 0
	})
	if worst > writeTimeout+time.Second {
		t.Errorf("one message took %v", worst)
	}
	if b.Stats().Dropped == 0 {
		t.Error("nothing was dropped")
	}
}
