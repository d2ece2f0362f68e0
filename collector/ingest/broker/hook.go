package broker

import (
	"errors"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/sipward/sipward/sync/record"
)

// protocol is the version number of MQTT 3.1.1, the one that nodes speak. What
// later versions add (aliases, delayed wills, sessions that outlive a connection)
// is of no use here and would have to be kept within bounds.
const protocol = 4

// hook is the rules of the broker.
type hook struct {
	mqtt.HookBase
	b *Broker
}

// ID names the rules.
func (h *hook) ID() string { return "sipward" }

// Provides lists the questions that the rules answer.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWillSent, mqtt.OnPublishDropped:
		return true
	}
	return false
}

// OnConnect sets what a client may not choose.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	if pk.ProtocolVersion != protocol {
		return errors.New("another version of MQTT")
	}
	most := uint16(h.b.cfg.KeepAlive / time.Second) // bounded by defaults
	if k := cl.State.Keepalive; k == 0 || k > most {
		cl.State.Keepalive = most
	}
	cl.Properties.Clean = true        // nothing is kept for whoever is away
	cl.Properties.Will.Retain = false // the taker keeps it
	return nil
}

// OnConnectAuthenticate lets in a client that proves to be the node that its id
// names.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return false
	}
	why := h.b.judge(c, cl.ID, &pk.Connect)
	if why == "" && !h.b.enter(c, cl.ID) {
		why = busy
	}
	if why != "" {
		h.b.stats.refused(why)
		h.b.seldom.Warn(time.Now(), "a client was refused", "remote", c.RemoteAddr(), "claims", printable(cl.ID), "reason", why)
		c.node = printable(cl.ID) // for the log; it is not present
		return false
	}
	h.b.log.Debug("connected", "node", cl.ID, "remote", c.RemoteAddr())
	return true
}

// judge says why a client may not connect; "" when it may.
func (b *Broker) judge(c *conn, id string, p *packets.ConnectParams) string {
	if !record.ValidNode(id) {
		return badID
	}
	if p.UsernameFlag && string(p.Username) != id {
		return badID
	}
	if c.tls != nil && len(c.tls.ConnectionState().PeerCertificates) > 0 {
		s := c.tls.ConnectionState()
		if len(s.VerifiedChains) == 0 {
			return badCertificate
		}
		switch node, ok := b.cfg.Nodes.Certified(s.PeerCertificates[0]); {
		case !ok:
			return badCertificate
		case node != id:
			return badID
		}
	} else if !p.PasswordFlag || !b.cfg.Nodes.Knows(id, p.Password) {
		return badPassword
	}
	if p.WillFlag && (p.WillTopic != record.Topic(id, record.TopicState) || len(p.WillPayload) > maxWill) {
		return badWill
	}
	return ""
}

// enter makes c the one connection of a node. An older one is ended first, and
// has left before: what it says last comes before what c says first.
func (b *Broker) enter(c *conn, node string) bool {
	timer := time.NewTimer(b.cfg.Greeting)
	defer timer.Stop()
	for {
		b.mu.Lock()
		old := b.present[node]
		if old == nil {
			b.present[node] = c
			c.node = node
			c.known.Store(true)
			b.mu.Unlock()
			return true
		}
		b.mu.Unlock()
		b.stats.takeovers.Add(1)
		b.seldom.Warn(time.Now(), "a node connects while it is connected", "node", node, "remote", c.RemoteAddr(), "instead_of", old.RemoteAddr())
		old.end()
		select {
		case <-old.done:
		case <-c.ctx.Done():
			return false
		case <-timer.C:
			return false
		}
	}
}

func (b *Broker) leave(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.present[c.node] == c {
		delete(b.present, c.node)
	}
}

// OnACLCheck is asked for every publish, subscription and delivery.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	ok := false
	if c, is := cl.Net.Conn.(*conn); is && c.known.Load() {
		ok = allowed(c.node, topic, write)
	}
	if !ok {
		h.b.stats.denied.Add(1)
		h.b.seldom.Warn(time.Now(), "a node tried what it may not", "node", cl.ID, "topic", printable(topic), "publish", write)
	}
	return ok
}

// allowed is the whole of what a node may: topics by their full names, no
// pattern of any kind.
func allowed(node, topic string, write bool) bool {
	of, leaf, ok := record.SplitTopic(topic)
	if !ok || of != node {
		return false
	}
	if !write {
		return leaf == record.TopicAck || leaf == record.TopicCmd || leaf == record.TopicTable
	}
	switch leaf {
	case record.TopicHello, record.TopicState, record.TopicLive, record.TopicAnswer:
		return true
	}
	for _, s := range record.Streams {
		if leaf == record.TopicData+s.String() {
			return true
		}
	}
	return false
}

// OnPublish hands a message to the taker. It goes nowhere else, and is acked only
// when it was taken.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c, ok := cl.Net.Conn.(*conn)
	if !ok { // the collector itself
		return pk, nil
	}
	pk.FixedHeader.Retain = false
	if !h.b.take(c.ctx, pk.TopicName, pk.Payload) {
		h.b.stats.turnedAway.Add(1)
		return pk, packets.ErrRejectPacket
	}
	h.b.stats.taken.Add(1)
	return pk, packets.CodeSuccessIgnore
}

// OnWillSent hands the will of a node to the taker.
func (h *hook) OnWillSent(cl *mqtt.Client, pk packets.Packet) {
	if c, ok := cl.Net.Conn.(*conn); ok && c.known.Load() && allowed(c.node, pk.TopicName, true) {
		h.b.take(c.ctx, pk.TopicName, pk.Payload)
	}
}

// OnPublishDropped counts what a client did not read in time.
func (h *hook) OnPublishDropped(*mqtt.Client, packets.Packet) { h.b.stats.dropped.Add(1) }
