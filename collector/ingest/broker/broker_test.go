package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sync/record"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// known lets nodes in whose password is "pw-" and their id, and certificates by
// their serial number.
type known map[string]int64

func (k known) Knows(id string, password []byte) bool {
	_, ok := k[id]
	return ok && string(password) == "pw-"+id
}

func (k known) Certified(c *x509.Certificate) (string, bool) {
	serial, ok := k[c.Subject.CommonName]
	return c.Subject.CommonName, ok && c.SerialNumber.Int64() == serial
}

// taker keeps what nodes published.
type taker struct {
	mu   sync.Mutex
	some *sync.Cond
	got  []string // topic=payload
	no   bool     // takes nothing
}

func newTaker() *taker {
	t := new(taker)
	t.some = sync.NewCond(&t.mu)
	return t
}

func (k *taker) take(_ context.Context, topic string, payload []byte) bool {
	if string(payload) == "panic" {
		panic("a message that breaks the taker")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, topic+"="+string(payload))
	k.some.Broadcast()
	return !k.no
}

func (k *taker) await(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, k.some.Broadcast)()
	k.mu.Lock()
	defer k.mu.Unlock()
	for !slices.Contains(k.got, want) {
		if ctx.Err() != nil {
			t.Fatalf("no %q in %q", want, k.got)
		}
		k.some.Wait()
	}
}

func (k *taker) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.got)
}

