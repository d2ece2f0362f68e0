package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sync/record"
)

// Uplink keeps a connection to one of the brokers, and sends. Run owns all but
// what Stats reads.
type Uplink struct {
	cfg     Config
	spool   Spool
	log     *slog.Logger
	brokers []*url.URL
	dial    func(context.Context, *url.URL, *tls.Config) (net.Conn, error)

	sender   *sender
	encoder  *encoder
	inbox    *inbox
	tries    int            // since the last connection that lasted
	failures seldom.Repeats // of connections
	unsaid   bool           // the last failure: then what mends it is not said either
	unread   seldom.Repeats // records
	twin     bool           // was said
	skewed   bool           // was said
	silent   bool           // it was said that nobody answers
	ahead    bool           // it was said that the store knows more than was sent

	mu      sync.Mutex // guards what follows
	stats   Stats
	liveOut time.Time // when the last live message that has left was made
	waiting time.Time // see Stats.Waiting
}

// Run sends until the context ends. It fails only where the program itself is
// at fault; all that brokers and collectors do is counted, logged and tried again.
func (u *Uplink) Run(ctx context.Context) error {
	var err error
	if u.encoder, err = newEncoder(); err != nil {
		return err
	}
	var inbox sync.WaitGroup
	inbox.Go(func() { u.inbox.run(ctx, &u.cfg) })
	defer inbox.Wait()
	u.sender = newSender(settings{
		window: u.cfg.Window, rate: u.cfg.RecordsPerSecond, program: u.cfg.Program, started: time.Now(),
	}, u.spool.Epoch())
	for i := 0; ; i++ {
		broker := u.brokers[i%len(u.brokers)]
		err := u.once(ctx, broker)
		if ctx.Err() != nil {
			return nil // to end with the context is no failure
		}
		u.failed(broker, err)
		// After each round of brokers, and after each connection, there is a pause:
		// a broker that returns would get all its nodes at once.
		var connected *lostError
		if i%len(u.brokers) == len(u.brokers)-1 || errors.As(err, &connected) {
			if backoff.Wait(ctx, u.pause(err)) != nil {
				return nil
			}
		}
	}
}

// lostError is the end of a connection that had been made.
type lostError struct {
	err    error
	lasted time.Duration
}

func (e *lostError) Error() string { return "the connection was lost: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// once makes a connection and uses it while it lasts.
func (u *Uplink) once(ctx context.Context, broker *url.URL) error {
	s, err := u.connect(ctx, broker)
	if err != nil {
		return err
	}
	from := time.Now()
	u.note(func(st *Stats) {
		st.Connected, st.ConnectedSince = true, from
		st.Connections++
		st.Reconnects = st.Connections - 1
	})
	if !u.unsaid {
		u.log.Info("connected to a broker", "broker", broker.Redacted())
	}
	err = s.run(ctx)
	s.end(ctx)
	now := time.Now()
	u.sender.disconnected()
	lasted := now.Sub(from)
	if ctx.Err() == nil {
		u.sender.twins.lost(now, lasted)
	}
	u.publishStats(now)
	u.note(func(st *Stats) { st.Connected, st.ConnectedSince = false, time.Time{} })
	return &lostError{err, lasted}
}

// pause is how long to wait before the next try. Who was refused waits long: it
// will be refused again.
func (u *Uplink) pause(err error) time.Duration {
	var lost *lostError
	if errors.As(err, &lost) && lost.lasted >= stable {
		u.tries = 0
	}
	jitter := retry.Pause(u.tries)
	u.tries++
	if _, ok := refused(err); ok {
		return retry.Most*3/4 + jitter/2
	}
	return jitter
}

// failed counts and logs the end of a try. The same failure is said once in a while.
func (u *Uplink) failed(broker *url.URL, err error) {
	now := time.Now()
	r, isRefusal := refused(err)
	var lost *lostError
	wasUp := errors.As(err, &lost)
	u.note(func(st *Stats) {
		st.LastError, st.LastErrorAt = err.Error(), now
		if !wasUp {
			st.Failures++
		}
		if isRefusal {
			st.Refused++
		}
	})
	if u.unsaid = u.failures.Again(now, broker.Host+err.Error()); u.unsaid {
		return
	}
	switch {
	case isRefusal:
		u.log.Error("the broker refuses this node; records wait on disk", "broker", broker.Redacted(), "error", err, "do", r.todo)
	case wasUp:
		u.log.Warn("the connection to the broker was lost; records wait on disk", "broker", broker.Redacted(), "error", lost.err, "lasted", lost.lasted)
	default:
		u.log.Warn("no connection to the broker; records wait on disk", "broker", broker.Redacted(), "error", err)
	}
}

// note changes the figures that Stats returns.
func (u *Uplink) note(change func(*Stats)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.stats)
}

// publishStats makes the sender's figures visible, and says what people must know.
func (u *Uplink) publishStats(now time.Time) {
	var st Stats
	u.note(func(x *Stats) {
		u.sender.stats(now, x)
		u.waiting = u.sender.waiting()
		st = *x
	})
	if st.SkewHigh != u.skewed {
		u.skewed = st.SkewHigh
		if st.SkewHigh {
			u.log.Error("the clock of this host differs from the collector's: hours and days will not match; check NTP", "ahead", st.Skew, "within", st.SkewError)
		} else {
			u.log.Info("the clock of this host agrees with the collector's again", "ahead", st.Skew)
		}
	}
	if st.NeverSent > 0 && !u.ahead {
		u.ahead = true
		u.log.Error("the store has records of this run that were never sent: if this host was set back to a snapshot of its memory, restart the agent now, or new calls are taken for old ones", "epoch", u.sender.epoch)
	}
	if st.TwinSuspected != u.twin {
		u.twin = st.TwinSuspected
		if st.TwinSuspected {
			u.log.Error("another agent seems to use the id of this node, and they take the connection from each other; nothing is lost, but give each an id of its own", "node", u.cfg.Node)
		}
	}
}

// Stats returns the figures of this moment. It may be called from anywhere.
func (u *Uplink) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	st := u.stats
	u.inbox.stats(&st)
	if !u.liveOut.IsZero() {
		st.LiveAge = time.Since(u.liveOut)
	}
	if !u.waiting.IsZero() {
		st.Waiting = time.Since(u.waiting)
	}
	return st
}

// will is the state of a node that is gone.
func will(node string) []byte {
	return []byte(`{"node":"` + node + `","state":"` + record.StateDown + `"}`) // an id needs no quoting
}
