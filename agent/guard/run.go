package guard

import (
	"context"
	"errors"
	"time"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// step is how much is done at once with the lock held: well below 100 microseconds.
const step = 128

// keepTime lets bindings, bans and reports grow old, until ctx ends.
func (g *Guard) keepTime(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case now := <-second.C:
			for g.tick(now.UnixNano()) && ctx.Err() == nil {
			}
		case fault := <-g.faults:
			g.seldom.Error(time.Now(), "guard: a REGISTER brought about a panic; its verdict follows guard.fail", "panic", fault)
		case <-ctx.Done():
			return nil
		}
	}
}

// tick does one step of what time brings, and reports whether there is more to
// do at once.
func (g *Guard) tick(now int64) (more bool) {
	g.yield()
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.caught(nil)
	more = g.reports.tick(now, step)
	more = g.bans.tick(now, step) || more
	// Each step can make a report. When nobody takes them, time goes on slowly.
	most := min(step, max(g.reports.room(), step/16))
	changes, left := g.registry.Tick(now, most)
	g.changed(changes)
	more = more || left && g.reports.room() > 0
	return more
}

// changed keeps and reports what happened to bindings. The lock is held.
func (g *Guard) changed(changes []register.Change) {
	for i := range changes {
		c := &changes[i]
		switch c.What {
		case register.Added, register.Refreshed:
			if g.cfg.Dir != "" {
				g.pending.note(bindingKey(&c.Binding), c.Binding.Append(nil))
			}
		case register.Removed, register.Expired:
			if g.cfg.Dir != "" {
				g.pending.note(bindingKey(&c.Binding), nil)
			}
		case register.Strayed:
			g.count.strayed++
			g.reports.alone(g.stray(&c.Binding))
		case register.Settled:
		}
	}
}

// stray makes the report of a binding that the table would refuse.
func (g *Guard) stray(b *register.Binding) *register.Report {
	r := &register.Report{
		At: time.Now().UnixNano(), Kind: register.Stray, Reason: b.Stray, Mode: string(g.cfg.Mode), Customer: partyName(g.book, b.Customer),
		Number: text(b.Number), Domain: text(b.Domain), Contact: text(contactText(&b.Contact)),
		Transport: b.Transport.String(), Username: text(b.Username),
	}
	if b.Source.IsValid() {
		r.Source = b.Source.String()
	}
	if block, holder, ok := g.book.BlockOf(party.Pack(b.Number)); ok && holder != b.Customer {
		r.Block, r.Holder = block.String(), partyName(g.book, holder)
	}
	return r
}

// handOn gives reports to whoever takes them, until ctx ends, and then all that
// was held back.
func (g *Guard) handOn(ctx context.Context) error {
	for {
		select {
		case r := <-g.reports.out:
			g.hand(r)
		case <-ctx.Done():
			for range maxSaid { // more than it takes, unless there is no end of refusals
				if !g.flush() {
					break
				}
			}
			return nil
		}
	}
}

func (g *Guard) hand(r *register.Report) {
	if g.cfg.Report != nil {
		g.cfg.Report(r)
	}
}

// flush hands on the reports that wait, then queues those that were held back. It
// reports whether there were any.
func (g *Guard) flush() (some bool) {
	for {
		select {
		case r := <-g.reports.out:
			g.hand(r)
			some = true
			continue
		default:
		}
		break
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reports.flush(time.Now().UnixNano(), g.reports.room())
	return some || len(g.reports.out) > 0 || len(g.reports.due) > 0
}

// keep writes what changed every saveEvery until ctx ends, and once more then.
func (g *Guard) keep(ctx context.Context) error {
	defer g.disk.close()
	tick := time.NewTicker(g.disk.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.save(ctx)
		case <-ctx.Done():
			g.disk.next = time.Time{} // however soon after one that failed, or was cut short just now
			g.save(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// save writes what changed.
func (g *Guard) save(ctx context.Context) {
	wrote, err := g.disk.save(ctx, g)
	g.mu.Lock()
	switch {
	case err == nil && wrote:
		g.count.saves++
	case err != nil && !errors.Is(err, context.Canceled):
		g.count.diskErrors++
	}
	g.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) {
		g.seldom.Error(time.Now(), "guard: bindings are not kept for a restart", "error", err)
	}
}

// bindingKey names a binding on disk.
func bindingKey(b *register.Binding) string {
	id := b.ID
	return string([]byte{byte(id >> 56), byte(id >> 48), byte(id >> 40), byte(id >> 32), byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
}

// eachBinding calls do with all bindings, a page at a time, without holding the
// lock meanwhile. What is added or changed behind its back is pending.
func (g *Guard) eachBinding(ctx context.Context, do func(key string, value []byte) error) error {
	page := make([]register.Binding, 0, step)
	var value []byte
	for at := register.Cursor(0); ; {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // a caller matches it
		}
		page, at = g.page(at, register.Select{}, page[:0], step)
		for i := range page {
			value = page[i].Append(value[:0])
			if key := bindingKey(&page[i]); fitsEntry(key, value) {
				if err := do(key, value); err != nil {
					return err
				}
			}
		}
		if at == 0 {
			return nil
		}
	}
}

// restore takes over the bindings of the last run. The lock is held.
func (g *Guard) restore(now int64) {
	var refused uint64
	damaged := g.disk.load(g.log, func(_, value []byte) {
		switch err := g.registry.Restore(value, now); {
		case err == nil:
			g.count.restored++
		case errors.Is(err, register.ErrSaved):
			refused++
		default: // expired, or there is no room: the registry counts it
		}
	})
	g.count.damaged += uint64(damaged) + refused // a count
	if refused > 0 {
		g.log.Error("guard: bindings of the last run make no sense to this one", "bindings", refused)
	}
}