// open runs a broker until the test ends.
func open(t *testing.T, cfg Config, take Take) *Broker {
	t.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []Listen{{Address: "127.0.0.1:0"}}
	}
	if cfg.Nodes == nil {
		cfg.Nodes = known{"a": 1, "b": 2}
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Handle(take)
	if err := b.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func options(b *Broker, node string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tcp://" + b.Addrs()[0].String()).SetProtocolVersion(4).
		SetClientID(node).SetUsername(node).SetPassword("pw-" + node).
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(5 * time.Second).SetKeepAlive(30 * time.Second)
}

func connect(t *testing.T, o *paho.ClientOptions) (paho.Client, error) {
	t.Helper()
	c := paho.NewClient(o)
	tok := c.Connect()
	if !tok.WaitTimeout(10 * time.Second) {
		t.Fatal("no answer")
	}
	if tok.Error() == nil {
		t.Cleanup(func() { c.Disconnect(100) })
	}
	return c, tok.Error()
}

func mustConnect(t *testing.T, o *paho.ClientOptions) paho.Client {
	t.Helper()
	c, err := connect(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhoMayConnect(t *testing.T) {
	b := open(t, Config{}, newTaker().take)
	for _, c := range []struct {
		name   string
		change func(*paho.ClientOptions)
		why    string
	}{
		{"itself", func(*paho.ClientOptions) {}, ""},
		{"no username", func(o *paho.ClientOptions) { o.SetUsername("") }, badPassword}, // MQTT: no password without one
		{"will on its own state", func(o *paho.ClientOptions) { o.SetWill(record.Topic("a", "state"), "{}", 1, true) }, ""},
		{"wrong password", func(o *paho.ClientOptions) { o.SetPassword("pw-b") }, badPassword},
		{"no password", func(o *paho.ClientOptions) { o.SetPassword("") }, badPassword},
		{"a node that is not known", func(o *paho.ClientOptions) { o.SetClientID("c").SetUsername("c").SetPassword("pw-c") }, badPassword},
		{"another node's id", func(o *paho.ClientOptions) { o.SetClientID("b") }, badID},
		{"another client id", func(o *paho.ClientOptions) { o.SetClientID("a2") }, badID},
		{"no client id", func(o *paho.ClientOptions) { o.SetClientID("") }, badID},
		{"the server's own id", func(o *paho.ClientOptions) { o.SetClientID("inline").SetUsername("inline") }, badPassword},
		{"an id with a pattern", func(o *paho.ClientOptions) { o.SetClientID("+").SetUsername("+") }, badID},
		{"will on another's state", func(o *paho.ClientOptions) { o.SetWill(record.Topic("b", "state"), "{}", 1, true) }, badWill},
		{"will on its own data", func(o *paho.ClientOptions) { o.SetWill(record.Topic("a", "data/calls"), "x", 1, false) }, badWill},
		{"will on an ack", func(o *paho.ClientOptions) { o.SetWill(record.Topic("a", "ack"), "x", 1, false) }, badWill},
		{"will that is long", func(o *paho.ClientOptions) {
			o.SetWill(record.Topic("a", "state"), strings.Repeat("x", maxWill), 1, true)
		}, stranger}, // the whole CONNECT is too long
		{"MQTT 3.1", func(o *paho.ClientOptions) { o.SetProtocolVersion(3) }, stranger},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := b.Stats()
			o := options(b, "a")
			c.change(o)
			_, err := connect(t, o)
			if (err == nil) != (c.why == "") {
				t.Fatalf("connected: %v", err)
			}
			if c.why == "" {
				return
			}
			n := slices.Index(Refusals[:], c.why)
			eventually(t, func() bool { return b.Stats().Refused[n] == before.Refused[n]+1 })
		})
	}
}

func TestWhatANodeMay(t *testing.T) {
	k := newTaker()
	b := open(t, Config{}, k.take)
	for _, c := range []struct {
		topic string
		ok    bool
	}{
		{"sipward/v1/a/data/calls", true},
		{"sipward/v1/a/data/telemetry", true},
		{"sipward/v1/a/hello", true},
		{"sipward/v1/a/state", true},
		{"sipward/v1/a/live", true},
		{"sipward/v1/a/ack", false},
		{"sipward/v1/a/cmd", false},
		{"sipward/v1/a/data", false},
		{"sipward/v1/a/data/", false},
		{"sipward/v1/a/data/other", false},
		{"sipward/v1/a/data/calls/x", false},
		{"sipward/v1/b/data/calls", false},
		{"sipward/v1/b/ack", false},
		{"sipward/v1//data/calls", false},
		{"sipward/v1/a//hello", false},
		{"sipward/v2/a/hello", false},
		{"/sipward/v1/a/hello", false},
		{"$share/x/sipward/v1/a/hello", false},
		{"$SYS/broker/version", false},
		{"other", false},
	} {
		t.Run("publish "+c.topic, func(t *testing.T) {
			lost := make(chan struct{})
			o := options(b, "a").SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
			cl := mustConnect(t, o)
			cl.Publish(c.topic, 0, true, "zero") // not answered, so the next one shows whether it was taken
			tok := cl.Publish(c.topic, 1, true, "one")
			if c.ok {
				k.await(t, c.topic+"=zero")
				k.await(t, c.topic+"=one")
				if !tok.WaitTimeout(5 * time.Second) {
					t.Error("not acked")
				}
				return
			}
			if !strings.HasPrefix(c.topic, "$SYS") { // these are ignored
				<-lost
			}
			for _, got := range k.all() {
				if strings.HasPrefix(got, c.topic+"=") {
					t.Errorf("%s was taken", got)
				}
			}
		})
	}
	if b.server.Topics.Retained.Len() > 25 { // $SYS
		t.Errorf("%d messages are retained", b.server.Topics.Retained.Len())
	}
}

func TestWhatANodeMayRead(t *testing.T) {
	b := open(t, Config{}, newTaker().take)
	a := mustConnect(t, options(b, "a"))
	for _, c := range []struct {
		filter string
		ok     bool
	}{
		{"sipward/v1/a/ack", true},
		{"sipward/v1/a/cmd", true},
		{"sipward/v1/b/ack", false},
		{"sipward/v1/b/cmd", false},
		{"sipward/v1/a/data/calls", false},
		{"sipward/v1/a/state", false},
		{"sipward/v1/a/live", false},
		{"sipward/v1/a/+", false},
		{"sipward/v1/a/#", false},
		{"sipward/v1/+/ack", false},
		{"+/v1/a/ack", false},
		{"#", false},
		{"+/+/+/+", false},
		{"$SYS/#", false},
		{"$share/g/sipward/v1/+/data/+", false},
		{"$share/g/sipward/v1/a/ack", false},
		{"$SHARE/g/sipward/v1/a/ack", false},
		{"$share/g/#", false},
	} {
		t.Run(c.filter, func(t *testing.T) {
			tok := a.Subscribe(c.filter, 1, func(_ paho.Client, m paho.Message) { t.Errorf("%s came", m.Topic()) })
			tok.WaitTimeout(5 * time.Second)
			codes := slices.Collect(maps.Values(tok.(*paho.SubscribeToken).Result())) // paho leaves $share out of the keys
			if len(codes) != 1 || (codes[0] <= 1) != c.ok {
				t.Errorf("answered %d, %v", codes, tok.Error())
			}
		})
	}
}

func TestAnAckReachesItsNodeOnly(t *testing.T) {
	k := newTaker()
	b := open(t, Config{}, k.take)
	got := make(chan string, 10)
	for _, node := range []string{"a", "b"} {
		cl := mustConnect(t, options(b, node))
		tok := cl.Subscribe(record.Topic(node, "ack"), 1, func(_ paho.Client, m paho.Message) {
			got <- node + " " + m.Topic() + " " + string(m.Payload())
		})
		tok.WaitTimeout(5 * time.Second)
	}
	for _, node := range []string{"b", "c", "a"} {
		if err := b.Publish(record.Topic(node, "ack"), []byte("for "+node)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a sipward/v1/a/ack for a", "b sipward/v1/b/ack for b"}
	have := []string{<-got, <-got}
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	if len(got) > 0 {
		t.Errorf("more came: %s", <-got)
	}
}

func TestWhatIsNotTakenIsNotAcked(t *testing.T) {
	k := newTaker()
	k.no = true
	b := open(t, Config{}, k.take)
	cl := mustConnect(t, options(b, "a"))
	first := cl.Publish("sipward/v1/a/data/calls", 1, false, "1")
	k.await(t, "sipward/v1/a/data/calls=1")
	k.mu.Lock()
	k.no = false
	k.mu.Unlock()
	second := cl.Publish("sipward/v1/a/data/calls", 1, false, "2")
	if !second.WaitTimeout(5*time.Second) || second.Error() != nil {
		t.Error("the second was not acked")
	}
	if first.WaitTimeout(0) {
		t.Error("acked what nobody took")
	}
	if s := b.Stats(); s.TurnedAway != 1 || s.Taken != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestTheNewerConnectionStays(t *testing.T) {
	k := newTaker()
	b := open(t, Config{}, k.take)
	lost := make(chan struct{})
	mustConnect(t, options(b, "a").SetWill("sipward/v1/a/state", "down", 1, true).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	second := mustConnect(t, options(b, "a"))
	<-lost
	second.Publish("sipward/v1/a/state", 1, true, "up").WaitTimeout(5 * time.Second)
	k.await(t, "sipward/v1/a/state=up")
	if d := cmp.Diff([]string{"sipward/v1/a/state=down", "sipward/v1/a/state=up"}, k.all()); d != "" {
		t.Errorf("the will of the old one must come first:\n%s", d)
	}
	got := make(chan struct{})
	second.Subscribe("sipward/v1/a/ack", 1, func(paho.Client, paho.Message) { close(got) }).WaitTimeout(5 * time.Second)
	if err := b.Publish("sipward/v1/a/ack", nil); err != nil {
		t.Fatal(err)
	}
	<-got
	if s := b.Stats(); s.Present != 1 || s.Takeovers == 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestKick(t *testing.T) {
	b := open(t, Config{}, newTaker().take)
	lost := make(chan struct{})
	mustConnect(t, options(b, "a").SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	b.Kick("b")
	b.Kick("a")
	<-lost
	eventually(t, func() bool { return b.Stats().Present == 0 })
}

func TestAPanicEndsOneConnection(t *testing.T) {
	k := newTaker()
	b := open(t, Config{}, k.take)
	lost := make(chan struct{})
	a := mustConnect(t, options(b, "a").SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
	other := mustConnect(t, options(b, "b"))
	a.Publish("sipward/v1/a/live", 0, false, "panic")
	<-lost
	other.Publish("sipward/v1/b/live", 0, false, "x")
	k.await(t, "sipward/v1/b/live=x")
	again := mustConnect(t, options(b, "a"))
	again.Publish("sipward/v1/a/live", 0, false, "x")
	k.await(t, "sipward/v1/a/live=x")
	if s := b.Stats(); s.Panics != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	b := open(t, Config{
		Listen: []Listen{{Address: "127.0.0.1:0", TLS: &tls.Config{
			MinVersion: tls.VersionTLS12, ClientAuth: tls.VerifyClientCertIfGiven,
			ClientCAs: ours.pool(), Certificates: []tls.Certificate{ours.issue(t, "127.0.0.1", 100, time.Hour)},
		}}},
		Nodes: known{"a": 1, "b": 2},
	}, newTaker().take)
	for _, c := range []struct {
		name     string
		id       string
		cert     *tls.Certificate
		password string
		ok       bool
	}{
		{"certificate", "a", new(ours.issue(t, "a", 1, time.Hour)), "", true},
		{"password", "a", nil, "pw-a", true},
		{"nothing", "a", nil, "", false},
		{"certificate of another node", "b", new(ours.issue(t, "a", 1, time.Hour)), "", false},
		{"the same with the right password", "b", new(ours.issue(t, "a", 1, time.Hour)), "pw-b", false},
		{"certificate that was replaced", "a", new(ours.issue(t, "a", 7, time.Hour)), "", false},
		{"node that was removed", "c", new(ours.issue(t, "c", 3, time.Hour)), "", false},
		{"certificate of another authority", "a", new(theirs.issue(t, "a", 1, time.Hour)), "", false},
		{"certificate that is over", "a", new(ours.issue(t, "a", 1, -time.Hour)), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ours.pool()}
			if c.cert != nil {
				cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
			}
			o := options(b, c.id).SetTLSConfig(cfg)
			o.Servers = nil
			o.AddBroker(fmt.Sprintf("ssl://%s", b.Addrs()[0]))
			o.SetPassword(c.password)
			if c.password == "" {
				o.SetUsername("")
			}
			if _, err := connect(t, o); (err == nil) != c.ok {
				t.Errorf("connected: %v", err)
			}
		})
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	first := open(t, Config{}, newTaker().take)
	b, err := New(Config{Nodes: known{}, Listen: []Listen{{Address: "127.0.0.1:0"}, {Address: first.Addrs()[0].String()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited 20 s for nothing")
		}
	}
}
