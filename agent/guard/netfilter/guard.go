package netfilter

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// lookInterval is the time between two looks at what the kernel counts.
	lookInterval = time.Second
	// rulesInterval is the time between two looks at the rules: somebody may
	// reload the firewall of the host.
	rulesInterval = 10 * time.Second
	// removeTimeout is how long taking the rules away may take at the end.
	removeTimeout = 15 * time.Second
)

// Guard takes REGISTERs from netfilter queues and gives them their verdicts. Its
// methods other than Run are safe for concurrent use.
type Guard struct {
	cfg     Config
	host    host
	ready   chan struct{}
	bans    *Bans
	limiter *limiter
	key     [32]byte // of the answers' tags: one for all queues
	counts  counts
	kernel  kernelCounts
}

// New checks cfg. It opens nothing; Run does.
func New(cfg Config) (*Guard, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Judge == nil || cfg.Answers < 1 {
		return nil, errors.New("netfilter: there is nobody to judge, or no answer is allowed")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{cfg: cfg, ready: make(chan struct{}), bans: newBans(host{}), limiter: newLimiter(cfg.Answers)}
	_, _ = rand.Read(g.key[:]) // never fails
	return g, nil
}

// Ready is closed when the rules are in force and every queue is read.
func (g *Guard) Ready() <-chan struct{} { return g.ready }

// Bans are the banned sources. There are none before Ready is closed, and none
// where the kernel has no sets.
func (g *Guard) Bans() *Bans { return g.bans }

// Run reads the queues until ctx ends, and then returns nil. The rules are in
// the kernel for as long: at the end, for whatever reason, they are removed, and
// what waits in the queues gets its verdict. It can be called once. Needs
// CAP_NET_ADMIN and, for answers, CAP_NET_RAW.
func (g *Guard) Run(ctx context.Context) (err error) {
	rules, err := g.plan(ctx)
	if err != nil {
		return err
	}
	send, err := openSender(rules == nil || rules.v6)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, send.close()) }()
	readers, err := g.open(send)
	defer func() {
		for _, r := range readers {
			err = errors.Join(err, r.queue.close())
		}
	}()
	if err != nil {
		return err
	}
	// Now that somebody listens: with fail closed the rules of a crashed run
	// have dropped everything up to here.
	if rules != nil {
		g.kernel.look(g.cfg.Queue, g.cfg.Queues)
		g.kernel.reset(g.counts.packets.Load())
		if err := rules.Install(ctx); err != nil {
			return err
		}
		g.bans.use(bansOf(rules))
	} else {
		g.bans.use(foreignSets(ctx, g.host))
	}
	g.started(rules)
	return g.serve(ctx, rules, readers)
}

// plan chooses the rules; nil when they are somebody else's.
func (g *Guard) plan(ctx context.Context) (*Rules, error) {
	if g.cfg.Firewall == None {
		return nil, nil //nolint:nilnil // no rules are no error
	}
	return plan(ctx, &g.cfg, g.host)
}

func bansOf(r *Rules) Firewall {
	if !r.bans {
		return 0
	}
	return r.kind
}

// foreignSets finds out which sets somebody made with the text of our rules.
func foreignSets(ctx context.Context, h host) Firewall {
	if _, err := h.run(ctx, "ipset", "", "list", "-name", family4.set); err == nil {
		return IPTables
	}
	if _, err := h.run(ctx, "nft", "", "list", "set", "inet", chain, nftSet4); err == nil {
		return NFT
	}
	return 0
}

func (g *Guard) started(rules *Rules) {
	firewall, defragment := None.String(), ""
	if rules != nil {
		firewall = rules.kind.String()
		if rules.kind == NFT {
			defragment = rules.nftDefragment
		}
	}
	g.counts.firewall.Store(&firewall)
	g.cfg.Log.Info("guarding registrations", "firewall", firewall, "ports", list(g.cfg.Ports, ","),
		"queue", g.cfg.Queue, "queues", g.cfg.Queues, "bans", g.bans.On())
	if !g.bans.On() {
		g.cfg.Log.Warn("sources cannot be banned: install ipset, or with firewall: none the sets that `guard rules` prints")
	}
	if defragment == nftDefragment[1] {
		g.cfg.Log.Warn("the kernel lacks nft_tproxy: to put fragments together it tracks every connection of this host; watch nf_conntrack_count")
	}
}

// open opens the queues, and returns those that it opened also with an error.
func (g *Guard) open(send *sender) ([]*reader, error) {
	var readers []*reader
	for i := range g.cfg.Queues {
		q, err := openQueue(g.cfg.Queue+uint16(i), g.cfg.Closed, &g.counts) // checked with the config
		if err != nil {
			return readers, err
		}
		r := newReader(g, q, send)
		readers = append(readers, r)
		for errors.Is(q.bound, errNotBound) {
			if err := q.read(r.judge); err != nil {
				return readers, err
			}
		}
	}
	return readers, nil
}

// serve reads the queues until ctx ends or one of them breaks.
func (g *Guard) serve(ctx context.Context, rules *Rules, readers []*reader) error {
	group, inner := errgroup.WithContext(ctx)
	for _, r := range readers {
		group.Go(func() error { return r.run() })
	}
	group.Go(func() error {
		close(g.ready)
		g.watch(inner, rules)
		// ctx has ended, or a queue is broken. First nothing new may come.
		err := g.remove(rules)
		for _, r := range readers {
			err = errors.Join(err, r.queue.interrupt())
		}
		return err
	})
	return group.Wait()
}

func (g *Guard) remove(rules *Rules) error {
	g.bans.use(0)
	if rules == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	return rules.Remove(ctx)
}

// watch looks after the rules and the kernel's counters until ctx ends.
func (g *Guard) watch(ctx context.Context, rules *Rules) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	looked := time.Now()
	g.kernel.look(g.cfg.Queue, g.cfg.Queues)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			g.kernel.look(g.cfg.Queue, g.cfg.Queues)
			if rules != nil && now.Sub(looked) >= rulesInterval {
				looked = now
				g.lookAtRules(ctx, rules)
			}
		}
	}
}

// lookAtRules puts rules back that somebody removed, and sees how many packets
// passed the queues by.
func (g *Guard) lookAtRules(ctx context.Context, rules *Rules) {
	h, err := rules.look(ctx)
	g.kernel.look(g.cfg.Queue, g.cfg.Queues)
	if err == nil && h.intact {
		g.kernel.ruled(h.queued, g.counts.packets.Load())
		return
	}
	if ctx.Err() != nil {
		return
	}
	g.counts.rulesLost.Add(1)
	if err == nil {
		g.kernel.reset(g.counts.packets.Load())
		err = rules.install(ctx, false)
	}
	if err == nil {
		err = g.bans.restore()
	}
	if errors.Is(err, errNoBans) {
		err = nil
	}
	if err != nil {
		g.cfg.Log.Error("the rules of the guard are not in force", "error", err)
		return
	}
	g.cfg.Log.Warn("somebody removed rules of the guard: they are back", "looked_every", rulesInterval)
}
