package ingest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/sipward/sipward/sync/record"
)

// agent is a node as seen from MQTT: it subscribes to its acks and publishes.
type agent struct {
	paho.Client
	node string
	acks chan *record.Ack
	lost chan struct{}
	odd  atomic.Value // a topic that is not its own and was delivered
}

func dial(url, node, password string, change ...func(*paho.ClientOptions)) (*agent, error) {
	a := &agent{node: node, acks: make(chan *record.Ack, 1000), lost: make(chan struct{})}
	o := paho.NewClientOptions().AddBroker(url).SetProtocolVersion(4).SetClientID(node).SetUsername(node).SetPassword(password).
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(20 * time.Second).SetOrderMatters(false).
		SetConnectionLostHandler(func(paho.Client, error) { close(a.lost) }).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			if m.Topic() != record.Topic(node, record.TopicAck) {
				a.odd.Store(m.Topic())
			}
			if ack, err := record.DecodeAck(m.Payload()); err == nil {
				a.acks <- ack
			}
		})
	for _, f := range change {
		f(o)
	}
	a.Client = paho.NewClient(o)
	if t := a.Connect(); t.Wait() && t.Error() != nil {
		return nil, t.Error()
	}
	t := a.Subscribe(record.Topic(node, record.TopicAck), 1, nil)
	t.Wait()
	return a, t.Error()
}

func mustDial(t testing.TB, url, node, password string, change ...func(*paho.ClientOptions)) *agent {
	t.Helper()
	a, err := dial(url, node, password, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Disconnect(100) })
	return a
}

// await waits for an ack that ok likes.
func (a *agent) await(t testing.TB, ok func(*record.Ack) bool) *record.Ack {
	t.Helper()
	ack, err := a.wait(ok)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func (a *agent) wait(ok func(*record.Ack) bool) (*record.Ack, error) {
	late := time.After(20 * time.Second)
	for {
		select {
		case ack := <-a.acks:
			if ok(ack) {
				return ack, nil
			}
		case <-late:
			return nil, fmt.Errorf("%s: no such ack within 60 s", a.node)
		}
	}
}

// refused reports whether the broker refuses a subscription.
func (a *agent) refused(t testing.TB, filter string) bool {
	t.Helper()
	tok := a.Subscribe(filter, 1, nil)
	if !tok.WaitTimeout(10 * time.Second) {
		t.Fatalf("no answer to subscribing to %s", filter)
	}
	for _, code := range tok.(*paho.SubscribeToken).Result() {
		return code > 2
	}
	return true
}
