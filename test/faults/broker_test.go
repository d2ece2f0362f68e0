package faults

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// found is how soon a link that is half open has to be found.
const found = 15 * time.Second

// A broker freezes: its connections stay, and nothing comes out of them. The agent
// and the collector go on by the other broker of their lists.
func TestBrokerFrozen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	first, firstURL := l.mosquitto("mosquitto-1")
	_, secondURL := l.mosquitto("mosquitto-2")
	c := l.newCollector("", firstURL, secondURL)
	a := l.newAgent(agentSetup{brokers: []string{firstURL, secondURL}})
	c.run()
	a.run()
	calls1 := a.play(calls(1), 0)
	a.via(firstURL)
	a.acked(30)
	first.signal(syscall.SIGSTOP)
	frozen := time.Now()
	a.via(secondURL)
	l.Logf("the other broker was in use %v after the first had frozen", time.Since(frozen).Round(100*time.Millisecond))
	if took := time.Since(frozen); took > found {
		t.Errorf("it took the agent %v to leave the frozen broker", took)
	}
	acked := a.now().Sync.Spool.Calls.Acked
	a.acked(acked + 60)
	l.poll(time.Minute, "30 s of frost", func() bool { return time.Since(frozen) >= 30*time.Second }, nil)
	first.signal(syscall.SIGCONT)
	a.acked(a.now().Sync.Spool.Calls.Acked + 60)
	calls1.finish()
	a.drained()
	c.exactly(together(calls1))
	c.noLosses()
}

// via waits until the agent uses a broker and a collector answers there.
func (a *agent) via(broker string) {
	a.lab.Helper()
	var s *agentStatus
	a.poll(drainWait, a.name+" to use "+broker, func() bool {
		s = a.now()
		u := &s.Sync.Uplink
		return u.Connected && u.Answered && strings.HasPrefix(u.Broker, broker)
	}, func() string { return fmt.Sprintf("%+v", s.Sync.Uplink) })
}

// Something in between takes all that the agent sends, and lets nothing through: no
// error ever comes.
func TestLinkSwallows(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, broker := l.mosquitto("mosquitto")
	p := l.newPipe(strings.TrimPrefix(broker, "mqtt://"))
	c := l.newCollector("", broker)
	a := l.newAgent(agentSetup{brokers: []string{p.url, broker}})
	c.run()
	a.run()
	played := a.play(calls(1), 0)
	a.via(p.url)
	a.acked(30)
	p.swallow.Store(true)
	from := time.Now()
	a.via(broker)
	l.Logf("the direct way was in use %v after the pipe had begun to swallow", time.Since(from).Round(100*time.Millisecond))
	if took := time.Since(from); took > found {
		t.Errorf("it took the agent %v to leave the pipe", took)
	}
	a.acked(a.now().Sync.Spool.Calls.Acked + 60)
	played.finish()
	s := a.drained()
	if s.Sync.Uplink.Resent == 0 {
		t.Error("nothing was sent again: the pipe swallowed nothing")
	}
	c.exactly(together(played))
	c.noLosses()
}

// pipe passes connections on, until it swallows what comes.
type pipe struct {
	url     string
	swallow atomic.Bool
}

func (l *lab) newPipe(to string) *pipe {
	l.Helper()
	in, err := net.Listen("tcp", l.freePort().String())
	l.check(err)
	p := &pipe{url: "mqtt://" + in.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex // guards open
	var open []net.Conn
	l.Cleanup(func() {
		_ = in.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			near, err := in.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			all.Go(func() { p.pass(near, far) })
			all.Go(func() { p.pass(far, near) })
		}
	})
	return p
}

func (p *pipe) pass(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && !p.swallow.Load() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err == nil || p.swallow.Load() && err != io.EOF {
			if err == nil {
				continue
			}
			return
		}
		if !p.swallow.Load() { // an end is an end, but not of what was swallowed
			_ = to.Close()
		}
		return
	}
}
