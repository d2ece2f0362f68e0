package ingest

import (
	"context"

	"github.com/sipward/sipward/sync/record"
)

// local is the link to the broker in the same process. A node waits for room in
// the queue with its connection; the broker has no queue of its own that could
// overflow.
type local struct {
	ingest *Ingest
	broker Local
}

func (l *local) take(ctx context.Context, topic string, payload []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, l.ingest.cfg.LocalWait)
	defer cancel()
	return l.ingest.deliver(ctx, l, topic, payload, func() {})
}

func (l *local) post(node string, a *record.Ack) {
	b, err := record.EncodeMessage(a)
	if err == nil {
		err = l.broker.Publish(record.Topic(node, record.TopicAck), b)
	}
	l.ingest.posted(node, err)
}

// posted counts an ack that was handed to a broker.
func (i *Ingest) posted(node string, err error) {
	if err != nil {
		i.stats.unanswered.Add(1)
		i.log.Warn("ack not sent", "node", node, "error", err)
		return
	}
	i.stats.acks.Add(1)
}
