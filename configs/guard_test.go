package configs

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

func TestGuardErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"mode", "guard: {mode: off}", `f:1: guard.mode: "off" is no mode; choose monitor, nfqueue or authorize`},
		{"proxy", "guard:\n  mode: proxy", "f:2: guard.mode: mode proxy is not there yet; choose monitor, nfqueue or authorize"},
		{"fail", "guard: {fail: shut}", `f:1: fail "shut": choose open or closed`},
		{"unknown customer", "guard: {unknown_customer: maybe}", `guard.unknown_customer: "maybe" is neither allow nor deny`},
		{"contacts", "guard: {max_contacts: -1}", "-1 is out of range: from 0 to 128"},
		{"bindings", "guard: {max_bindings: 0}", "0 is out of range: from 1 to 10000000"},
		{"dir", `guard: {dir: ""}`, "f:1: name a folder for bindings and the table"},
		{"queue", "guard: {queue: 65536}", "65536 is out of range: from 0 to 65535"},
		{"no queues", "guard: {queues: 0}", "0 is out of range: from 1 to 64"},
		{"queues beyond the last", "guard:\n  queue: 65535\n  queues: 2", "f:3: guard.queues: 2 is out of range: from 1 to 1"},
		{"firewall", "guard: {firewall: pf}", `firewall "pf": choose auto, iptables, nft or none`},
		{"answers", "guard: {answers_per_second: 1001}", "1001 is out of range: from 1 to 1000"},
		{"refusals", "guard: {ban: {refusals: -1}}", "-1 is out of range: from 0 to 1000000"},
		{"window", "guard: {ban: {window: 500ms}}", "500ms is out of range: from 1s to 24h0m0s"},
		{"time", "guard:\n  ban:\n    time: 577h", "f:3: 577h0m0s is out of range: from 1s to 576h0m0s"},
		{"allow", "guard: {ban: {allow: [here]}}", `guard.ban.allow[0]: "here" is neither an IP address`},
		{"listen", "guard: {authorize: {listen: 9466}}", `listen "9466": write address:port, or off`},
		{"beyond this host", "guard:\n  authorize: {listen: '192.0.2.1:9466'}", `f:2: listen "192.0.2.1:9466": whoever asks learns who owns which number; listen on loopback`},
		{"everywhere", "guard: {authorize: {listen: ':9466'}}", "listen on loopback"},
		{"admin's address", "guard: {authorize: {listen: '127.0.0.1:9464'}}", "guard.authorize.listen: 127.0.0.1:9464 is taken by admin.listen"},
		{"socket", "guard: {authorize: {socket: x}}", `socket "x": write an absolute path of at most 100 characters, or off`},
		{"admin's socket", "guard: {authorize: {socket: /run/sipward/agent.sock}}", "is admin.socket already"},
		{"nowhere", "guard: {mode: authorize, authorize: {listen: off}}", "f:1: mode authorize needs a place where the switch can ask"},
		{"non_numeric", "customers: [{id: a, non_numeric: never}]", `customers[0].non_numeric: "never" is neither allow nor deny`},
		{"contacts of a customer", "customers:\n- id: a\n  max_contacts: -1", "f:3: customers[0].max_contacts: -1 is out of range"},
		{"two tables", "table: {public_key_file: k}\ncustomers: [{id: a}]", "f:2: customers come from the centre, as table.public_key_file says"},
		{"two tables of carriers", "table: {public_key_file: k}\ncarriers:\n- {id: a}", "f:2: carriers come from the centre"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	a, err := Parse("f", []byte(`
guard:
  mode: nfqueue
  fail: closed
  unknown_customer: deny
  max_contacts: 0
  queues: 4
  ban: {refusals: 0, allow: [192.0.2.0/24, "2001:db8::1"]}
  authorize: {listen: "[::1]:9466", socket: off}
customers: [{id: a, domains: [a.org], non_numeric: allow, max_contacts: 2}]
`))
	if err != nil {
		t.Fatal(err)
	}
	g := a.Guard
	if g.Mode != NFQueue || g.Fail != FailClosed || g.Queue != 5060 || g.Queues != 4 || g.Firewall != FirewallAuto ||
		g.Ban.Refusals != 0 || g.Ban.Time != 10*time.Minute || len(g.Ban.Allow) != 2 {
		t.Errorf("%+v", g)
	}
	if diff := cmp.Diff(register.Policy{UnknownCustomer: party.Deny}, g.Policy()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(register.Policy{UnknownCustomer: party.Allow, MaxContacts: 10}, (&Defaults().Guard).Policy()); diff != "" {
		t.Error(diff)
	}
	if e := a.Entries()[0]; e.NonNumeric != party.Allow || e.MaxContacts != 2 {
		t.Errorf("%+v", e)
	}
	if listen, socket := g.Authorize.Places(); listen != "[::1]:9466" || socket != "" {
		t.Errorf("%q, %q", listen, socket)
	}
}

func TestGuardOdd(t *testing.T) {
	for text, want := range map[string]string{
		"guard: {fail: closed}":                          "f:1: fail: closed is for mode nfqueue; monitor refuses nothing",
		"guard: {fail: closed, mode: authorize}":         "in mode authorize the switch decides",
		"guard: {fail: closed, mode: nfqueue}":           "",
		"guard: {authorize: {socket: /run/x}}":           "f:1: nobody can ask",
		"guard: {mode: nfqueue, unknown_customer: deny}": "f:1: there is no customer: nobody can register",
		"guard: {unknown_customer: deny}":                "",
	} {
		a, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(a.Odd()[1:], "\n"); !strings.Contains(got, want) || want == "" && got != "" { // the first: no customers
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	a, err := Parse("f", []byte("\ntable: {public_key_file: k}\nguard: {mode: nfqueue, unknown_customer: deny}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.Odd(), "\n"); got != "f:2: no new table can come without uplink.brokers: the last one stays in force" {
		t.Errorf("got %q", got)
	}
}

// TestGuardPaths: they begin at the folder of the file, as all others do.
func TestGuardPaths(t *testing.T) {
	a := Defaults()
	a.Guard.Dir, a.Table.PublicKeyFile = "state", "table.pub"
	a.readFiles(&decoder{}, "/x")
	if a.Guard.Dir != filepath.Join("/x", "state") || a.Table.PublicKeyFile != filepath.Join("/x", "table.pub") {
		t.Errorf("%q, %q", a.Guard.Dir, a.Table.PublicKeyFile)
	}
}
