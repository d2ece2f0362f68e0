package uplink

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/sync/record"
)

// TestTableThroughMosquitto: a real broker hands the retained table over on
// connecting, and again to who subscribes once more.
func TestTableThroughMosquitto(t *testing.T) {
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
	defer mosquitto(t, port)()

	url := "mqtt://127.0.0.1:" + port
	var answers shown
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetClientID("collector").SetAutoReconnect(false))
	await := func(x mqtt.Token) {
		t.Helper()
		if !x.WaitTimeout(10*time.Second) || x.Error() != nil {
			t.Fatal(x.Error())
		}
	}
	await(client.Connect())
	defer client.Disconnect(0)
	await(client.Subscribe(record.Topic("sw1", record.TopicAnswer), 1, func(_ mqtt.Client, m mqtt.Message) { answers.take(m.Payload()) }))
	table := record.Topic("sw1", record.TopicTable)
	await(client.Publish(table, 1, true, packed(t, []byte("table 0"))))

	var tables shown
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	u, err := New(Config{Node: "sw1", Brokers: []string{url},
		Table: func(b []byte) {
			if tables.take(b); len(tables.got()) > 1 {
				<-gate
			}
		},
		Command: func(q []byte) ([]byte, bool) { return q, true }}, newCalls(7))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	defer func() {
		open()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	until(t, "the retained table", func() bool { return tables.last() == "table 0" })
	for n := range 20 {
		await(client.Publish(table, 1, true, packed(t, fmt.Appendf(nil, "table %d", n+1))))
	}
	until(t, "lost tables", func() bool { return u.Stats().DroppedTables == 20-1-maxTables })
	await(client.Publish(record.Topic("sw1", record.TopicCmd), 1, false, "question"))
	until(t, "an answer in the meantime", func() bool { return answers.last() == "question" })
	open()
	until(t, "the newest table", func() bool { return tables.last() == "table 20" })
}
