package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/brokerurl"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
)

// remote is the link to one MQTT broker. Every connection is a new client with a
// clean session: what the last one had not acked is not ours any more, and
// what matters of it is sent again by its nodes.
type remote struct {
	ingest *Ingest
	url    string
	id     string
	out    *outbox
	cmds   chan command
	shelf  *shelf
	up     atomic.Bool
	again  backoff.Backoff
}

// Times of a connection.
const (
	connectTimeout = 15 * time.Second
	writeTimeout   = 15 * time.Second
	keepAlive      = 20 * time.Second
	pingTimeout    = 10 * time.Second
)

func newRemote(i *Ingest, n int, broker string) (*remote, error) {
	u, err := brokerurl.Parse(broker)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("ingest: random name of a client: %w", err)
	}
	return &remote{
		ingest: i, url: u.String(), out: newOutbox(i.cfg.MaxNodes), cmds: make(chan command, maxCommands), shelf: i.tables.shelf(),
		id:    "sipward-collector-" + strconv.Itoa(n) + fmt.Sprintf("-%x", random),
		again: backoff.Backoff{First: time.Second, Most: time.Minute},
	}, nil
}

func (r *remote) post(node string, a *record.Ack) {
	if !r.up.Load() || !r.out.put(node, a) {
		r.ingest.stats.unanswered.Add(1)
	}
}

// command is a message to one node.
type command struct {
	node    string
	payload []byte
}

// command sends a message to a node soon, if the broker can be reached.
func (r *remote) command(node string, payload []byte) {
	if r.up.Load() {
		select {
		case r.cmds <- command{node, payload}:
			return
		default:
		}
	}
	r.ingest.stats.unasked.Add(1)
}

func (r *remote) run(ctx context.Context) error {
	log := r.ingest.log.With("broker", r.url)
	var failures seldom.Repeats
	for n := 0; ; n++ {
		began := r.ingest.now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.ingest.stats.reconnects.Add(1)
		if r.ingest.now().Sub(began) > r.again.Most {
			n = 0
		}
		if !failures.Again(r.ingest.now(), err.Error()) {
			log.Warn("not connected; trying again", "error", err)
		}
		if err := r.again.Wait(ctx, n); err != nil {
			return err
		}
	}
}

// session is one connection: from connecting to its loss.
func (r *remote) session(ctx context.Context) error {
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	acks := make(chan func(), 1<<16) // one for each packet id of MQTT
	opts, err := r.options(ctx, lost, acks)
	if err != nil {
		return err
	}
	client := paho.NewClient(opts)
	defer client.Disconnect(250)
	if err := finished(ctx, client.Connect(), connectTimeout+time.Second); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	r.out.clear()
	r.up.Store(true)
	r.ingest.stats.connected.Add(1)
	defer func() {
		r.up.Store(false)
		r.ingest.stats.connected.Add(-1)
	}()
	if err := r.subscribe(ctx, client); err != nil {
		return err
	}
	r.ingest.log.Info("connected", "broker", r.url)
	go func() {
		for {
			select {
			case ack := <-acks:
				ack()
			case <-ctx.Done():
				return
			}
		}
	}()
	handed := make(chan struct{})
	defer func() { lost(nil); <-handed }()
	go func() {
		defer close(handed)
		r.ingest.tables.forget(r.shelf) // the broker may be another one now, or have lost its memory
		r.ingest.hand(ctx, r.shelf, func(ctx context.Context, topic string, payload []byte) error {
			return finished(ctx, client.Publish(topic, 1, true, payload), writeTimeout)
		})
	}()
	return r.send(ctx, client)
}

func (r *remote) options(ctx context.Context, lost context.CancelCauseFunc, acks chan<- func()) (*paho.ClientOptions, error) {
	c := &r.ingest.cfg
	o := paho.NewClientOptions().AddBroker(r.url).SetClientID(r.id).
		SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false).SetAutoAckDisabled(true).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(writeTimeout).
		SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	if c.TLS != nil {
		o.SetTLSConfig(c.TLS.Clone())
	}
	if c.Username != "" {
		o.SetUsername(c.Username)
	}
	if c.Password != nil {
		p, err := c.Password()
		if err != nil {
			return nil, fmt.Errorf("password of the broker: %w", err)
		}
		o.SetPassword(p)
	}
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost(fmt.Errorf("connection lost: %w", err)) })
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		done := func() {
			if m.Qos() == 0 {
				return
			}
			select {
			case acks <- m.Ack:
			case <-ctx.Done():
			}
		}
		if !r.ingest.deliver(ctx, r, m.Topic(), m.Payload(), done) {
			// Messages that are neither acked nor in the queue would block the broker's
			// window: what it keeps for this client goes with the connection.
			lost(errors.New("the broker sent more than fits, without waiting for acks"))
		}
	})
	return o, nil
}

// subscribe fails when the broker refuses any of the topics.
func (r *remote) subscribe(ctx context.Context, client paho.Client) error {
	all := record.TopicRoot + "+/"
	share := "$share/" + r.ingest.cfg.Group + "/" + all
	t := client.SubscribeMultiple(map[string]byte{
		share + record.TopicData + "+": 1, share + record.TopicHello: 1,
		all + record.TopicLive: 0, all + record.TopicState: 0,
	}, nil)
	if err := finished(ctx, t, connectTimeout); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if st, ok := t.(*paho.SubscribeToken); ok {
		for topic, code := range st.Result() {
			if code > 2 {
				return fmt.Errorf("subscribe: the broker refuses %s", topic) // without the group, which paho leaves out
			}
		}
	}
	return r.subscribeAnswers(ctx, client)
}

// subscribeAnswers takes no for an answer: who set up the broker for an older
// version of this program has records stored all the same.
func (r *remote) subscribeAnswers(ctx context.Context, client paho.Client) error {
	t := client.Subscribe(record.TopicRoot+"+/"+record.TopicAnswer, 1, nil)
	if err := finished(ctx, t, connectTimeout); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if st, ok := t.(*paho.SubscribeToken); ok {
		for topic, code := range st.Result() {
			if code > 2 {
				r.ingest.log.Warn("the broker refuses a topic: nodes cannot be asked for their bindings; set its rights up anew", "broker", r.url, "topic", topic)
			}
		}
	}
	return nil
}

// send publishes acks and questions until the connection is lost.
func (r *remote) send(ctx context.Context, client paho.Client) error {
	for {
		for node, a := r.out.take(); a != nil; node, a = r.out.take() {
			b, err := record.EncodeMessage(a)
			if err == nil {
				t := client.Publish(record.Topic(node, record.TopicAck), 1, false, b)
				select {
				case <-t.Done(): // already: it was not even sent
					err = t.Error()
				default:
				}
			}
			r.ingest.posted(node, err)
		}
		select {
		case <-r.out.wake:
		case c := <-r.cmds:
			client.Publish(record.Topic(c.node, record.TopicCmd), 1, false, c.payload) // who asks waits for the answer, not for this
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// finished waits for a token.
func finished(ctx context.Context, t paho.Token, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return errors.New("no answer in time")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
