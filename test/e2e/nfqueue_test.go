package e2e

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// queueConfig has two customers, acme with numbers of its own; whoever is on the
// third cable is nobody's.
const queueConfig = `
node: e2e
capture:%s
customers:
  - id: acme
    addresses: [%q, %q]
    blocks:
      - first: 1000
        last: 1999
  - id: globex
    addresses: [%q, %q]
guard:
  mode: nfqueue
  fail: %s
  queues: 2
  dir: %s
`

// newQueued builds a site whose registrar knows nothing of the agent, which
// stands before it.
func newQueued(t *testing.T, fail, more string) *asking {
	t.Helper()
	ctx := t.Context()
	site, err := peers.NewSite(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			site.WriteLogs(t.Output())
		}
	})
	w := &asking{Site: site, t: t}
	w.registrar = &peers.Registrar{Host: site.Switch,
		Listen: []netip.Addr{peers.V4.ToCustomer, peers.V4.ToA, peers.V4.ToB, peers.V6.ToCustomer, peers.V6.ToA, peers.V6.ToB}}
	if err := w.registrar.Start(ctx); err != nil {
		t.Fatal(err)
	}
	program, err := peers.BuildAgent(ctx, site.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.agent = &peers.Agent{Host: site.Switch, Program: program, Config: fmt.Sprintf(queueConfig, liveCapture,
		peers.V4.Customer, peers.V6.Customer, peers.V4.CarrierA, peers.V6.CarrierA, fail, filepath.Join(site.Dir, "guard")) + more}
	return w
}

// A registrar that was not touched gets what is in its customers' blocks, and
// nothing else.
func TestQueue(t *testing.T) {
	need(t)
	for _, v := range []struct {
		name      string
		addresses peers.Addresses
	}{{"IPv4", peers.V4}, {"IPv6", peers.V6}} {
		t.Run(v.name, func(t *testing.T) {
			w := newQueued(t, "open", "")
			w.start()
			acme, globex, initech := w.sides(v.addresses)
			// The registrar challenges whatever reaches it: a 403 without a 401
			// before it is not its own.
			w.send(acme, false, accepted("1005"))
			w.saved("1005")
			w.bound(1)
			w.send(acme, false, refused("3005"), refused("100"), refused("10005"), refused("alice"))
			w.send(globex, false, refused("1006"), refused("1005"))
			w.send(globex, false, accepted("5005"))
			w.bound(2)
			w.send(initech, false, refused("5005"))
			w.saved("1005", "5005")

			w.send(acme, false, gone("3005"))
			w.send(initech, false, gone("5006"), peers.Request{Method: "REGISTER", User: "5007", Everything: true, Challenged: true, Outcome: "200"})
			w.send(globex, false, gone("5005"))
			w.saved("1005")
			w.bound(1)
			w.send(initech, false, accepted("5005"))
			w.saved("1005", "5005")

			// In fragments.
			big, tooBig := accepted("1006"), refused("3006")
			big.Pad, tooBig.Pad = strings.Repeat("x", 3000), strings.Repeat("x", 3000)
			w.send(acme, false, big, tooBig)
			w.saved("1005", "1006", "5005")

			s := w.verdicts()
			for reason, want := range map[string]int{"outside_blocks": 4, "non_numeric": 1, "foreign_block": 2, "in_use": 1} {
				w.equal("refused "+reason, s["refused "+reason], want)
			}
			w.equal("would have been refused", s["would_refuse"], 0)
			w.others(acme, false)

			// What does not pass the queue is judged all the same.
			w.send(acme, true, accepted("3007"))
			w.bound(4)
			w.equal("would have been refused", w.verdicts()["would_refuse"], 2) // the challenged one, too
		})
	}
}

// Ordinary phones hear that they may, or may not.
func TestQueuePhones(t *testing.T) {
	need(t)
	t.Parallel()
	w := newQueued(t, "open", "")
	w.start()
	acme, globex, _ := w.sides(peers.V4)
	for _, p := range []struct {
		at     side
		number string
		says   string
	}{{acme, "1005", "200 OK"}, {globex, "1006", "403 Forbidden"}} {
		phone := &peers.Phone{Host: p.at.host, Number: p.number, Local: p.at.local, Switch: p.at.remote, Password: "secret"}
		if err := phone.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := phone.WaitLog(t.Context(), p.says); err != nil {
			t.Error(err)
		}
	}
	w.saved("1005")
}

