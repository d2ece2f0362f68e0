package peers

import (
	"context"
	"os"
	"path/filepath"
)

// RTPEngine relays media on the switch in user space, as Kamailio tells it to.
type RTPEngine struct {
	Host      *Host
	Addresses Addresses
}

// controlPort is where Kamailio talks to rtpengine.
const controlPort = 2223

// Start starts rtpengine and returns when Kamailio can reach it.
func (r *RTPEngine) Start(ctx context.Context) (*Proc, error) {
	// Its own empty config keeps the host's away.
	empty := filepath.Join(r.Host.lab.Dir, "rtpengine.conf")
	if err := os.WriteFile(empty, []byte("[rtpengine]\n"), 0o644); err != nil {
		return nil, err
	}
	p, err := r.Host.Start("rtpengine", "rtpengine", "--config-file="+empty, "--foreground", "--log-stderr", "--table=-1",
		"--interface=customer/"+r.Addresses.ToCustomer.String(),
		"--interface=carrier/"+r.Addresses.ToA.String(),
		"--listen-ng=127.0.0.1:2223", "--port-min=30000", "--port-max=31000", "--log-level=5")
	if err != nil {
		return nil, err
	}
	return p, p.WaitSocket(ctx, "udp", controlPort)
}
