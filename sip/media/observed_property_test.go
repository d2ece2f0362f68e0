package media

import (
	"math/rand/v2"
	"testing"

	"github.com/sipward/sipward/sip/packet"
)

// slots is a kernel filter's memory of one endpoint: three flows, and the sum
// of those that had to make room.
type slots struct {
	flows []Observed
	rest  Observed
}

func (k *slots) count(rng *rand.Rand, peer packet.Endpoint, ssrc uint32) {
	for i := range k.flows {
		if f := &k.flows[i]; f.Peer == peer && f.SSRC == ssrc {
			f.Packets++
			f.Bytes += 172
			return
		}
	}
	if len(k.flows) == 3 {
		i := rng.IntN(3)
		k.rest.add(&k.flows[i].Counters)
		k.flows = append(k.flows[:i], k.flows[i+1:]...)
	}
	k.flows = append(k.flows, Observed{Peer: peer, SSRC: ssrc, Counters: Counters{Packets: 1, Bytes: 172, First: 1, Last: 1}})
}

func (k *slots) seen() []Observed {
	if k.rest.Packets == 0 {
		return k.flows
	}
	return append(append([]Observed(nil), k.flows...), k.rest)
}

// TestObservedOnce lets calls come and go on one port while streams begin,
// are folded and begin again. Every packet belongs to exactly one call.
func TestObservedOnce(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := NewTable(Options{})
		var kernel slots
		var sent, got Counters
		peers := []packet.Endpoint{phone, carrier, nat}
		live := map[uint64]bool{}
		finish := func(owner uint64) {
			table.Observe(relay, kernel.seen())
			for _, f := range table.Close(relay, owner) {
				if f.Packets > 1<<40 || f.Lost > 1<<40 {
					t.Fatalf("seed %d: %+v", seed, f.Counters)
				}
				got.add(&f.Counters)
			}
			for _, p := range peers {
				table.Close(p, owner)
			}
			delete(live, owner)
			if len(live) == 0 {
				kernel = slots{}
			}
		}
		for range 200 {
			owner := 1 + rng.Uint64N(4)
			switch {
			case len(live) == 0 || rng.IntN(5) == 0:
				if len(live) > 0 && !live[owner] {
					table.Observe(relay, kernel.seen())
				}
				table.Open(peers[rng.IntN(2)], spec(owner, Caller), 0)
				table.Open(relay, spec(owner, Callee), 0)
				live[owner] = true
			case live[owner] && rng.IntN(5) == 0:
				finish(owner)
			case rng.IntN(5) == 0:
				table.Observe(relay, kernel.seen())
			default:
				peer, ssrc := peers[rng.IntN(3)], rng.Uint32N(3)
				for range 1 + rng.IntN(20) {
					kernel.count(rng, peer, ssrc)
					sent.Packets++
					sent.Bytes += 172
				}
			}
		}
		for owner := range uint64(5) {
			if live[owner] {
				finish(owner)
			}
		}
		if got.Packets != sent.Packets || got.Bytes != sent.Bytes {
			t.Fatalf("seed %d: the calls have %d packets and %d bytes of %d and %d", seed, got.Packets, got.Bytes, sent.Packets, sent.Bytes)
		}
		if table.Len() != 0 || table.flows != 0 {
			t.Fatalf("seed %d: left %d endpoints, %d flows", seed, table.Len(), table.flows)
		}
	}
}