// caller is a socket that sends what no phone does.
type caller struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
	from netip.AddrPort
	sent int
}

func newCaller(t *testing.T, at side, port uint16) *caller {
	t.Helper()
	from := netip.AddrPortFrom(at.local, port)
	conn, err := at.host.Listen(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t: t, conn: conn, to: peers.At(at.remote), from: from}
}

// register is a REGISTER of its own transaction.
func (c *caller) register(number string) string {
	c.sent++
	return fmt.Sprintf("REGISTER sip:switch SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%[3]s@switch>;tag=%[2]d\r\nTo: <sip:%[3]s@switch>\r\nCall-ID: %[2]d@%[4]d\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: <sip:%[3]s@%[1]s>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n", c.from, c.sent, number, c.from.Port())
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := c.conn.WriteToUDPAddrPort([]byte(text), c.to); err != nil {
		c.t.Fatal(err)
	}
}

// ask returns the status that is answered within wait, "" for none.
func (c *caller) ask(text string, wait time.Duration) string {
	c.t.Helper()
	c.send(text)
	return c.answer(wait)
}

func (c *caller) answer(wait time.Duration) string {
	b := make([]byte, 1<<16)
	_ = c.conn.SetReadDeadline(time.Now().Add(wait))
	n, from, err := c.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		return ""
	}
	if from.Addr().Unmap() != c.to.Addr() || from.Port() != c.to.Port() {
		c.t.Errorf("answered from %s, asked %s", from, c.to)
	}
	_, status, _ := strings.Cut(string(b[:n]), " ")
	return status[:min(3, len(status))]
}

// askAll sends every variant of a REGISTER for 3005, and returns the status that
// each is answered, once those that must be are, and no more answers come.
func (c *caller) askAll(variants map[string]func(string) string, must []string) map[string]string {
	c.t.Helper()
	names, answers := map[string]string{}, map[string]string{}
	for name, change := range variants {
		c.send(change(c.register("3005")))
		names[fmt.Sprintf("branch=z9hG4bK%d;", c.sent)] = name
	}
	b := make([]byte, 1<<16)
	missing := func(name string) bool { return answers[name] == "" }
	for end := time.Now().Add(2 * answerTime); time.Now().Before(end); {
		_ = c.conn.SetReadDeadline(time.Now().Add(silenceTime / 3))
		n, err := c.conn.Read(b)
		if err != nil && !slices.ContainsFunc(must, missing) {
			return answers
		}
		_, status, _ := strings.Cut(string(b[:n]), " ")
		for branch, name := range names {
			if strings.Contains(status, branch) {
				answers[name] = status[:3]
			}
		}
	}
	c.t.Errorf("no answer to %q", slices.DeleteFunc(must, func(name string) bool { return !missing(name) }))
	return answers
}

const (
	answerTime  = 10 * time.Second // longer than an answer takes on a busy machine
	silenceTime = time.Second      // not too long to wait for none
)

