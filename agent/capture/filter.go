package capture

import (
	"errors"
	"fmt"
	"sync"
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

// Filter is the table of media endpoints in the kernel filter. It is safe for
// concurrent use, by the one who announces endpoints and those who look at the
// statistics.
type Filter struct {
	mu     sync.Mutex // guards the rest
	kernel *filterObjects

	max          int
	entries      int
	full, failed uint64
	clock        bootClock
	key          mapEndpoint // memory of one map access
	value        mapMedia
	more         mapMore
}

func newFilter(max int) *Filter { return &Filter{max: max} }

// Active reports whether a kernel filter is loaded.
func (f *Filter) Active() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kernel != nil
}

// Open announces an endpoint: from now on its packets are counted. One that is
// open goes on counting and gets the new settings. It returns [ErrNoFilter],
// [ErrFilterFull], or what the kernel said.
func (f *Filter) Open(ep packet.Endpoint, s media.Spec) error {
	if ep.IsZero() {
		return errors.New("a media endpoint needs an address")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kernel == nil {
		return ErrNoFilter
	}
	f.key = mapKey(ep)
	f.value = mapMediaOf(&s)
	err := f.open()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.E2BIG):
		f.full++
		return ErrFilterFull
	}
	f.failed++
	return fmt.Errorf("opening media endpoint %v in the kernel filter: %w", ep, err)
}

// open inserts the entry, or changes the one that is there. The first step is
// the usual one, hence the order.
func (f *Filter) open() error {
	err := f.kernel.Media.Update(&f.key, &f.value, ebpf.UpdateNoExist)
	switch {
	case err == nil:
		f.entries++
		return nil
	case !errors.Is(err, ebpf.ErrKeyExist):
		return err
	}
	return f.update()
}

// update changes the settings of an entry in place, which only a program in the
// kernel can do without losing counts.
func (f *Filter) update() error {
	data := updateRequest(&f.key, &f.value)
	verdict, err := f.kernel.SipwardUpdate.Run(&ebpf.RunOptions{Data: data})
	if err != nil {
		return fmt.Errorf("running the update program: %w", err)
	}
	if verdict != updateDone {
		return fmt.Errorf("the update program answers %d", verdict)
	}
	return nil
}

// Read appends the flows seen at ep to flows, those to the endpoint first. It
// reports false if ep is not open. It costs one system call, and another for
// each direction of which there is more than one flow to the endpoint; with
// room in flows, no allocation.
func (f *Filter) Read(ep packet.Endpoint, flows []media.Observed) ([]media.Observed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kernel == nil {
		return flows, false
	}
	f.key = mapKey(ep)
	if !f.lookup(f.kernel.Media, &f.value) {
		return flows, false
	}
	offset := f.clock.offset()
	flows = f.value.Flow.append(flows, sideTo, offset)
	for side, marked := range f.value.More {
		f.key.Side = mapSide(side)
		if marked != 0 && f.lookup(f.kernel.More, &f.more) {
			flows = f.more.append(flows, mapSide(side), offset)
		}
	}
	return flows, true
}

// lookup reports whether the map has an entry of f.key, which it copies.
func (f *Filter) lookup(m *ebpf.Map, value any) bool {
	err := m.Lookup(&f.key, value)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		f.failed++
	}
	return err == nil
}

// Close forgets an endpoint. Closing one that is not open does nothing.
func (f *Filter) Close(ep packet.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kernel == nil {
		return
	}
	f.key = mapKey(ep)
	if !f.remove(f.kernel.Media) {
		return
	}
	f.entries--
	// Whether there is more is not asked: the filter may be making it just
	// now. It looks whether the endpoint is still there after that.
	for f.key.Side = range mapSides {
		f.remove(f.kernel.More)
	}
}

// remove reports whether the map had an entry of f.key, which it removes.
func (f *Filter) remove(m *ebpf.Map) bool {
	err := m.Delete(&f.key)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		f.failed++
	}
	return err == nil
}

// load puts kernel to use; nil takes it out of use and closes what was there.
func (f *Filter) load(kernel *filterObjects) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.kernel
	f.kernel = kernel
	f.entries = 0
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
	f.mu.Lock()
	defer f.mu.Unlock()
	s := FilterStats{
		Endpoints:    f.entries,
		MaxEndpoints: f.max,
		Full:         f.full,
		Failed:       f.failed,
	}
	if f.kernel == nil {
		return s
	}
	var n [outcomes]uint64
	for i := range n {
		var cpus []uint64
		if err := f.kernel.Counters.Lookup(uint32(i), &cpus); err != nil {
			f.failed++
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
	diff    int64 // Unix - boot, nanoseconds
	checked time.Time
}

func (c *bootClock) offset() int64 {
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
