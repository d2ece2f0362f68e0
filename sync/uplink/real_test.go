package uplink

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/internal/brokerurl"
	"github.com/sipward/sipward/sync/record"
)

// until waits for something that happens outside of virtual time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(40 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("still not: %s", what)
		}
	}
}

// mosquitto starts the real broker, without persistence, and returns how to kill it.
func mosquitto(t *testing.T, port string) (kill func()) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\npersistence false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "mosquitto", "-c", conf)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "running") {
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines.Scan() {
		}
		_ = cmd.Wait()
	}()
	return func() {
		_ = cmd.Process.Kill()
		<-done
	}
}

// join is a collector's connection to a real broker.
func (c *collector) joinReal(t *testing.T, url string) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker(url).SetClientID("collector").SetAutoReconnect(false).SetOrderMatters(false)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.take(m.Topic(), m.Payload()) })
	client := mqtt.NewClient(o)
	for _, token := range []func() mqtt.Token{client.Connect, func() mqtt.Token { return client.Subscribe("$share/secret/"+record.TopicRoot+"+/data/+", 1, nil) },
		func() mqtt.Token { return client.Subscribe("$share/secret/"+record.TopicRoot+"+/hello", 1, nil) }} {
		if x := token(); !x.WaitTimeout(10*time.Second) || x.Error() != nil {
			t.Fatal(x.Error())
		}
	}
	c.mu.Lock()
	c.post = func(topic string, p []byte) error { client.Publish(topic, 1, false, p); return nil }
	c.mu.Unlock()
	return client
}

// TestMosquitto drains through the real broker, which dies twice on the way.
func TestMosquitto(t *testing.T) {
	if _, err := exec.LookPath("mosquitto"); err != nil {
		t.Skip("mosquitto is not installed")
	}
	defer goleak.VerifyNone(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	url := "mqtt://127.0.0.1:" + port

	spool, c := newCalls(7), newCollector(t, "sw1")
	c.commit = time.Millisecond
	u, err := New(Config{Node: "sw1", Brokers: []string{url}, RecordsPerSecond: 8000,
		Live: func() []byte { return []byte("{}") }, State: func() []byte { return []byte("{}") }}, spool)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- u.Run(ctx) }()
	go func() { c.run(ctx); ended <- nil }()
	spool.add(record.Calls, 9000)
	for i := range 3 {
		kill := mosquitto(t, port)
		client := c.joinReal(t, url)
		want := 3000 * (i + 1)
		until(t, fmt.Sprint(want, " records"), func() bool { n, _ := c.stored(); return n >= want })
		if i == 2 {
			until(t, "drained", func() bool { return spool.left() == 0 })
		}
		kill()
		client.Disconnect(0)
	}
	if n, most := c.stored(); n != 9000 || most != 1 {
		t.Errorf("%d records, up to %d times", n, most)
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if st := u.Stats(); st.Connections < 3 {
		t.Errorf("%+v", st)
	}
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{CommonName: "test authority"}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestTransports connects over sockets in all ways that a broker's URL can name.
func TestTransports(t *testing.T) {
	good, bad := newAuthority(t), newAuthority(t)
	server := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{good.issue(t, "broker")}, ClientCAs: good.pool, ClientAuth: tls.RequireAndVerifyClientCert}
	client := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{good.issue(t, "sw1")}, RootCAs: good.pool}
	stranger := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{bad.issue(t, "sw1")}, RootCAs: good.pool}
	misled := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{good.issue(t, "sw1")}, RootCAs: bad.pool}
	tests := []struct {
		name, scheme string
		conf         *tls.Config
		refused      string // part of what to do
	}{
		{"plain", "mqtt", nil, ""}, {"tcp", "tcp", nil, ""}, {"TLS", "mqtts", client, ""}, {"ssl", "ssl", client, ""},
		{"WebSocket", "ws", nil, ""}, {"WebSocket over TLS", "wss", client, ""},
		{"unknown client", "mqtts", stranger, "cert_file"}, {"unknown broker", "mqtts", misled, "ca_file"}, {"unknown broker, WebSocket", "wss", misled, "ca_file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			b := &broker{t: t, server: mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})}
			conf := listeners.Config{ID: "l", Address: "127.0.0.1:0"}
			if brokerurl.Secure(&url.URL{Scheme: tt.scheme}) {
				conf.TLSConfig = server
			}
			var l listeners.Listener = listeners.NewTCP(conf)
			if strings.HasPrefix(tt.scheme, "ws") {
				conf.Address = freePort(t)
				l = listeners.NewWebsocket(conf)
			}
			if err := b.server.AddHook(b, nil); err != nil {
				t.Fatal(err)
			}
			if err := b.server.AddListener(ending{l, b.server}); err != nil {
				t.Fatal(err)
			}
			if err := b.server.Serve(); err != nil {
				t.Fatal(err)
			}
			defer b.server.Close()
			c, spool, log := newCollector(t, "sw1"), newCalls(7), &lines{}
			c.commit = time.Millisecond
			c.join(b)
			u, err := New(Config{Node: "sw1", Brokers: []string{tt.scheme + "://" + l.Address()}, TLS: tt.conf, Log: slog.New(slog.NewTextHandler(log, nil))}, spool)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 2)
			go func() { ended <- u.Run(ctx) }()
			go func() { c.run(ctx); ended <- nil }()
			spool.add(record.Calls, 1000)
			if tt.refused != "" {
				until(t, "refused", func() bool { return u.Stats().Refused > 0 && log.count(tt.refused) == 1 })
			} else {
				until(t, "drained", func() bool { return spool.left() == 0 })
			}
			cancel()
			for range 2 {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func freePort(t *testing.T) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
