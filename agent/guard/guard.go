// Package guard is the desk where verdicts on registrations are given, and what
// became of them is counted, reported and kept. Its edges, which enforce the
// verdicts, ask it; the pipeline shows it what passes.
package guard

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/internal/seldom"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Mode says where verdicts are enforced.
type Mode string

// Modes.
const (
	Monitor   Mode = "monitor"   // nowhere
	NFQueue   Mode = "nfqueue"   // in the way of UDP packets to this host
	Authorize Mode = "authorize" // by the switch, which asks
)

// Config of a Guard.
type Config struct {
	Mode        Mode
	Closed      bool // what cannot be judged is refused; otherwise it passes
	Book        *party.Book
	Local       []netip.Addr // the host's own addresses; they are never banned
	Policy      register.Policy
	MaxBindings int    // contacts that are followed at once
	Dir         string // folder of the bindings; "" keeps none
	Ban         Ban
	Bans        Dropper                // the kernel; nil: none is told
	Report      func(*register.Report) // called by one goroutine, which may wait; nil: nobody is told
	Log         *slog.Logger           // nil: silent
}

// Dropper has the kernel drop what a source sends. A site is one IPv4 address, or
// a /64 of IPv6. It is called by one goroutine at a time.
type Dropper interface {
	// Drop begins now and ends by itself after d; a second one replaces the first.
	Drop(site netip.Prefix, d time.Duration) error
	// Lift ends it early. A site that is not dropped is no error.
	Lift(site netip.Prefix) error
}

// Guard gives verdicts. Its methods are safe for concurrent use.
type Guard struct {
	cfg    Config
	log    *slog.Logger
	seldom *seldom.Logger
	disk   disk // of Open, then of Run
	ready  chan struct{}

	kernel sync.Mutex    // one caller of cfg.Bans at a time
	wake   chan struct{} // the kernel has to be told something
	faults chan string   // a panic that has to be logged

	urgent   atomic.Int32 // callers that wait for mu and must not wait long
	mu       sync.Mutex   // guards everything below; nothing waits while it is held
	book     *party.Book
	registry *register.Registry
	request  register.Request // Seen's
	recent   recent
	tallies  tallies
	reports  reports
	bans     bans
	pending  pending
	count    counts
}

// New returns a guard that knows of no binding. Open comes next.
func New(cfg Config) *Guard {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Ban.Window <= 0 {
		cfg.Ban.Window = time.Minute
	}
	if cfg.Ban.Time <= 0 {
		cfg.Ban.Time = 10 * time.Minute
	}
	if cfg.Mode != NFQueue {
		cfg.Ban.Refusals = 0 // nobody else can tell who sent a packet, or drop it
	}
	g := &Guard{
		cfg: cfg, log: cfg.Log, seldom: seldom.New(cfg.Log), ready: make(chan struct{}), wake: make(chan struct{}, 1), faults: make(chan string, 1),
		book:     cfg.Book,
		registry: register.NewRegistry(register.Config{Book: cfg.Book, Policy: cfg.Policy, MaxBindings: cfg.MaxBindings}),
		recent:   newRecent(), reports: newReports(),
		bans: newBans(cfg.Ban, newProtected(cfg.Book, cfg.Ban.Allow, cfg.Local), cfg.Bans != nil),
	}
	g.disk = disk{dir: cfg.Dir, every: saveEvery}
	return g
}

// Open takes the guard's folder and reads the bindings of the last run, so that
// the first verdict knows them. It fails when the folder cannot be had, unless
// that is for want of permission and nothing is enforced; a file that is damaged is
// set aside.
func (g *Guard) Open() error {
	if g.cfg.Dir == "" {
		return nil
	}
	if err := g.disk.open(); err != nil {
		if g.cfg.Mode == Monitor && errors.Is(err, fs.ErrPermission) {
			g.log.Warn("guard: who is registered will not be known after a restart", "error", err)
			g.cfg.Dir = ""
			return nil // it refuses nothing: no reason not to watch
		}
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.restore(time.Now().UnixNano())
	return nil
}

// Ready is closed when Run has begun.
func (g *Guard) Ready() <-chan struct{} { return g.ready }

// Run keeps bindings on disk, hands reports on, lets time pass and has the kernel
// told of bans, until ctx ends; then it does all of that once more. Verdicts are
// given without it, and after it.
func (g *Guard) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.keepTime(ctx) })
	group.Go(func() error { return g.handOn(ctx) })
	group.Go(func() error { return g.tellKernel(ctx) })
	if g.cfg.Dir != "" {
		group.Go(func() error { return g.keep(ctx) })
	}
	close(g.ready)
	return group.Wait() //nolint:wrapcheck // none of them fails
}

// SetBook makes book the table of parties from now on. It must come from the
// present one by Next. local are the host's own addresses now.
func (g *Guard) SetBook(book *party.Book, local []netip.Addr) {
	protected := newProtected(book, g.cfg.Ban.Allow, local)
	g.mu.Lock()
	g.bans.protected = protected
	banned := slices.Clone(g.bans.due)
	g.mu.Unlock()
	known := map[address]bool{} // that the new table protects
	for _, site := range banned {
		if protected.holds(site.prefix().Addr()) {
			known[site] = true
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.caught(nil)
	g.book = book
	if len(known) > 0 && g.bans.lift(func(a address) bool { return known[a] }) > 0 {
		g.poke()
	}
	g.registry.SetBook(book)
}

// SetPolicy changes how verdicts are given where the table says nothing.
func (g *Guard) SetPolicy(p register.Policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.caught(nil)
	g.registry.SetPolicy(p)
}

// poke wakes whoever tells the kernel.
func (g *Guard) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// lock takes mu for a caller that must not wait long: it goes before those that yield.
func (g *Guard) lock() {
	g.urgent.Add(1)
	g.mu.Lock()
	g.urgent.Add(-1)
}

// yield lets callers of lock go first. Work in many small steps calls it between them:
// a mutex alone would give the lock to the same goroutine again and again, for a
// millisecond.
func (g *Guard) yield() {
	for range 100 {
		if g.urgent.Load() == 0 {
			return
		}
		runtime.Gosched()
	}
}
