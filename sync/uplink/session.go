package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/sipward/sipward/sync/record"
)

// session is one connection to a broker.
type session struct {
	u       *Uplink
	client  mqtt.Client
	link    *link
	lost    chan error
	acks    chan *record.Ack
	handed  uint64      // PUBLISH packets that the client was given
	unwatch func() bool // ends the closing of the connection with the context
	buf     [][]byte
	message []byte // of this connection: the client of an earlier one may still hold its own

	dropped, bad atomic.Uint64 // counted by the client's goroutines

	limit   int       // bytes of a batch that the connection takes in a short time
	ratio   float64   // packed to unpacked bytes, of late
	batchAt time.Time // when the batch that has not left yet was handed over; zero without one

	liveDue   bool
	liveMade  time.Time // of the live message that was handed over last
	liveIndex uint64    // its number, until it has left
	stateDue  bool
	answer    []byte // to be sent next; nil without one
	dirty     bool   // the spool has more than the sender knows
	heldAt    time.Time
	begun     time.Time
	heard     time.Time // when the last ack came; at first begun
}

// connect opens a connection and subscribes.
func (u *Uplink) connect(ctx context.Context, broker *url.URL) (*session, error) {
	u.note(func(st *Stats) { st.Broker = broker.Redacted() })
	s := &session{u: u, limit: messageBytes, ratio: 1, lost: make(chan error, 1), acks: make(chan *record.Ack, ackQueue), begun: time.Now(), heard: time.Now()}
	opts, err := s.options(ctx, broker)
	if err != nil {
		return nil, err
	}
	s.client = mqtt.NewClient(opts)
	t := s.client.Connect()
	<-t.Done() // dialling ends with the context
	if s.unwatch != nil {
		s.unwatch()
	}
	if err := t.Error(); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if err := s.subscribe(ctx); err != nil {
		s.client.Disconnect(0)
		return nil, err
	}
	return s, nil
}

// options of a client that does nothing by itself: with AutoReconnect it would
// complete the tokens of messages that were lost, and a client with a store would
// send what is no longer wanted.
func (s *session) options(ctx context.Context, broker *url.URL) (*mqtt.ClientOptions, error) {
	c := &s.u.cfg
	o := mqtt.NewClientOptions()
	o.Servers = []*url.URL{broker}
	o.SetProtocolVersion(4).SetClientID(c.Node).SetCleanSession(true)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false)
	o.SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout).SetConnectTimeout(connectTimeout).SetWriteTimeout(writeTimeout)
	o.SetStore(noStore{})
	o.SetBinaryWill(record.Topic(c.Node, record.TopicState), will(c.Node), 1, true)
	o.SetDefaultPublishHandler(s.received)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.lost <- err })
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return s.open(ctx, broker) })
	if c.Username == "" {
		return o, nil
	}
	o.SetUsername(c.Username)
	if c.Password != nil {
		p, err := c.Password()
		if err != nil {
			return nil, &refusal{fmt.Errorf("reading the password: %w", err), "mend the password file"}
		}
		o.SetPassword(p)
	}
	return o, nil
}

// open dials, and closes the connection with the context as long as the broker
// has not accepted it.
func (s *session) open(ctx context.Context, broker *url.URL) (net.Conn, error) {
	conn, err := s.u.dial(ctx, broker, s.u.cfg.TLS)
	if err != nil {
		return nil, err
	}
	s.unwatch = context.AfterFunc(ctx, func() { _ = conn.Close() })
	s.link = newLink(conn)
	return s.link, nil
}

// subscribe asks for what is meant for this node. Without acks nothing could ever
// be released, so that their refusal ends the connection.
func (s *session) subscribe(ctx context.Context) error {
	ack, cmd, table := record.Topic(s.u.cfg.Node, record.TopicAck), record.Topic(s.u.cfg.Node, record.TopicCmd), record.Topic(s.u.cfg.Node, record.TopicTable)
	topics := map[string]byte{ack: 1, cmd: 1}
	if s.u.cfg.Table != nil { // a broker may end the connection of who asks for what it may not have
		topics[table] = 1
	}
	t := s.client.SubscribeMultiple(topics, nil)
	timer := time.NewTimer(connectTimeout)
	defer timer.Stop()
	select {
	case <-t.Done():
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.lost:
		return fmt.Errorf("subscribing: %w", err)
	case <-timer.C:
		return errors.New("subscribing: the broker did not answer")
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	if sub, ok := t.(*mqtt.SubscribeToken); ok {
		if sub.Result()[ack] > 2 { // 0x80: failure
			return &refusal{fmt.Errorf("subscribing to %s was refused", ack), "let the broker give this node the topics of docs/protocol.md"}
		}
		if sub.Result()[cmd] > 2 {
			s.u.log.Warn("the broker refuses the topic of commands", "topic", cmd)
		}
		if s.u.cfg.Table != nil && sub.Result()[table] > 2 {
			s.u.log.Error("the broker refuses the topic of tables: no new one can come; let it give this node the topics of docs/protocol.md", "topic", table)
		}
	}
	return nil
}

// received takes a message. The client calls it on a goroutine of its own.
func (s *session) received(_ mqtt.Client, m mqtt.Message) {
	_, leaf, ok := record.SplitTopic(m.Topic())
	switch {
	case ok && leaf == record.TopicAck:
	case ok && leaf == record.TopicTable && s.u.cfg.Table != nil:
		s.u.inbox.table(m.Payload())
		return
	case ok && leaf == record.TopicCmd && s.u.cfg.Command != nil:
		s.u.inbox.command(m.Payload())
		return
	default:
		s.u.inbox.unknown.Add(1)
		return
	}
	if len(m.Payload()) > ackBytes {
		s.bad.Add(1)
		return
	}
	a, err := record.DecodeAck(m.Payload())
	if err != nil {
		s.bad.Add(1)
		return
	}
	select {
	case s.acks <- a:
	default:
		s.dropped.Add(1) // the next one states the same and more
	}
}

// end closes the connection. When the program ends it publishes first that the node is
// down: after a clean end the broker does not publish the will.
func (s *session) end(ctx context.Context) {
	if ctx.Err() != nil && s.client.IsConnectionOpen() {
		t := s.client.Publish(record.Topic(s.u.cfg.Node, record.TopicState), 1, true, will(s.u.cfg.Node))
		t.WaitTimeout(byeTimeout)
	}
	s.client.Disconnect(uint(byeTimeout.Milliseconds() / 4)) // a constant
}

// noStore keeps nothing: what was lost with a connection is the sender's to send.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
