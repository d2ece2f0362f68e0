package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// tries is how often a batch that the store refuses is tried alone.
const tries = 3

// gather unpacks what is queued and puts groups together: of GroupRecords, or of
// what came within GroupWait, or more of it while the last group is being stored.
func (i *Ingest) gather(ctx context.Context, out chan<- []*message) error {
	u, err := newUnpacker()
	if err != nil {
		return err
	}
	defer u.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var group []*message
		records := 0
		add := func(m *message) { // also counts one that is buried, so that a group is bounded
			i.unpack(u, m)
			group = append(group, m)
			records++
			if m.batch != nil {
				records += weight(m.batch) - 1
			}
		}
		select {
		case m := <-i.queue.ch:
			add(m)
		case <-ctx.Done():
			return ctx.Err()
		}
		timer.Reset(i.cfg.GroupWait)
		var ready chan<- []*message
		for group != nil {
			in := i.queue.ch
			if records >= i.cfg.GroupRecords {
				in, ready = nil, out
			}
			select {
			case m := <-in:
				add(m)
			case <-timer.C:
				ready = out
			case ready <- group:
				group = nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// weight is how many records a batch has, and what of them has rows of its own: by
// it the memory and the transaction of a group are bounded.
func weight(b *record.Received) int {
	n := len(b.Records)
	for _, r := range b.Records {
		n += len(r.GetCall().GetAttempts()) / 4 // a few are what a call has
		n += len(r.GetHourMark().GetHeld()) / 4
	}
	return max(n, 1)
}

func (i *Ingest) unpack(u *unpacker, m *message) {
	if m.bury != "" {
		return
	}
	b, err := u.read(m)
	if err != nil {
		if errors.Is(err, errPanic) {
			i.stats.panics.Add(1)
		}
		m.bury = err.Error()
		return
	}
	m.batch = b
	m.known = i.ledger.known(b.Node, b.Epoch, b.Stream, b.Range())
}

func (i *Ingest) commitAll(ctx context.Context, groups <-chan []*message) error {
	for {
		select {
		case g := <-groups:
			i.commitGroup(ctx, g)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// commitGroup stores a group, or sets aside what of it cannot be stored. When it
// returns, every message of it is done, unless ctx ended.
func (i *Ingest) commitGroup(ctx context.Context, group []*message) {
	good := make([]*message, 0, len(group))
	for _, m := range group {
		if m.bury == "" {
			good = append(good, m)
		}
	}
	if err := i.store(ctx, good); err == nil {
		for _, m := range good {
			i.finish(m)
		}
	} else if ctx.Err() == nil {
		for _, m := range good {
			i.commitAlone(ctx, m, err)
		}
	}
	for _, m := range group {
		if m.bury != "" && ctx.Err() == nil {
			i.setAside(ctx, m)
		}
	}
}

// commitAlone stores one batch of a group that was refused with err, so that only
// those go to the dead letters which were the reason.
func (i *Ingest) commitAlone(ctx context.Context, m *message, err error) {
	for range tries {
		if err = i.store(ctx, []*message{m}); err == nil {
			i.finish(m)
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
	m.bury = fmt.Sprintf("refused %d times: %v", tries, err)
}

// store commits the batches of group, again and again while it is the database that
// fails. It returns an error when the records were refused, or ctx ended.
func (i *Ingest) store(ctx context.Context, group []*message) error {
	if len(group) == 0 {
		return nil
	}
	batches := make([]*record.Received, len(group))
	for n, m := range group {
		batches[n] = m.batch
	}
	return i.insist(ctx, "store records", func(ctx context.Context) error {
		began := i.now()
		err := i.cfg.Store.Commit(ctx, batches)
		if err == nil {
			i.stats.commits.add(i.now().Sub(began))
		}
		return err
	})
}

// insist repeats do with backoff until it succeeds, is refused, or ctx ends.
func (i *Ingest) insist(ctx context.Context, what string, do func(context.Context) error) error {
	for n := 0; ; n++ {
		err := i.shielded(ctx, do)
		switch {
		case err == nil:
			if n > 0 {
				i.log.Info("the store works again", "tried_to", what, "tries", n+1)
			}
			i.stats.failing.Store(false)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case refused(err):
			i.stats.refusals.Add(1)
			return err
		}
		i.stats.retries.Add(1)
		i.stats.failing.Store(true)
		if n == 0 {
			i.log.Error("the store fails, trying again", "tried_to", what, "error", err)
		}
		if err := i.retry.Wait(ctx, n); err != nil {
			return err
		}
	}
}

// shielded turns a panic over some records into an error about them.
func (i *Ingest) shielded(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			i.stats.panics.Add(1)
			i.seldom.Warn(i.now(), "panic over records", "error", p)
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return do(ctx)
}

// setAside buries m. When even that is refused, m is dropped: it is the node's
// still, and is counted.
func (i *Ingest) setAside(ctx context.Context, m *message) {
	var err error
	for range tries {
		err = i.insist(ctx, "set a batch aside", func(ctx context.Context) error {
			return i.cfg.Store.Bury(ctx, m.node, m.header, m.raw, m.bury)
		})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	switch {
	case err == nil:
		i.stats.buried.Add(1)
		i.seldom.Warn(i.now(), "batch set aside", "node", m.node, "reason", m.bury)
	case ctx.Err() != nil:
		return
	default:
		i.stats.unburied.Add(1)
		i.seldom.Warn(i.now(), "batch could not even be set aside", "node", m.node, "reason", m.bury, "error", err)
	}
	i.finish(m)
}

// finish acks a message to its broker and asks for an ack to its node.
func (i *Ingest) finish(m *message) {
	i.ledger.heard(m.node, i.now())
	if m.batch != nil && m.bury == "" {
		i.stats.batches.Add(1)
		i.stats.records.Add(uint64(len(m.batch.Records)))
		i.stats.duplicates.Add(m.known)
	}
	m.done()
	i.queue.release(m)
	if m.header != nil {
		i.acks.touch(m.node, m.header.Epoch, m.from)
	}
}
