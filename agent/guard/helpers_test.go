package guard

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// start runs g until the function that it returns is called.
func start(t testing.TB, g *Guard) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	<-g.Ready()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// fakeKernel is a set of the kernel's.
type fakeKernel struct {
	mu      sync.Mutex
	dropped map[netip.Prefix]time.Duration
	broken  bool
}

func (k *fakeKernel) Drop(site netip.Prefix, long time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errors.New("no such set")
	}
	if k.dropped == nil {
		k.dropped = map[netip.Prefix]time.Duration{}
	}
	k.dropped[site] = long
	return nil
}

func (k *fakeKernel) Lift(site netip.Prefix) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return errors.New("no such set")
	}
	delete(k.dropped, site)
	return nil
}
