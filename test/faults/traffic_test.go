package faults

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"github.com/sipward/sipward/internal/testkit"
)

// traffic is the switch of one node: it plays calls and reports each message by
// HEP, whether an agent listens or not.
type traffic struct {
	lab      *lab
	progress testkit.Progress
	done     chan error
	ended    bool

	mu  sync.Mutex // guards ids
	ids map[string]time.Time
}

// play begins to play calls to the agent. The test ends it with finish.
func (a *agent) play(plan testkit.Plan, shift time.Duration) *traffic {
	a.lab.Helper()
	conn, err := net.Dial("udp4", a.hep.String())
	a.check(err)
	return a.playTo(plan, &testkit.HEP{W: deaf{conn}}, shift, conn.Close)
}

// playTo is play with another way to the agent.
func (a *agent) playTo(plan testkit.Plan, to testkit.Sink, shift time.Duration, end func() error) *traffic {
	t := &traffic{lab: a.lab, done: make(chan error, 1), ids: make(map[string]time.Time)}
	ctx, cancel := context.WithCancel(context.Background())
	a.Cleanup(func() { // of a test that fails before it finishes
		cancel()
		t.wait()
	})
	go func() {
		_, err := testkit.Play(plan, &testkit.Pace{Context: ctx, To: &noter{t, to, shift}}, &t.progress)
		_ = end()
		t.done <- err
	}()
	return t
}

// deaf writes datagrams to somebody who may not be there.
type deaf struct{ net.Conn }

func (d deaf) Write(b []byte) (int, error) {
	_, _ = d.Conn.Write(b)
	return len(b), nil
}

// wait waits for the end.
func (t *traffic) wait() error {
	if t.ended {
		return nil
	}
	t.ended = true
	return <-t.done
}

// finish lets no new call begin, and returns when the last is over.
func (t *traffic) finish() {
	t.lab.Helper()
	t.progress.Stop()
	t.lab.check(t.wait())
}

// played waits until so many calls have begun.
func (t *traffic) played(n int64) {
	t.lab.Helper()
	t.lab.poll(drainWait, "calls to be played", func() bool { return t.progress.Calls.Load() >= n }, nil)
}

// all returns the Call-IDs that were played, and when each began.
func (t *traffic) all() map[string]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]time.Time, len(t.ids))
	for id, at := range t.ids {
		out[id] = at
	}
	return out
}

// together are the Call-IDs of several plays.
func together(all ...*traffic) map[string]time.Time {
	out := make(map[string]time.Time)
	for _, t := range all {
		for id, at := range t.all() {
			out[id] = at
		}
	}
	return out
}

// noter notes the Call-IDs that pass, and shifts the time of packets.
type noter struct {
	*traffic
	next  testkit.Sink
	shift time.Duration
}

func (n *noter) Send(p *testkit.Packet) error {
	if bytes.HasPrefix(p.Payload, []byte("INVITE ")) {
		if id := callID(p.Payload); id != "" {
			n.mu.Lock()
			if _, known := n.ids[id]; !known {
				n.ids[id] = time.Unix(0, p.At)
			}
			n.mu.Unlock()
		}
	}
	q := *p
	q.At += int64(n.shift)
	return n.next.Send(&q)
}

// callID reads the Call-ID of a SIP message as testkit writes it.
func callID(message []byte) string {
	_, rest, ok := bytes.Cut(message, []byte("\r\nCall-ID:"))
	if !ok {
		return ""
	}
	id, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(bytes.TrimSpace(id))
}
