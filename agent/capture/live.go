package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Live captures from network interfaces. Its methods other than Run are safe
// for concurrent use.
type Live struct {
	cfg    LiveConfig
	filter *Filter
	ready  chan struct{}
	mode   atomic.Uint32
	counts liveCounts

	mu    sync.Mutex // guards state
	state []InterfaceState
}

// NewLive checks cfg. It opens nothing; Run does.
func NewLive(cfg LiveConfig) (*Live, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Live{cfg: cfg, filter: newFilter(cfg.MaxEndpoints), ready: make(chan struct{})}, nil
}

// Ready is closed when the first socket is open, filtered and bound. While
// none of the named interfaces exists, it stays open.
func (l *Live) Ready() <-chan struct{} { return l.ready }

// Filter returns the table of media endpoints. It takes endpoints once Ready is
// closed and until Close, and in mode [EBPF] only.
func (l *Live) Filter() *Filter { return l.filter }

// Mode says which filter is in use; it is invalid before Ready is closed.
func (l *Live) Mode() Mode { return Mode(l.mode.Load()) }

// Run captures until ctx ends, then returns nil, having handed over what was in
// the rings. What the kernel counted can be read until Close. It returns a
// [CapabilityError] where the process may not capture. It can be called once.
func (l *Live) Run(ctx context.Context) error {
	filter, err := l.loadFilter()
	if err != nil {
		return err
	}
	r := &reader{live: l, cfg: &l.cfg, filter: filter, watch: -1, warned: map[string]bool{},
		links: newLinkLog(l.cfg.Log, l.Mode().String())}
	err = r.run(ctx)
	return errors.Join(err, r.close())
}

// Close forgets what the kernel counted. It is called after Run has returned.
func (l *Live) Close() error { return l.filter.load(nil) }

// loadFilter prepares what is attached to the sockets: eBPF, or classic BPF
// where the kernel refuses it and the config does not insist.
func (l *Live) loadFilter() (attachment, error) {
	if l.cfg.Mode != Classic {
		kernel, err := loadKernelFilter(&l.cfg)
		if err == nil {
			l.mode.Store(uint32(EBPF))
			return attachment{program: kernel.SipwardFilter.FD()}, l.filter.load(kernel)
		}
		err = wrapPermission(err, "CAP_BPF", "using eBPF")
		if l.cfg.Mode == EBPF {
			return attachment{}, err
		}
		l.cfg.Log.Warn("eBPF is refused: going on with a classic BPF filter; media statistics are not available", "error", err)
	}
	program, err := classicFilter(&l.cfg)
	if err != nil {
		return attachment{}, fmt.Errorf("assembling the classic BPF filter: %w", err)
	}
	l.mode.Store(uint32(Classic))
	return attachment{classic: program}, nil
}

// tap is a socket on one interface; index 0 is all of them.
type tap struct {
	link
	ring *ring
}

// reader is the goroutine of Run: it owns the sockets.
type reader struct {
	live   *Live
	cfg    *LiveConfig
	filter attachment
	watch  int // netlink, -1 if not needed
	waiter *waiter
	taps   []*tap
	warned map[string]bool // interfaces whose failure was reported
	links  *linkLog
	out    hand
	ready  bool
	looked time.Time // when the kernel's counters and the interfaces were last looked at
}

// lookInterval is the time between two looks at the kernel's counters and at
// the list of interfaces. Changes of interfaces are announced, too; the list is
// for those that were missed.
const lookInterval = time.Second

func (r *reader) run(ctx context.Context) (err error) {
	r.out = newHand(r.cfg.Sink, &r.live.counts)
	if r.waiter, err = newWaiter(); err != nil {
		return err
	}
	if !r.cfg.any() {
		if r.watch, err = openLinkWatch(); err != nil {
			return err
		}
		if err := r.waiter.add(r.watch); err != nil {
			return err
		}
	}
	if err := r.scan(); err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		r.waiter.interrupt()
	})
	defer func() {
		if !stop() {
			<-interrupted // the waiter must stay open until then
		}
	}()
	for ctx.Err() == nil {
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	r.drain()
	return nil
}

// step waits for something to happen and deals with it.
func (r *reader) step(ctx context.Context) error {
	ready, err := r.waiter.wait(ctx, lookInterval)
	if err != nil {
		return err
	}
	r.live.counts.wakeups.Add(1)
	now := time.Now()
	rescan := now.Sub(r.looked) >= lookInterval
	for i := range ready {
		switch fd := int(ready[i].Fd); {
		case fd == r.watch:
			drainLinkWatch(r.watch)
			rescan = true
		case ready[i].Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0:
			r.clearError(fd)
			rescan = true
		}
	}
	r.drain()
	if rescan {
		r.looked = now
		r.collectDrops()
		return r.scan()
	}
	return nil
}

// clearError takes the error off a capture socket. ENETDOWN: the interface
// went down or away. The socket goes on when it is up again; if it is gone, the
// scan finds that out.
func (r *reader) clearError(fd int) {
	for _, t := range r.taps {
		if t.ring.fd != fd {
			continue
		}
		if err := t.ring.clearError(); err != nil && !errors.Is(err, unix.ENETDOWN) {
			r.cfg.Log.Warn("capture socket reports an error", "interface", t.name, "error", err)
		}
	}
}

// drain hands over all that is in the rings, in the order of time as far as one
// batch goes.
func (r *reader) drain() {
	for _, t := range r.taps {
		for range t.ring.blocks { // not until it is empty: under overload it never is
			if !t.ring.read(r.out.add) {
				break
			}
		}
	}
	r.out.flush(len(r.taps) > 1)
}

func (r *reader) collectDrops() {
	for _, t := range r.taps {
		dropped, frozen, err := t.ring.drops()
		if err != nil {
			r.cfg.Log.Warn("reading the kernel's drop counter", "interface", t.name, "error", err)
			continue
		}
		r.live.counts.kernelDropped.Add(dropped)
		r.live.counts.frozen.Add(frozen)
	}
}

func (r *reader) close() error {
	var errs []error
	r.collectDrops()
	for _, t := range r.taps {
		errs = append(errs, t.ring.close())
	}
	r.taps = nil
	r.publish(nil, nil)
	if r.watch >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(r.watch)))
	}
	if r.waiter != nil {
		errs = append(errs, r.waiter.close())
	}
	return errors.Join(errs...)
}
