package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// run sends and takes acks until the connection or the context ends. It hands
// the client one message at a time, and the next when that one has left: so no more
// than one is ever before the figures of this second.
func (s *session) run(ctx context.Context) error {
	now := time.Now()
	s.look(now)
	s.u.sender.connected(now)
	s.stateDue, s.liveDue = true, true
	second := time.NewTicker(time.Second)
	defer second.Stop()
	state := time.NewTicker(stateSoon)
	defer state.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		at, err := s.work()
		s.u.publishStats(time.Now())
		if err != nil {
			return err
		}
		wake.Reset(time.Until(at))
		answers := s.u.inbox.answers
		if s.answer != nil {
			answers = nil // one at a time
		}
		select {
		case s.answer = <-answers:
		case <-s.u.inbox.changed:
			s.stateDue = true
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.lost:
			return err
		case a := <-s.acks:
			s.ack(time.Now(), a)
		case <-s.link.wrote:
		case <-second.C:
			now := time.Now()
			s.second(now)
			if now.Sub(s.heard) >= anewAfter {
				return errDeaf
			}
		case <-state.C:
			s.stateDue = true
			state.Reset(stateEvery)
		case <-s.u.spool.Appended():
			s.dirty = true
		case <-wake.C:
		}
	}
}

// errDeaf ends a connection over which nothing comes. A hello is answered at once, so
// either no collector runs, or the broker has lost the subscriptions of this agent, as
// brokers do when two agents with one id connect at the same moment.
var errDeaf = errors.New("no collector answered for minutes; trying a new connection")

// idle reports whether all that was handed over has left.
func (s *session) idle() bool {
	n := s.link.published.Load()
	if s.liveIndex > 0 && n >= s.liveIndex {
		s.liveIndex = 0
		s.u.note(func(st *Stats) { st.Live++; s.u.liveOut = s.liveMade })
	}
	if n >= s.handed && !s.batchAt.IsZero() {
		s.pace(time.Since(s.batchAt))
		s.batchAt = time.Time{}
	}
	return n >= s.handed
}

// pace makes batches smaller where one keeps the connection busy for so long that
// live figures would grow old behind it.
func (s *session) pace(took time.Duration) {
	switch {
	case took > paceMost:
		s.limit = max(s.limit/2, messageLeast)
	case took < paceMost/4:
		s.limit = min(s.limit*2, messageBytes)
	}
}

// work sends what can be sent now, and returns when to come again.
func (s *session) work() (at time.Time, err error) {
	for {
		now := time.Now()
		if s.dirty && now.Sub(s.heldAt) >= holdEvery {
			s.look(now)
		}
		if !s.idle() {
			return now.Add(time.Hour), nil // its end wakes up
		}
		switch {
		case s.liveDue && s.u.cfg.Live != nil:
			err = s.live(now)
		case s.stateDue && s.u.cfg.State != nil:
			s.stateDue = false
			err = s.publish(record.TopicState, 1, true, s.u.cfg.State())
		case s.answer != nil:
			answer := s.answer
			s.answer = nil
			err = s.publish(record.TopicAnswer, 1, false, answer)
		default:
			var more bool
			if at, more, err = s.next(now); err == nil && !more {
				return at, nil
			}
		}
		if err != nil {
			return at, err
		}
	}
}

// next sends the next message of the sender's, if there is one.
func (s *session) next(now time.Time) (at time.Time, more bool, err error) {
	o, hello, at := s.u.sender.next(now)
	switch {
	case hello:
		b, err := record.EncodeMessage(s.u.sender.hello(now))
		if err != nil {
			return at, false, err
		}
		return at, true, s.publish(record.TopicHello, 1, false, b)
	case o.records > 0:
		return at, true, s.batch(now, &o)
	}
	if at.IsZero() {
		at = now.Add(time.Hour)
	}
	if next := s.heldAt.Add(holdEvery); s.dirty && next.Before(at) {
		at = next
	}
	return at, false, nil
}

