package chaos

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// traffic is the switch of one node: it plays calls and reports each message
// by HEP, whether an agent listens or not.
type traffic struct {
	plan     testkit.Plan
	to       netip.AddrPort
	progress testkit.Progress

	mu  sync.Mutex           // guards ids
	ids map[string]time.Time // Call-IDs, and when each was first sent
}

// planFor makes node n different from the others: proxies and B2BUAs, with and
// without a 407 first. Answered calls last 1 to 10 s.
func planFor(n int, seed uint64, length time.Duration) testkit.Plan {
	rate := 36 + 6*float64(n)
	p := testkit.Plan{
		Seed: seed + uint64(n), Start: time.Now(),
		// Far more than will be played: Stop ends it.
		Calls: int(rate * (length.Seconds() + 600)), Rate: rate,
		Delay: 150 * time.Millisecond, Ring: 500 * time.Millisecond, Hold: 5500 * time.Millisecond, Spread: 0.8,
		Mix: []testkit.Share{
			{Outcome: testkit.Answered, Weight: 11}, {Outcome: testkit.Failover, Weight: 3}, {Outcome: testkit.Busy, Weight: 2},
			{Outcome: testkit.NoAnswer, Weight: 1}, {Outcome: testkit.Cancelled, Weight: 2}, {Outcome: testkit.NotFound, Weight: 1},
			{Outcome: testkit.Declined, Weight: 1}, {Outcome: testkit.Unavailable, Weight: 1},
		},
		Switch: testkit.Proxy, Customers: 3, Carriers: 3, Challenge: n%2 == 1,
	}
	if n >= 2 {
		p.Switch = testkit.B2BUA
	}
	return p
}

// play sends the calls of the plan until Stop of its progress, and then lets
// those that began come to their end.
func (t *traffic) play(ctx context.Context) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer conn.Close()
	hep := &testkit.HEP{W: &datagrams{conn, t.to}}
	_, err = testkit.Play(t.plan, &testkit.Pace{Context: ctx, To: &noter{t, hep}}, &t.progress)
	return err
}

// datagrams writes to an address without being connected: nobody there is no
// error then.
type datagrams struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

func (d *datagrams) Write(b []byte) (int, error) { return d.conn.WriteToUDPAddrPort(b, d.to) }

// noter notes the Call-IDs that pass.
type noter struct {
	*traffic
	next testkit.Sink
}

func (n *noter) Send(p *testkit.Packet) error {
	if bytes.HasPrefix(p.Payload, []byte("INVITE ")) {
		if id := callID(p.Payload); id != "" {
			n.mu.Lock()
			if n.ids[id].IsZero() {
				n.ids[id] = time.Now()
			}
			n.mu.Unlock()
		}
	}
	return n.next.Send(p)
}

var callIDName = []byte("\r\nCall-ID:")

// callID reads the Call-ID of a SIP message as testkit writes it.
func callID(message []byte) string {
	_, rest, ok := bytes.Cut(message, callIDName)
	if !ok {
		return ""
	}
	id, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(bytes.TrimSpace(id))
}

// played returns the Call-IDs of all calls that were played, and when they began.
func (t *traffic) played() map[string]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.ids)
}
