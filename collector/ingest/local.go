package ingest

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/sipward/sipward/sync/record"
)

// local is the link to the broker in the same process. A node waits for room in
// the queue with its connection; the broker has no queue of its own that could
// overflow.
type local struct {
	ingest *Ingest
	broker Local
	shelf  *shelf
	stuck  atomic.Bool // the last one that waited did so in vain
}

// take waits for room, but not when the last one waited in vain: a node whose every
// message waits could not even say that it is alive.
func (l *local) take(ctx context.Context, topic string, payload []byte) bool {
	wait := l.ingest.cfg.LocalWait
	if l.stuck.Load() {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	taken := l.ingest.deliver(ctx, l, topic, payload, func() {})
	if strings.Contains(topic, "/"+record.TopicData) {
		l.stuck.Store(!taken)
	}
	return taken
}

func (l *local) post(node string, a *record.Ack) {
	b, err := record.EncodeMessage(a)
	if err == nil {
		err = l.broker.Publish(record.Topic(node, record.TopicAck), b)
	}
	l.ingest.posted(node, err)
}

// retain gives the broker a table for a node.
func (l *local) retain(_ context.Context, topic string, payload []byte) error {
	return l.broker.Retain(topic, payload)
}

// posted counts an ack that was handed to a broker.
func (i *Ingest) posted(node string, err error) {
	if err != nil {
		i.stats.unanswered.Add(1)
		i.seldom.Warn(i.now(), "ack not sent", "node", node, "error", err)
		return
	}
	i.stats.acks.Add(1)
}
