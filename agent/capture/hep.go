package capture

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/sip/packet"
)

// HEPListener is one address to listen on.
type HEPListener struct {
	Network string // "udp", "tcp" or "tls"
	Address string // host:port; an empty host means all addresses
	Cert    string // tls: file with the certificate chain, PEM
	Key     string // tls: file with its private key, PEM
}

// HEPConfig says where HEP packets are taken, and from whom. A zero bound
// takes its default.
type HEPConfig struct {
	Listeners []HEPListener
	// Secret, unless empty, must be the authentication key (chunk 0x000e) of
	// each packet. It is sent in clear: on an open network use tls with it.
	Secret  []byte
	Conns   int           // connections at once, over all listeners; 1024
	Idle    time.Duration // silence after which a connection is closed; 15 min
	Receive int           // receive buffer of a UDP socket in bytes; 8 MiB
}

// HEPStats is a snapshot of a HEP source's counters.
type HEPStats struct {
	Packets      uint64 // handed over
	Bytes        uint64 // of those
	Dropped      uint64 // the sink was full
	TooLong      uint64 // more than an empty batch holds
	Malformed    uint64 // not HEP
	Unauthorized uint64 // without the secret
	KernelDrops  uint64 // datagrams that found the receive buffer full
	Connections  int64  // open now
	Accepted     uint64 // connections taken
	Refused      uint64 // connections turned away: HEPConfig.Conns
	Idle         uint64 // connections closed for silence
	Broken       uint64 // connections that ended with an error, or inside a packet
	AcceptErrors uint64 // connections that could not be taken, as for want of file descriptors
}

// HEP takes packets from Homer capture agents: HEPv3 over UDP, TCP and TLS,
// and the older versions over UDP. What is inside is for the decoder; here it
// is only framed and, with a secret, authenticated.
type HEP struct {
	cfg   HEPConfig
	sink  Sink
	ready chan struct{}
	stats hepCounters

	mu    sync.Mutex // guards addrs
	addrs []net.Addr
}

// NewHEP checks cfg. Nothing is opened before Run.
func NewHEP(cfg HEPConfig, sink Sink) (*HEP, error) {
	if len(cfg.Listeners) == 0 {
		return nil, errors.New("HEP without an address to listen on: name one, such as udp :9060")
	}
	for _, l := range cfg.Listeners {
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	if cfg.Conns <= 0 {
		cfg.Conns = 1024
	}
	if cfg.Idle <= 0 {
		cfg.Idle = 15 * time.Minute
	}
	if cfg.Receive <= 0 {
		cfg.Receive = 8 << 20
	}
	return &HEP{cfg: cfg, sink: sink, ready: make(chan struct{})}, nil
}

func (l HEPListener) check() error {
	switch l.Network {
	case "udp", "tcp":
		if l.Cert != "" || l.Key != "" {
			return fmt.Errorf("HEP listener %s: a certificate needs network tls, not %s", l.Address, l.Network)
		}
	case "tls":
		if l.Cert == "" || l.Key == "" {
			return fmt.Errorf("HEP listener %s: tls needs the files of a certificate and of its key", l.Address)
		}
	default:
		return fmt.Errorf("HEP listener %s: network %q is none of udp, tcp, tls", l.Address, l.Network)
	}
	if _, _, err := net.SplitHostPort(l.Address); err != nil {
		return fmt.Errorf("HEP listener %s: expected host:port or :port: %w", l.Address, err)
	}
	return nil
}

// Ready is closed when every address is open.
func (h *HEP) Ready() <-chan struct{} { return h.ready }

// Addrs returns the addresses that are open, in the order of the config, once
// Ready is closed.
func (h *HEP) Addrs() []net.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addrs
}

// Stats returns the counters so far. It is safe for concurrent use.
func (h *HEP) Stats() HEPStats { return h.stats.snapshot() }

// Run opens the addresses and takes packets until ctx ends. It runs once. The
// error says which address could not be opened, or stopped working, and why.
func (h *HEP) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	var jobs []func() error
	var opened []interface{ Close() error }
	var addrs []net.Addr
	for _, l := range h.cfg.Listeners {
		c, addr, job, err := h.open(ctx, l)
		if err != nil {
			for _, c := range opened {
				_ = c.Close()
			}
			return err
		}
		opened, addrs, jobs = append(opened, c), append(addrs, addr), append(jobs, job)
	}
	for _, job := range jobs {
		group.Go(job)
	}
	group.Go(func() error {
		<-ctx.Done()
		for _, c := range opened {
			_ = c.Close()
		}
		return nil
	})
	h.mu.Lock()
	h.addrs = addrs
	h.mu.Unlock()
	close(h.ready)
	return group.Wait()
}

// open opens the address of l. The job serves it until ctx ends.
func (h *HEP) open(ctx context.Context, l HEPListener) (c interface{ Close() error }, addr net.Addr, job func() error, err error) {
	var config net.ListenConfig
	if l.Network == "udp" {
		conn, err := config.ListenPacket(ctx, "udp", l.Address)
		if err != nil {
			return nil, nil, nil, hepListenError(l, err)
		}
		udp := conn.(*net.UDPConn)
		h.receiveBuffer(udp)
		return udp, udp.LocalAddr(), func() error { return h.serveUDP(ctx, udp) }, nil
	}
	var secure *tls.Config
	if l.Network == "tls" {
		if secure, err = hepTLS(l); err != nil {
			return nil, nil, nil, err
		}
	}
	listener, err := config.Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, nil, nil, hepListenError(l, err)
	}
	tcp := listener.(*net.TCPListener)
	return tcp, tcp.Addr(), func() error { return h.serveTCP(ctx, tcp, secure) }, nil
}

// hepListenError adds what to do about err.
func hepListenError(l HEPListener, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		hint = ": another program has the port (ss -lpn shows which): stop it, or choose another port"
	case errors.Is(err, unix.EACCES):
		hint = ": ports below 1024 need CAP_NET_BIND_SERVICE: grant it (systemd: AmbientCapabilities), or choose a higher port"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		hint = ": this host does not have the address"
	}
	return fmt.Errorf("listen for HEP on %s %s: %w%s", l.Network, l.Address, err, hint)
}

// hepReceiver turns what one socket delivers into batches. It is used by one
// goroutine. Its put is called before waiting: a packet never waits for
// another, and under load the pipeline wakes once a batch.
type hepReceiver struct {
	filler
	h     *HEP
	frame packet.Frame
	hep   packet.HEP
}

func newHEPReceiver(h *HEP) hepReceiver {
	return hepReceiver{filler: filler{sink: h.sink, counts: &h.stats.handCounts}, h: h}
}

// take adds one HEP packet to the batch. It reports false for one without the
// secret, or that is no HEP at all.
func (r *hepReceiver) take(b []byte, now int64) bool {
	if !r.allowed(b) {
		return false
	}
	r.frame = packet.Frame{Time: now, Data: b, WireLen: len(b), Link: packet.LinkHEP}
	r.add(&r.frame)
	return true
}

// allowed checks the secret, in constant time.
func (r *hepReceiver) allowed(b []byte) bool {
	if len(r.h.cfg.Secret) == 0 {
		return true
	}
	if !r.hep.Parse(b) {
		r.h.stats.malformed.Add(1)
		return false
	}
	if subtle.ConstantTimeCompare(r.hep.AuthKey, r.h.cfg.Secret) != 1 {
		r.h.stats.unauthorized.Add(1)
		return false
	}
	return true
}