// Whatever this registrar takes for a REGISTER, the guard does too.
func TestQueueEvasions(t *testing.T) {
	need(t)
	variants := map[string]func(string) string{
		"plain":               func(s string) string { return s },
		"lower case":          func(s string) string { return strings.Replace(s, "REGISTER sip", "register sip", 1) },
		"mixed case":          func(s string) string { return strings.Replace(s, "REGISTER sip", "rEgIsTeR sip", 1) },
		"line ends before it": func(s string) string { return "\r\n\r\n" + s },
		"LFs before it":       func(s string) string { return "\n\n\n" + s },
		"CRs before it":       func(s string) string { return "\r\r\r" + s },
		"many line ends":      func(s string) string { return strings.Repeat("\r\n", 15000) + s },
		"blank before it":     func(s string) string { return " " + s },
		"tab before it":       func(s string) string { return "\t" + s },
		"NUL before it":       func(s string) string { return "\x00" + s },
		"four NULs before it": func(s string) string { return "\x00\x00\x00\x00" + s },
		"two blanks":          func(s string) string { return strings.Replace(s, "REGISTER sip", "REGISTER  sip", 1) },
		"tab behind it":       func(s string) string { return strings.Replace(s, "REGISTER sip", "REGISTER\tsip", 1) },
		"fold behind it":      func(s string) string { return strings.Replace(s, "REGISTER sip", "REGISTER\r\n sip", 1) },
		"VT behind it":        func(s string) string { return strings.Replace(s, "REGISTER sip", "REGISTER\vsip", 1) },
		"version in lower case": func(s string) string {
			return strings.Replace(s, "SIP/2.0\r\nVia", "sip/2.0\r\nVia", 1)
		},
		"LF line ends": func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") },
		"compact headers": func(s string) string {
			return strings.NewReplacer("To:", "t:", "From:", "f:", "Call-ID:", "i:", "Via:", "v:").Replace(s)
		},
		"blank before colon": func(s string) string { return strings.Replace(s, "To:", "To \t:", 1) },
		"folded To":          func(s string) string { return strings.Replace(s, "To:", "To:\r\n ", 1) },
		"To in a display":    func(s string) string { return strings.Replace(s, "To: <", "To: \"<sip:1005@switch>\" <", 1) },
		"escaped number":     func(s string) string { return strings.Replace(s, "To: <sip:3", "To: <sip:%33", 1) },
		"To twice":           func(s string) string { return strings.Replace(s, "To:", "To: <sip:1005@switch>\r\nTo:", 1) },
		"To twice, reversed": func(s string) string {
			return strings.Replace(s, "\r\nCall-ID", "\r\nTo: <sip:1005@switch>\r\nCall-ID", 1)
		},
		"300 headers before": func(s string) string { return strings.Replace(s, "Via", strings.Repeat("X: y\r\n", 300)+"Via", 1) },
		"long start line": func(s string) string {
			return strings.Replace(s, "sip:switch ", "sip:switch;x="+strings.Repeat("y", 20000)+" ", 1)
		},
		"NUL at the end":  func(s string) string { return s + "\x00" },
		"no Contact":      func(s string) string { return strings.Replace(s, "Contact", "X-Contact", 1) },
		"tel URI":         func(s string) string { return strings.Replace(s, "To: <sip:3005@switch>", "To: <tel:3005>", 1) },
		"password":        func(s string) string { return strings.Replace(s, "To: <sip:3005@", "To: <sip:3005:1005@", 1) },
		"user parameters": func(s string) string { return strings.Replace(s, "To: <sip:3005@", "To: <sip:3005;x=1005@", 1) },
		"no brackets":     func(s string) string { return strings.Replace(s, "To: <sip:3005@switch>", "To: sip:3005@switch", 1) },
	}
	w := newQueued(t, "closed", "  answers_per_second: 1000\n  ban: {refusals: 0}\n")
	acme, _, _ := w.sides(peers.V4)
	c := newCaller(t, acme, 5070)
	// 401: it is a REGISTER to the registrar.
	answers := c.askAll(variants, []string{"plain", "lower case", "line ends before it", "LF line ends", "folded To"})
	taken := map[string]bool{}
	for name, status := range answers {
		taken[name] = status == "401"
	}
	w.start()
	answers = c.askAll(variants, slices.DeleteFunc(slices.Collect(maps.Keys(taken)), func(name string) bool {
		return !taken[name] || name == "300 headers before" // without all of its headers in reach there is no answer
	}))
	for name := range variants {
		if got := answers[name]; got != "403" && got != "" {
			t.Errorf("%s: the registrar takes it for a REGISTER %v, and the guard answers %q", name, taken[name], got)
		}
		t.Logf("%-22s registrar takes it: %-5v guard: %q", name, taken[name], answers[name])
	}
	// Whatever this registrar skips before a REGISTER, the guard skips.
	for b := range 256 {
		if got := c.ask(string([]byte{byte(b)})+c.register("3005"), 30*time.Millisecond); got == "401" {
			t.Errorf("behind the byte %#x it passes", b)
		}
		if got := c.ask(strings.Replace(c.register("3005"), "REGISTER sip", "REGISTER"+string([]byte{byte(b)})+"sip", 1), 30*time.Millisecond); got == "401" {
			t.Errorf("before the byte %#x it passes", b)
		}
	}
	for c.answer(silenceTime) != "" {
	}
	if got := c.ask(c.register("1005"), answerTime); got != "401" {
		t.Errorf("a good one: %q", got)
	}
}

// rules returns the rules of ours on the switch.
func (w *asking) rules() (ours []string) {
	w.t.Helper()
	for _, save := range []string{"iptables-save", "ip6tables-save"} {
		out, err := w.Switch.Command(w.t.Context(), save).Output()
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "sipward") {
				ours = append(ours, strings.TrimSpace(line))
			}
		}
	}
	return ours
}