// batch reads, packs and sends what the sender asked for.
func (s *session) batch(now time.Time, o *order) error {
	room := min(o.bytes, s.limit)
	first, records, err := s.u.spool.Read(o.epoch, o.stream, o.First, o.records, s.unpacked(room), s.buf[:0])
	if err != nil {
		if !s.u.unread.Again(now, err.Error()) {
			s.u.log.Error("reading records from disk", "epoch", o.epoch, "stream", o.stream, "from", o.First, "error", err)
		}
		s.u.note(func(st *Stats) { st.Unread++ })
		s.u.sender.unread(now, o)
		return nil
	}
	s.buf = records
	if len(records) == 0 || first > o.Last {
		s.u.sender.absent(o, o.Range)
		return nil
	}
	if first > o.First {
		s.u.sender.absent(o, record.Range{First: o.First, Last: first - 1})
	}
	if most := o.Last - first + 1; uint64(len(records)) > most {
		records = records[:most]
	}
	n := s.pack(now, o.key, first, records, room)
	if len(s.message) > o.bytes && s.u.sender.busy() && s.u.sender.credit > 0 {
		s.u.sender.tooLarge(o)
		return nil
	}
	s.u.sender.sentBatch(now, o, record.Range{First: first, Last: first + uint64(n) - 1}, len(s.message)) // not negative
	s.batchAt = now
	return s.publish(record.TopicData+o.stream.String(), 1, false, s.message)
}

// unpacked guesses how many bytes of records fit into a message.
func (s *session) unpacked(room int) int {
	return min(int(float64(room)/s.ratio), packMost*room, record.MaxBody/2)
}

// pack makes s.message of as many records as fit into room, and at least one.
func (s *session) pack(now time.Time, k key, first uint64, records [][]byte, room int) (n int) {
	for limit := s.unpacked(room); ; limit = limit * 3 / 4 {
		s.message, n = s.u.encoder.seal(s.message, now, k, first, records, limit)
		if body := len(s.u.encoder.body); body > 0 {
			s.ratio = max(s.ratio*3/4+float64(len(s.message))/float64(body)/4, 1./packMost)
		}
		if n == 1 || len(s.message) <= room {
			return n
		}
		records = records[:max(n*3/4, 1)]
	}
}

// publish hands a message to the client. Its token is not waited for: what the
// broker says of it means nothing here.
func (s *session) publish(leaf string, qos byte, retained bool, payload []byte) error {
	s.handed++
	t := s.client.Publish(record.Topic(s.u.cfg.Node, leaf), qos, retained, payload)
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			return fmt.Errorf("sending on %s: %w", leaf, err)
		}
	default:
	}
	return nil
}

// live sends the figures of this moment.
func (s *session) live(now time.Time) error {
	s.liveDue = false
	s.liveMade, s.liveIndex = now, s.handed+1
	return s.publish(record.TopicLive, 0, false, s.u.cfg.Live())
}

// second does what is to be done every second.
func (s *session) second(now time.Time) {
	if s.liveDue && s.u.cfg.Live != nil {
		s.u.note(func(st *Stats) { st.LiveDropped++ })
	}
	s.liveDue, s.dirty = true, true // what was deleted or shed wakes nobody
	s.u.note(func(st *Stats) {
		st.DroppedAcks += s.dropped.Swap(0)
		st.BadAcks += s.bad.Swap(0)
	})
	if s.u.inbox.lacking() { // who subscribes again gets what is retained again (MQTT 3.1.1 section 3.8.4)
		s.client.Subscribe(record.Topic(s.u.cfg.Node, record.TopicTable), 1, nil)
	}
	switch {
	case s.u.sender.greeted:
		s.u.silent = false
	case !s.u.silent && now.Sub(s.begun) >= silentAfter:
		s.u.silent = true
		s.u.log.Warn("the broker is there, but no collector answers: is one running, and may this node publish its topics?")
	}
}

// look asks the spool what it has.
func (s *session) look(now time.Time) {
	s.dirty, s.heldAt = false, now
	s.u.sender.hold(now, s.u.spool.Held())
}

// ack has the spool release what an ack covers.
func (s *session) ack(now time.Time, a *record.Ack) {
	s.heard = now
	s.u.note(func(st *Stats) { st.Acks++ })
	done, again := s.u.sender.ack(now, a)
	if again {
		s.u.log.Error("the collector's store has gone back to an earlier state: what is still on disk is sent again", "store", a.GetStoreId(), "collector", a.GetCollector())
		s.u.spool.Unrelease()
		s.u.sender.forget(now)
		s.look(now)
		done, _ = s.u.sender.ack(now, a)
	}
	for _, r := range done {
		s.u.spool.Release(r.epoch, r.stream, r.done)
	}
}
