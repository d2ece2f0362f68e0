package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipward/sipward/sync/record"
)

// Bounds of the small messages, in bytes.
const (
	maxHello = 1 << 20
	maxLive  = 512 << 10
	maxState = 64 << 10
	maxData  = record.HeaderSize + record.MaxBody
)

// link is where a message came from and its node can be answered.
type link interface {
	// post sends an ack, soon and without waiting.
	post(node string, a *record.Ack)
}

// deliver takes one message. done acks it to the broker, and is called once unless
// deliver returns false: then there was no room, and the message is still the
// broker's, or the node's.
func (i *Ingest) deliver(ctx context.Context, from link, topic string, payload []byte, done func()) bool {
	i.stats.messages.Add(1)
	node, leaf, ok := record.SplitTopic(topic)
	if ok && strings.HasPrefix(leaf, record.TopicData) {
		return i.takeData(ctx, from, node, leaf, payload, done)
	}
	defer done()
	defer func() {
		if p := recover(); p != nil {
			i.stats.panics.Add(1)
			i.seldom.Warn(i.now(), "panic over a message", "topic", topic, "error", p)
		}
	}()
	switch {
	case !ok:
		i.stats.foreign.Add(1)
	case leaf == record.TopicHello:
		i.takeHello(from, node, payload)
	case leaf == record.TopicLive && len(payload) <= maxLive:
		i.count(i.live.setLive(node, payload, i.now()))
	case leaf == record.TopicState && len(payload) <= maxState:
		i.takeState(node, payload)
	case leaf == record.TopicAnswer && len(payload) <= record.MaxAnswer:
		i.count(i.questions.take(node, payload))
	default:
		i.stats.foreign.Add(1)
	}
	return true
}

// count takes note of live figures that were no good.
func (i *Ingest) count(err error) {
	switch {
	case errors.Is(err, errFull):
		i.stats.unlisted.Add(1)
	case err != nil:
		i.stats.unreadable.Add(1)
	}
}

func (i *Ingest) takeState(node string, payload []byte) {
	if err := i.live.setState(node, payload, i.now()); err != nil {
		i.count(err)
		return
	}
	i.tables.meet(node)
	if n, ok := i.live.get(node); ok && n.State != nil && n.State.State == record.StateUp && n.State.Table != nil {
		i.tables.has(node, n.State.Table.Version, i.now())
	}
}

func (i *Ingest) takeData(ctx context.Context, from link, node, leaf string, payload []byte, done func()) bool {
	i.stats.bytes.Add(uint64(len(payload)))
	if len(payload) > maxData { // no batch is so long, and the broker in between has no bound
		i.stats.damaged.Add(1)
		done()
		return true
	}
	m := &message{node: node, raw: payload, from: from, done: done, cost: int64(len(payload)) + overhead}
	h, body, err := record.Open(payload)
	switch {
	case errors.Is(err, record.ErrNoBatch), errors.Is(err, record.ErrChecksum):
		i.stats.damaged.Add(1)
		if !i.seen.third(node, payload) {
			done() // it is sent again, for nothing says that it is stored
			return true
		}
		m.bury = err.Error()
	case err != nil:
		m.bury = err.Error()
	default:
		m.header, m.body = &h, body
		m.bury = unknown(&h, strings.TrimPrefix(leaf, record.TopicData))
		m.cost += int64(h.BodySize)
	}
	if !i.queue.put(ctx, m) {
		i.stats.turnedAway.Add(1)
		return false
	}
	return true
}

// unknown says why a batch with a good header cannot be read; empty when it may be.
func unknown(h *record.Header, stream string) string {
	switch {
	case h.Version != record.Version:
		return fmt.Sprintf("version %d of the body is not known", h.Version)
	case h.Codec != record.Plain && h.Codec != record.Zstd:
		return fmt.Sprintf("codec %d is not known", h.Codec)
	case h.Stream.String() != stream:
		return fmt.Sprintf("a batch of stream %s on the topic of %s", h.Stream, printable(stream))
	}
	return ""
}

// printable cuts what a node chose, for a text that people read.
func printable(s string) string { return fmt.Sprintf("%.32q", s) }

func (i *Ingest) takeHello(from link, node string, payload []byte) {
	if len(payload) > maxHello {
		i.stats.unreadable.Add(1)
		return
	}
	h, err := record.DecodeHello(payload)
	if err != nil {
		i.stats.unreadable.Add(1)
		i.seldom.Warn(i.now(), "hello not understood", "node", node, "error", err)
		return
	}
	i.stats.hellos.Add(1)
	i.ledger.heard(node, i.now())
	i.tables.meet(node)
	i.acks.hello(node, h, from)
}