// While the agent is away REGISTERs pass, or nothing does, as the file says; the
// next one replaces the rules of one that was killed, and one that stops takes
// them away.
func TestQueueAgentAway(t *testing.T) {
	need(t)
	t.Parallel()
	for fail, unjudged := range map[string]string{"open": "401", failClosed: ""} {
		t.Run(fail, func(t *testing.T) {
			w := newQueued(t, fail, "")
			w.start()
			acme, _, _ := w.sides(peers.V4)
			acme6, _, _ := w.sides(peers.V6)
			callers := []*caller{newCaller(t, acme, 5070), newCaller(t, acme6, 5070)}
			all := func(when, number, want string) {
				t.Helper()
				wait := answerTime
				if want == "" {
					wait = silenceTime
				}
				for _, c := range callers {
					if got := c.ask(c.register(number), wait); got != want {
						t.Errorf("%s, %s: %q, want %q", when, c.from, got, want)
					}
				}
			}
			all("running", "3005", "403")
			all("running", "1005", "401")
			before := w.rules()
			if len(before) == 0 {
				t.Fatal("there are no rules")
			}
			if err := w.agent.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			all("killed", "3005", unjudged)
			all("killed", "1005", unjudged)
			w.send(acme, false, peers.Request{Method: "OPTIONS", User: "3005", Outcome: "200"}, peers.Request{Method: "INVITE", User: "3005", Outcome: "404"})

			w.start()
			if after := w.rules(); !slices.Equal(before, after) {
				t.Errorf("rules were %q, are %q", before, after)
			}
			all("running again", "3005", "403")
			w.send(acme, false, accepted("1005"))
			w.saved("1005")

			// Somebody removes what a crash left.
			if err := w.agent.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.Switch.Run(t.Context(), w.agent.Program, "guard", "rules", "--remove"); err != nil {
				t.Error(err)
			}
			all("killed, rules removed", "3005", "401")

			w.start()
			all("running once more", "3005", "403")
			if err := w.agent.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if left := w.rules(); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			all("stopped", "3005", "401")
		})
	}
}

