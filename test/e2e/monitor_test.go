package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// monitorConfig has three customers, one on each cable of the site: acme with
// numbers of its own, two others without. It does not say how REGISTERs are
// guarded: an agent that is told nothing refuses nothing.
const monitorConfig = `
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
  - id: initech
    addresses: [%q, %q]
guard:
  max_contacts: 2
  dir: %s
`

// newMonitored builds a site whose registrar takes whatever has the password, and
// an agent that watches.
func newMonitored(t *testing.T) *asking {
	t.Helper()
	w := &asking{Site: newSite(t), t: t}
	w.registrar = &peers.Registrar{Host: w.Switch,
		Listen: []netip.Addr{peers.V4.ToCustomer, peers.V4.ToA, peers.V4.ToB, peers.V6.ToCustomer, peers.V6.ToA, peers.V6.ToB}}
	if err := w.registrar.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	program, err := peers.BuildAgent(t.Context(), w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.agent = &peers.Agent{Host: w.Switch, Program: program, Config: fmt.Sprintf(monitorConfig, liveCapture,
		peers.V4.Customer, peers.V6.Customer, peers.V4.CarrierA, peers.V6.CarrierA, peers.V4.CarrierB, peers.V6.CarrierB,
		filepath.Join(w.Dir, "guard"))}
	return w
}

// counted waits until the agent has counted these verdicts, by "customer verdict
// reason", and no others.
func (w *asking) counted(want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	err := peers.Poll(w.t.Context(), 10*time.Second, "the verdicts", func() (bool, error) {
		s, err := w.agent.Status(w.t.Context())
		if err != nil {
			return false, err
		}
		clear(got)
		for _, v := range s.Guard.Verdicts {
			if v.Count > 0 {
				got[v.Customer+" "+v.Verdict+" "+v.Reason] += v.Count
			}
		}
		return fmt.Sprint(got) == fmt.Sprint(want), nil
	})
	if err != nil {
		w.t.Errorf("%v:\nhave %v\nwant %v", err, got, want)
	}
}

// listed waits until `guard bindings` or `guard strays` shows these, as "number
// customer stray", in their order.
func (w *asking) listed(what string, want ...string) (list []peers.AgentBinding) {
	w.t.Helper()
	var got []string
	err := peers.Poll(w.t.Context(), 10*time.Second, "guard "+what, func() (_ bool, err error) {
		list, err = w.agent.Bindings(w.t.Context(), what)
		got = nil
		for _, b := range list {
			got = append(got, strings.TrimSpace(b.Number+" "+b.Customer+" "+b.Stray))
		}
		slices.Sort(got)
		return slices.Equal(got, want), err
	})
	if err != nil {
		w.t.Errorf("%v: %q, want %q", err, got, want)
	}
	return list
}

// agrees waits until the agent has the contacts that the registrar has: one of
// each user, host and port.
func (w *asking) agrees(when string) {
	w.t.Helper()
	var want, got string
	err := peers.Poll(w.t.Context(), 10*time.Second, "the agent and the registrar to agree", func() (bool, error) {
		saved, err := w.registrar.Contacts(w.t.Context())
		if err != nil {
			return false, err
		}
		list, err := w.agent.Bindings(w.t.Context(), "bindings")
		have := map[string][]string{}
		for _, b := range list {
			have[b.Number] = append(have[b.Number], b.Contact)
		}
		for _, m := range []map[string][]string{saved, have} {
			for number := range m {
				for i, c := range m[number] {
					c, _, _ = strings.Cut(c, ";")
					c, _, _ = strings.Cut(c, "?")
					m[number][i] = strings.Replace(c, "sips:", "sip:", 1)
				}
				slices.Sort(m[number])
				m[number] = slices.Compact(m[number])
			}
		}
		want, got = fmt.Sprint(saved), fmt.Sprint(have)
		return got == want, err
	})
	if err != nil {
		w.t.Errorf("%s: %v:\nhave %s\nwant %s", when, err, got, want)
	}
}

// A registrar that nobody guards saves everything. The agent says what it would
// have refused, and knows who is registered and should not be.
func TestMonitor(t *testing.T) {
	need(t)
	t.Parallel()
	for _, v := range []struct {
		name      string
		addresses peers.Addresses
		tcp       bool
	}{{"UDP", peers.V4, false}, {"TCP", peers.V4, true}, {"UDP-IPv6", peers.V6, false}, {"TCP-IPv6", peers.V6, true}} {
		t.Run(v.name, func(t *testing.T) {
			w := newMonitored(t)
			w.start()
			acme, globex, initech := w.sides(v.addresses)
			foreign, big := accepted("5006"), accepted("3006")
			foreign.Username = "1005"
			big.Pad = strings.Repeat("x", 3000) // in fragments, where it goes by UDP
			w.send(acme, v.tcp, accepted("1005"), accepted("3005"), accepted("100"), accepted("alice"), big)
			w.send(globex, v.tcp, accepted("1006"), accepted("5005"), foreign)
			w.bound(8)
			w.send(initech, v.tcp, accepted("5005"))
			three := accepted("5007")
			for port := range 3 {
				three.Contact += fmt.Sprintf(", <sip:5007@192.0.2.77:%d>", 5060+port)
			}
			three.Contact = three.Contact[2:]
			w.send(initech, v.tcp, three)
			w.saved("1005", "3005", "100", "alice", "3006", "1006", "5005", "5006", "5007")
			// Each is sent twice: without credentials it is a transaction of its own,
			// and only with them there is a user name in it.
			counts := map[string]int{
				"acme passed allowed": 2, "acme would_refuse outside_blocks": 6, "acme would_refuse non_numeric": 2,
				"globex would_refuse foreign_block": 2, "globex passed allowed": 3, "globex would_refuse foreign_username": 1,
				"initech would_refuse in_use": 2, "initech would_refuse too_many_contacts": 2,
			}
			w.counted(counts)
			w.bound(12)
			for _, b := range w.listed("strays", "100 acme outside_blocks", "1006 globex foreign_block", "3005 acme outside_blocks", "3006 acme outside_blocks", "alice acme non_numeric") {
				from := acme
				if b.Customer == "globex" {
					from = globex
				}
				if !strings.Contains(b.Source, from.local.String()) || b.ExpiresUnixMs < time.Now().Add(500*time.Second).UnixMilli() {
					t.Errorf("a stray from %s is shown as %+v", from.local, b)
				}
			}
			if s, err := w.agent.Status(t.Context()); err != nil || s.Guard.Strays != 5 || s.Guard.Mode != "monitor" {
				t.Errorf("%v: %d strays in mode %s, want 5", err, s.Guard.Strays, s.Guard.Mode)
			}

			// Whoever leaves may.
			w.send(acme, v.tcp, gone("3005"), gone("100"), gone("alice"))
			everything := gone("1006")
			everything.Everything = true
			w.send(globex, v.tcp, everything)
			counts["acme passed deregistration"], counts["globex passed deregistration"] = 6, 2
			w.counted(counts)
			w.listed("strays", "3006 acme outside_blocks")
			w.bound(8)
			w.others(acme, v.tcp)
			w.counted(counts)

			w.checks(acme, globex, initech)
			w.counted(counts) // to ask counts nothing
			w.metrics(counts, 8, 1)
		})
	}
}

// checks asks the agent why, of numbers as TestMonitor leaves them.
func (w *asking) checks(acme, globex, initech side) {
	w.t.Helper()
	for _, c := range []struct {
		user    string
		from    side
		args    []string
		verdict string
		reason  string
		block   string
		holder  string
	}{
		{"1005", acme, nil, "passed", "allowed", "1000-1999", ""},
		{"+1005", acme, nil, "passed", "allowed", "1000-1999", ""},
		{"3005", acme, nil, "would_refuse", "outside_blocks", "1000-1999", ""},
		{"3005", acme, []string{"--expires", "0"}, "passed", "deregistration", "", ""},
		{"bob", acme, nil, "would_refuse", "non_numeric", "", ""},
		{"1006", globex, nil, "would_refuse", "foreign_block", "1000-1999", "acme"},
		{"5009", globex, []string{"--username", "1005"}, "would_refuse", "foreign_username", "1000-1999", "acme"},
		{"5006", initech, nil, "would_refuse", "in_use", "", "globex"},
		{"5007", initech, nil, "would_refuse", "too_many_contacts", "", ""},
	} {
		v, err := w.agent.Check(w.t.Context(), c.user, c.from.local, c.args...)
		if err != nil {
			w.t.Error(err)
			continue
		}
		if v.Verdict != c.verdict || v.Reason != c.reason || v.Holder != c.holder || v.Block != c.block {
			w.t.Errorf("guard check %s from %s %q: %+v, want %s %s %q %q", c.user, c.from.local, c.args, *v, c.verdict, c.reason, c.block, c.holder)
		}
		if n := len(v.Steps); n == 0 || !v.Steps[n-1].Decides || v.Steps[n-1].Check != c.reason || v.Steps[n-1].Text == "" {
			w.t.Errorf("guard check %s: it is not the last step that decides: %+v", c.user, v.Steps)
		}
	}
}

// metrics compares what Prometheus gets with what status says.
func (w *asking) metrics(verdicts map[string]int, bindings, strays int) {
	w.t.Helper()
	m, err := w.agent.Metrics(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	total := 0.0
	for name, v := range m {
		if strings.HasPrefix(name, "sipward_register_verdicts_total{") {
			total += v
		}
	}
	sum := 0
	for key, n := range verdicts {
		f := strings.Fields(key)
		name := fmt.Sprintf(`sipward_register_verdicts_total{customer=%q,reason=%q,verdict=%q}`, f[0], f[2], f[1])
		if got, ok := m[name]; !ok || int(got) != n {
			w.t.Errorf("%s is %v (there: %v), want %d", name, got, ok, n)
		}
		sum += n
	}
	w.equal("verdicts in all metrics", int(total), sum)
	w.equal("sipward_strays", int(m["sipward_strays"]), strays)
	w.equal("sipward_bindings", int(m["sipward_bindings"]), bindings)
}

// Ordinary phones register, whatever the blocks say, and are known with what
// they sent.
func TestMonitorPhones(t *testing.T) {
	need(t)
	t.Parallel()
	w := newMonitored(t)
	w.start()
	acme, globex, _ := w.sides(peers.V4)
	for number, at := range map[string]side{"1005": acme, "1006": globex} {
		phone := &peers.Phone{Host: at.host, Number: number, Local: at.local, Switch: at.remote, Password: "secret"}
		if err := phone.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := phone.WaitLog(t.Context(), "200 OK"); err != nil {
			t.Error(err)
		}
	}
	w.saved("1005", "1006")
	w.listed("bindings", "1005 acme", "1006 globex foreign_block")
	w.listed("strays", "1006 globex foreign_block")
	w.counted(map[string]int{"acme passed allowed": 2, "globex would_refuse foreign_block": 2})
}

// Bindings are what the registrar says they are, over time and over a crash of
// the agent.
func TestMonitorBindings(t *testing.T) {
	need(t)
	t.Parallel()
	w := newMonitored(t)
	w.start()
	acme, globex, initech := w.sides(peers.V4)
	at := func(r peers.Request, contacts ...string) peers.Request {
		r.Contact = strings.Join(contacts, ", ")
		return r
	}
	const desk, soft, short = "<sip:1005@192.0.2.2:5060>", "<sip:1005@192.0.2.2:5070>", "<sip:1005@192.0.2.2:5080>;expires=2"
	w.send(acme, false, at(accepted("1005"), desk, soft))
	first := w.listed("bindings", "1005 acme", "1005 acme")

	// Again: two, that last longer.
	again := at(accepted("1005"), desk, soft)
	again.Expires = 1200
	w.send(acme, false, again)
	err := peers.Poll(t.Context(), 10*time.Second, "bindings to last longer", func() (bool, error) {
		list, err := w.agent.Bindings(t.Context(), "bindings", "--number", "1005")
		return err == nil && len(list) == 2 && min(list[0].ExpiresUnixMs, list[1].ExpiresUnixMs) > first[0].ExpiresUnixMs+500_000, err
	})
	if err != nil {
		t.Error(err)
	}

	// One leaves, and one comes for a short time.
	w.send(acme, false, at(accepted("1005"), soft+";expires=0"))
	if list := w.listed("bindings", "1005 acme"); len(list) != 1 || !strings.Contains(list[0].Contact, "5060") {
		t.Errorf("what is left is %+v", list)
	}
	begun := time.Now()
	w.send(acme, false, at(accepted("1005"), short))
	w.bound(2)
	w.bound(1)
	if lasted := time.Since(begun); lasted < 2*time.Second {
		t.Errorf("a binding of 2 s was gone after %v", lasted)
	}

	// The agent is killed when what it knows is on the disk. One binding ends
	// while it is away.
	w.send(globex, false, accepted("5005"), accepted("1006"), at(accepted("5008"), "<sip:5008@198.51.100.2>;expires=3"))
	w.bound(4)
	begun = time.Now()
	saves := -1
	err = peers.Poll(t.Context(), 10*time.Second, "the bindings to be saved", func() (bool, error) {
		s, err := w.agent.Status(t.Context())
		if err != nil {
			return false, err
		}
		n, ok := s.Count("guard", "saves")
		if saves < 0 {
			saves = n
		}
		return ok && n > saves || time.Since(begun) > 1500*time.Millisecond, nil // they are once a second, when there is anything to save
	})
	if err != nil {
		t.Error(err)
	}
	if err := w.agent.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = peers.Poll(t.Context(), 10*time.Second, "a binding to end", func() (bool, error) { return time.Since(begun) > 3100*time.Millisecond, nil })
	if err != nil {
		t.Error(err)
	}
	w.start()
	w.listed("bindings", "1005 acme", "1006 globex foreign_block", "5005 globex")
	w.listed("strays", "1006 globex foreign_block")
	w.send(initech, false, accepted("5005"))
	w.counted(map[string]int{"initech would_refuse in_use": 2})
	w.send(acme, false, peers.Request{Method: "REGISTER", User: "1005", Everything: true, Challenged: true, Outcome: "200"})
	w.listed("bindings", "1006 globex foreign_block", "5005 globex", "5005 initech")
}

// Whatever contacts a phone writes, the agent has those that the registrar has.
func TestMonitorContacts(t *testing.T) {
	need(t)
	t.Parallel()
	w := newMonitored(t)
	w.start()
	acme, _, _ := w.sides(peers.V4)
	const (
		a, b, c = "<sip:1005@192.0.2.2:5060>", "<sip:1005@192.0.2.2:5070>", "<sip:1005@192.0.2.2:5080>"
		phone   = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"`
	)
	var many []string
	for port := range 12 {
		many = append(many, fmt.Sprintf("<sip:1006@192.0.2.2:%d>", 6000+port))
	}
	for _, step := range []struct{ user, contact string }{
		{"1005", a + "," + b},
		{"1005", b + ";expires=1200"},
		{"1005", a + ";expires=0, " + c},
		{"1005", a + ";expires=0"}, // is not there
		{"1005", `"Desk, first <floor>" ` + a + `;q=0.7;expires=300 , ` + b + ";q=0.1"},
		{"1005", "sip:1005@192.0.2.2:5090;expires=500"},
		{"1005", "<sip:someone@phone.example>"},
		{"1005", "<sip:1005@192.0.2.2:5060;transport=tcp>"},
		{"1005", "<sip:1005@192.0.2.2:5060;ob>"},
		{"1006", strings.Join(many, ",")},
		{"1006", strings.Join(many[:11], ";expires=0,") + ";expires=0"},
		{"1007", "<sip:1007@192.0.2.2:5060>" + phone},
		{"1007", "<sip:1007@192.0.2.2:5062>" + phone},
		{"1008", "<sip:1008@192.0.2.2:5060;ob>;reg-id=1" + phone},
		{"1008", "<sip:1008@192.0.2.2:5062;ob>;reg-id=1" + phone},
		{"1008", "<sip:1008@192.0.2.2:5064;ob>;reg-id=2" + phone},
		{"1009", "<sips:1009@192.0.2.2>, <tel:1009>"},
		{"1010", "<sip:1010@192.0.2.2:5060;maddr=192.0.2.9;x=%41>, <sip:1010@192.0.2.2:5060?Route=%3Csip:a%3E>"},
	} {
		r := accepted(step.user)
		r.Contact = step.contact
		w.send(acme, false, r)
		w.agrees(step.user + " " + step.contact)
	}
	for _, user := range []string{"1005", "1006", "1007", "1008", "1009", "1010", "1011"} {
		w.send(acme, true, peers.Request{Method: "REGISTER", User: user, Everything: true, Challenged: true, Outcome: "200"})
	}
	w.agrees("all gone")
	w.saved()
}

// What would have been refused, and what is registered and should not be, is in
// the collector's database.
func TestMonitorCollector(t *testing.T) {
	need(t)
	t.Parallel()
	w := newMonitored(t)
	collector := newCollector(t, w.Site)
	uplink, err := collector.AddNode(t.Context(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	w.agent.Config += uplink
	w.start()
	acme, globex, initech := w.sides(peers.V4)
	w.send(acme, false, accepted("1005"), accepted("3005"), accepted("alice"))
	w.send(globex, true, accepted("1006"))
	w.send(globex, false, accepted("5005"))
	w.bound(5)
	w.send(initech, false, accepted("5005"))
	w.bound(6)

	// As numbers of protobuf: 13 is the block, 14 the holder.
	field := func(number byte, text string) []byte { return append([]byte{number<<3 | 2, byte(len(text))}, text...) }
	want := map[string][]byte{
		"would_refuse outside_blocks acme 3005 192.0.2.2":     nil,
		"stray outside_blocks acme 3005 192.0.2.2":            nil,
		"would_refuse non_numeric acme alice 192.0.2.2":       nil,
		"stray non_numeric acme alice 192.0.2.2":              nil,
		"would_refuse foreign_block globex 1006 198.51.100.2": append(field(13, "1000-1999"), field(14, "acme")...),
		"stray foreign_block globex 1006 198.51.100.2":        append(field(13, "1000-1999"), field(14, "acme")...),
		"would_refuse in_use initech 5005 203.0.113.2":        field(14, "globex"),
	}
	got := map[string]int{}
	records := map[string][]byte{}
	err = peers.Poll(t.Context(), 20*time.Second, "all reports to be in the collector", func() (bool, error) {
		clear(got)
		err := peers.QuerySQLite(t.Context(), filepath.Join(collector.Store(), "telemetry-*.db"), `SELECT node, verdict, reason, customer, number, src, record FROM registrations`, func(rows *sql.Rows) error {
			var node, verdict, reason, customer, number, src string
			var record []byte
			err := rows.Scan(&node, &verdict, &reason, &customer, &number, &src, &record)
			if from, err := netip.ParseAddrPort(src); err == nil {
				src = from.Addr().String()
			}
			if node != "e2e" {
				t.Errorf("a report is of node %q", node)
			}
			key := strings.Join([]string{verdict, reason, customer, number, src}, " ")
			got[key], records[key] = got[key]+1, record
			return err
		})
		if err != nil && strings.Contains(err.Error(), "no such table") {
			err = nil // the file is being made
		}
		return len(got) >= len(want), err
	})
	if err != nil {
		t.Errorf("%v: %v", err, got)
	}
	for key, about := range want {
		if got[key] != 1 {
			t.Errorf("%s: %d reports, want one", key, got[key])
		}
		if !bytes.Contains(records[key], about) {
			t.Errorf("%s: the record does not say %q: %q", key, about, records[key])
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("there are more: %v", got)
	}
}
