package capture

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
)

// Errors of [Filter.Open] that callers tell apart.
var (
	// ErrNoFilter means that no kernel filter is loaded: capture has not
	// started, has ended, or goes on with classic BPF.
	ErrNoFilter = errors.New("no eBPF filter is loaded")
	// ErrFilterFull means that as many endpoints are open as
	// LiveConfig.MaxEndpoints allows.
	ErrFilterFull = errors.New("the media map of the kernel filter is full")
)

// Flow is one RTP stream that the kernel counted at an endpoint.
type Flow = media.Observed

// Filter is the table of media endpoints in the kernel filter. It is safe for
// concurrent use.
type Filter struct {
	mu     sync.RWMutex // guards kernel against Close while a call is under way
	kernel *filterObjects

	max     int
	entries atomic.Int64
	full    atomic.Uint64
	failed  atomic.Uint64
	clock   bootClock
	pool    sync.Pool // *lookup
}

// lookup is the memory of one map access.
type lookup struct {
	key   mapEndpoint
	value mapMedia
}

func newFilter(max int) *Filter {
	return &Filter{max: max, pool: sync.Pool{New: func() any { return new(lookup) }}}
}

// Active reports whether a kernel filter is loaded.
func (f *Filter) Active() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.kernel != nil
}

// Open announces an endpoint: from now on its packets are counted. An endpoint
// that is open for the same owner keeps its counters and gets the new settings;
// one of another owner begins anew. It returns [ErrNoFilter], [ErrFilterFull],
// or what the kernel said.
func (f *Filter) Open(ep packet.Endpoint, s media.Spec) error {
	if s.Owner == 0 || ep.IsZero() {
		return errors.New("a media endpoint needs an address and an owner")
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.kernel == nil {
		return ErrNoFilter
	}
	l := f.pool.Get().(*lookup)
	defer f.pool.Put(l)
	l.key = mapKey(ep)
	l.value = mapMedia{Settings: mapSettingsOf(&s)}
	err := f.open(l)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.E2BIG) {
		f.full.Add(1)
		return ErrFilterFull
	}
	f.failed.Add(1)
	return fmt.Errorf("opening media endpoint %v in the kernel filter: %w", ep, err)
}

// open inserts l, or changes the entry that is there. The first step is the
// usual one, hence the order.
func (f *Filter) open(l *lookup) error {
	err := f.kernel.Media.Update(&l.key, &l.value, ebpf.UpdateNoExist)
	if err == nil {
		f.entries.Add(1)
		return nil
	}
	if !errors.Is(err, ebpf.ErrKeyExist) {
		return err
	}
	updated, err := f.update(l)
	if updated || err != nil {
		return err
	}
	return f.kernel.Media.Update(&l.key, &l.value, ebpf.UpdateExist)
}

// update changes the settings of an entry of the same owner in place, which
// only a program in the kernel can do without losing counts.
func (f *Filter) update(l *lookup) (bool, error) {
	data := updateRequest(&l.key, &l.value.Settings)
	verdict, err := f.kernel.SipwardUpdate.Run(&ebpf.RunOptions{Data: data})
	if err != nil {
		return false, fmt.Errorf("running the update program: %w", err)
	}
	return verdict == updateDone, nil
}

// Read appends the flows seen at ep to flows, those to the endpoint first. It
// reports false if ep is not open. It costs one system call and, with room in
// flows, no allocation.
func (f *Filter) Read(ep packet.Endpoint, flows []Flow) ([]Flow, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.kernel == nil {
		return flows, false
	}
	l := f.pool.Get().(*lookup)
	defer f.pool.Put(l)
	l.key = mapKey(ep)
	if err := f.kernel.Media.Lookup(&l.key, &l.value); err != nil {
		if !errors.Is(err, ebpf.ErrKeyNotExist) {
			f.failed.Add(1)
		}
		return flows, false
	}
	offset := f.clock.offset()
	flows = l.value.To.flows(flows, false, offset)
	return l.value.From.flows(flows, true, offset), true
}

// Close forgets an endpoint. Closing one that is not open does nothing.
func (f *Filter) Close(ep packet.Endpoint) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.kernel == nil {
		return
	}
	l := f.pool.Get().(*lookup)
	defer f.pool.Put(l)
	l.key = mapKey(ep)
	switch err := f.kernel.Media.Delete(&l.key); {
	case err == nil:
		f.entries.Add(-1)
	case !errors.Is(err, ebpf.ErrKeyNotExist):
		f.failed.Add(1)
	}
}

// load puts kernel to use; nil takes it out of use and closes what was there.
func (f *Filter) load(kernel *filterObjects) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.kernel
	f.kernel = kernel
	f.entries.Store(0)
	if old == nil {
		return nil
	}
	return old.Close()
}

// FilterStats are the figures of the kernel filter's table.
type FilterStats struct {
	Endpoints    int    // open now
	MaxEndpoints int    // the most there can be
	Full         uint64 // endpoints refused for want of room
	Failed       uint64 // map accesses that the kernel refused for any other reason
	FilterCounters
}

func (f *Filter) stats() FilterStats {
	f.mu.RLock()
	defer f.mu.RUnlock()
	s := FilterStats{
		Endpoints:    int(f.entries.Load()),
		MaxEndpoints: f.max,
		Full:         f.full.Load(),
		Failed:       f.failed.Load(),
	}
	if f.kernel == nil {
		return s
	}
	var n [outcomes]uint64
	for i := range n {
		var cpus []uint64
		if err := f.kernel.Counters.Lookup(uint32(i), &cpus); err != nil {
			f.failed.Add(1)
			return s
		}
		for _, v := range cpus {
			n[i] += v
		}
	}
	s.FilterCounters = countersOf(&n)
	return s
}

// bootClock turns the kernel's CLOCK_BOOTTIME into Unix time. The difference of
// the two is kept until it is off by more than a millisecond, so that one
// packet's time reads the same each time.
type bootClock struct {
	mu      sync.Mutex // guards the rest
	diff    int64      // Unix - boot, nanoseconds
	checked time.Time
}

func (c *bootClock) offset() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < time.Second {
		return c.diff
	}
	c.checked = now
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return c.diff // cannot happen on a kernel that has eBPF
	}
	diff := time.Now().UnixNano() - boot.Nano()
	if d := diff - c.diff; d > int64(time.Millisecond) || d < -int64(time.Millisecond) {
		c.diff = diff
	}
	return c.diff
}