// A source that is refused too often is dropped in the kernel, until its time is
// over or somebody lifts the ban.
func TestQueueBan(t *testing.T) {
	need(t)
	t.Parallel()
	w := newQueued(t, "open", "  unknown_customer: deny\n  answers_per_second: 1000\n  ban: {refusals: 20, window: 1m, time: 10m}\n")
	w.start()
	// An IPv6 network of the stranger's own: that of the cable is the switch's too,
	// and a ban would hold for all of it.
	far := netip.MustParseAddr("2001:db8:bb::2")
	for host, args := range map[*peers.Host][]string{
		w.CarrierB: {"-6", "addr", "add", far.String() + "/64", "dev", "eth0", "nodad"},
		w.Switch:   {"-6", "route", "add", "2001:db8:bb::/64", "via", peers.V6.CarrierB.String()},
	} {
		if err := host.Run(t.Context(), "ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []peers.Addresses{peers.V4, peers.V6} {
		acme, _, stranger := w.sides(a)
		if a == peers.V6 {
			stranger.local = far
		}
		c, good := newCaller(t, stranger, 5070), newCaller(t, acme, 5070)
		for range 20 {
			if got := c.ask(c.register("5005"), answerTime); got != "403" {
				t.Fatalf("%q", got)
			}
		}
		const options = "OPTIONS sip:switch SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
		err := peers.Poll(t.Context(), 10*time.Second, "the kernel to drop "+c.from.String(), func() (bool, error) {
			return c.ask(fmt.Sprintf(options, c.from), 100*time.Millisecond) == "", nil
		})
		if err != nil {
			t.Error(err)
		}
		if got := good.ask(good.register("1005"), answerTime); got != "401" {
			t.Errorf("another source: %q", got)
		}
		// A customer's address is never banned.
		for range 30 {
			if got := good.ask(good.register("3005"), answerTime); got != "403" {
				t.Fatalf("%q", got)
			}
		}
		if got := good.ask(good.register("1005"), answerTime); got != "401" {
			t.Errorf("a customer: %q", got)
		}
		config := filepath.Join(w.Dir, "agent.yaml")
		out, err := w.Switch.Command(t.Context(), w.agent.Program, "guard", "bans", "--config", config).CombinedOutput()
		prefix := c.from.Addr().String()
		if a == peers.V6 {
			prefix = "2001:db8:bb::/64"
		}
		if err != nil || !strings.Contains(string(out), prefix) {
			t.Errorf("guard bans: %v: %s", err, out)
		}
		if out, err := w.Switch.Command(t.Context(), w.agent.Program, "guard", "bans", "--config", config, "--lift", prefix).CombinedOutput(); err != nil {
			t.Errorf("guard bans --lift: %v: %s", err, out)
		}
		err = peers.Poll(t.Context(), 10*time.Second, "the ban to be lifted", func() (bool, error) {
			return c.ask(fmt.Sprintf(options, c.from), 100*time.Millisecond) == "200", nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A flood of 10,000 REGISTERs a second that are refused: the switch sees none of
// them, and the phones of others register as fast as before.
func TestQueueFlood(t *testing.T) {
	need(t)
	w := newQueued(t, "closed", "")
	w.start()
	acme, globex, _ := w.sides(peers.V4)
	c, attacker := newCaller(t, acme, 5070), newCaller(t, globex, 5070)
	if err := attacker.conn.SetWriteBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	sent := 0
	// Another program on this machine can hold up one round, or two.
	for round, grown := 1, time.Hour; grown > 5*time.Millisecond; round++ {
		calm := c.times(t, 3*time.Second)
		stop, ended := make(chan struct{}), make(chan int)
		before, err := peers.CPUTime(w.agent.PID())
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- attacker.flood(10_000, stop) }()
		flood := c.times(t, 3*time.Second)
		close(stop)
		n := <-ended
		sent += n
		after, err := peers.CPUTime(w.agent.PID())
		if err != nil {
			t.Fatal(err)
		}
		grown = at(flood, 99) - at(calm, 99)
		t.Logf("p50 and p99 of the answers to REGISTERs: calm %v %v, while %d others are refused within 3 s %v %v; %v of processor for each of these",
			at(calm, 50), at(calm, 99), n, at(flood, 50), at(flood, 99), (after-before)/time.Duration(max(n, 1)))
		if n < 27_000 {
			t.Errorf("only %d REGISTERs were sent: the flood was none", n)
		}
		if round == 3 && grown > 5*time.Millisecond {
			t.Errorf("p99 grew by %v", grown)
			break
		}
	}
	answers := 0
	for attacker.answerIs(&answers) {
	}
	if seconds := sent / 10_000; answers < 10*seconds || answers > 3*20+20*seconds { // 20 at once, 10 a second
		t.Errorf("%d answers to the flood", answers)
	}
	err := peers.Poll(t.Context(), 10*time.Second, "the verdicts on all of it", func() (bool, error) {
		return w.verdicts()["refused"] == sent, nil
	})
	s, statusErr := w.agent.Status(t.Context())
	if err != nil || statusErr != nil {
		t.Errorf("%v, %v: refused %d of %d", err, statusErr, w.verdicts()["refused"], sent)
	}
	for _, lost := range []string{"queue_dropped", "socket_dropped", "bypassed"} {
		if n, _ := s.Count("netfilter", lost); n != 0 {
			t.Errorf("%s: %d", lost, n)
		}
	}
	w.saved()
}

// answerIs reads what a flood was answered, and counts it. Nothing but a 403 is right.
func (c *caller) answerIs(n *int) bool {
	got := c.answer(200 * time.Millisecond)
	if got == "" {
		return false
	}
	if got != "403" {
		c.t.Errorf("the flood was answered %q", got)
	}
	*n++
	return true
}

// flood sends so many REGISTERs a second, each a transaction of its own.
func (c *caller) flood(rate int, stop <-chan struct{}) (sent int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for {
		select {
		case <-stop:
			return sent
		case <-tick.C:
		}
		for due := int(time.Since(begin).Seconds() * float64(rate)); sent < due; sent++ {
			c.send(c.register("1005"))
		}
	}
}

// times registers a hundred times a second, and returns how long the answers took.
func (c *caller) times(t *testing.T, d time.Duration) (all []time.Duration) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(d); time.Now().Before(until); <-tick.C {
		begin := time.Now()
		if got := c.ask(c.register("1005"), 5*time.Second); got != "401" {
			t.Fatalf("answered %q", got)
		}
		all = append(all, time.Since(begin))
	}
	return all
}

func at(all []time.Duration, percent int) time.Duration {
	slices.Sort(all)
	return all[len(all)*percent/100]
}
