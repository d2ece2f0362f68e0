package configs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/party"
)

func reference(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var example = regexp.MustCompile(`(?m)^( *)#([a-z_-].*)$`)

// TestReferenceIsTheDefault reads the reference file as it is shipped.
func TestReferenceIsTheDefault(t *testing.T) {
	got, err := Parse("agent.yaml", []byte(reference(t)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse("empty", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Agent{})); diff != "" {
		t.Error(diff)
	}
	if len(got.Odd()) != 1 || !strings.Contains(got.Odd()[0], "no customers") {
		t.Errorf("odd: %q", got.Odd())
	}
}

// TestReferenceExamples reads the reference file with every example in use.
func TestReferenceExamples(t *testing.T) {
	text := example.ReplaceAllString(reference(t), "$1$2")
	if _, err := Parse("agent.yaml", []byte(text)); err == nil || strings.Count(err.Error(), "come from the centre") != 2 {
		t.Errorf("customers both here and from the centre: %v", err)
	}
	a, err := Parse("agent.yaml", []byte(strings.Replace(text, "public_key_file: ", "#", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if c := a.Customers[0]; c.NonNumeric != Deny || c.MaxContacts != 3 || len(a.Guard.Ban.Allow) != 1 {
		t.Errorf("%+v, %+v", c, a.Guard)
	}
	if a.Node != "switch-1" || len(a.Capture.HEP) != 2 || len(a.Customers[0].Nets) != 3 || a.Customers[0].Blocks[0].Last != "1999" || len(a.Local) != 2 {
		t.Errorf("%+v", a)
	}
	book, err := a.Book(nil)
	if err != nil {
		t.Fatal(err)
	}
	if id := book.ByAddr(netip.MustParseAddr("203.0.113.77")); book.Entry(id).Name != "acme" {
		t.Errorf("%+v", book.Entry(id))
	}
	if id := book.ByNumber("1500"); book.Entry(id).Name != "acme" || book.Entry(id).Channels != 30 {
		t.Errorf("%+v", book.Entry(id))
	}
}

// TestReferenceDocumentsEveryKey checks that each key is in the reference file
// with a comment above it, once for each name.
func TestReferenceDocumentsEveryKey(t *testing.T) {
	lines := strings.Split(reference(t), "\n")
	documented := map[string]bool{}
	for i, l := range lines {
		m := regexp.MustCompile(`^ *#?(?:- )?([a-z_]+):`).FindStringSubmatch(l)
		if m != nil && i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i-1]), "# ") {
			documented[m[1]] = true
		}
		if m != nil && (m[1] == "dtmf" || m[1] == "records" || m[1] == "last" || m[1] == "key_file") {
			documented[m[1]] = true // headings, and pairs explained with their first key
		}
	}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("yaml")
			if key == "" {
				continue
			}
			if !documented[key] {
				t.Errorf("%s.%s: the reference file does not explain %q", typ.Name(), f.Name, key)
			}
			ft := f.Type
			if ft.Kind() == reflect.Slice {
				ft = ft.Elem()
			}
			if ft.Kind() == reflect.Struct && ft.PkgPath() == typ.PkgPath() && ft.Name() != "Prefix" {
				walk(ft)
			}
		}
	}
	walk(reflect.TypeFor[Agent]())
}

func TestParse(t *testing.T) {
	a, err := Parse("a.yaml", []byte(`
node: sw1
capture: {interfaces: [eth0, "br-*"], sip_ports: [5060], filter: classic}
calls:
  media_timeout: never
  max_age: 90m
dtmf: {digits: mask}
customers:
  - id: acme
    addresses: [192.0.2.0/24, "::ffff:198.51.100.1"]
    blocks: [{first: 0100, last: 0199}]
  - id: "42"
    domains: [Example.org]
carriers: [{id: acme, addresses: ["2001:db8::/32"]}]
admin:
  socket: off
records:
`))
	if err != nil {
		t.Fatal(err)
	}
	if a.Calls.MaxAge != 90*time.Minute || a.Calls.MediaTimeout != Never || a.DTMF.Digits != dtmf.Mask ||
		a.Calls.Max != 200_000 || a.Admin.Socket != Off || a.Capture.RingMiB != 16 {
		t.Errorf("%+v", a)
	}
	want := []party.Entry{
		{Name: "acme", Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.1/32")},
			Blocks: []party.Block{{First: "0100", Last: "0199"}}},
		{Name: "42", Kind: party.Customer, Addresses: []netip.Prefix{}, Domains: []string{"Example.org"}},
		{Name: "acme", Kind: party.Carrier, Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
	}
	if diff := cmp.Diff(want, a.Entries(), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"typo", "nod: x", `f:1: unknown key "nod"; did you mean "node"?`},
		{"typo inside", "capture:\n  sip_port: [5060]", `f:2: unknown key "sip_port" in capture; did you mean "sip_ports"?`},
		{"swapped", "clals: {}", `did you mean "calls"?`},
		{"far off", "dtmf: {xyzzy: 1}", `f:1: unknown key "xyzzy" in dtmf; known are digits`},
		{"in a list", "customers:\n - id: a\n   adresses: []", `f:3: unknown key "adresses" in customers[0]; did you mean "addresses"?`},
		{"twice", "node: a\nnode: b", "f:2: "},
		{"not YAML", "node: [", "f:1: "},
		{"two documents", "node: a\n---\nnode: b", "f:3: only one document"},
		{"anchor", "node: &a b", "f:1: node: anchors"},
		{"merge", "calls:\n  <<: {max: 1}", `f:2: `},
		{"tag", "node: !!str b", "f:1: node: anchors"},
		{"list for text", "node: [a]", "f:1: node: expected a text, found sequence"},
		{"text for list", "capture: {interfaces: eth0}", "expected a list, as in [one, two]"},
		{"text for block", "capture: eth0", "capture: expected keys and values, found string"},
		{"number", "calls: {max: lots}", `f:1: calls.max: "lots" is no whole number`},
		{"port", "capture: {sip_ports: [70000]}", `capture.sip_ports[0]: "70000" is no number from 0 to 65535`},
		{"port twice", "capture:\n  sip_ports:\n    - 5060\n    - 5060", `f:4: port 5060 is listed twice`},
		{"bool", "capture: {rtcp: yes}", `"yes" is neither true nor false`},
		{"duration", "calls: {max_age: 12}", `"12" is no duration; write it as 90s, 5m or 12h`},
		{"no age", "calls: {max_age: 0s}", "f:1: must be more than 0"},
		{"media", "calls: {media_timeout: off}", "or never"},
		{"digits", "dtmf: {digits: all}", `f:1: dtmf.digits: "all" is no policy`},
		{"address", "customers: [{id: a, addresses: [1.2.3]}]", `"1.2.3" is neither an IP address`},
		{"host bits", "customers: [{id: a, addresses: [192.0.2.7/24]}]", "write 192.0.2.0/24 for the network or 192.0.2.7 for the host"},
		{"same address", "customers: [{id: a, addresses: [192.0.2.7]}]\ncarriers:\n- {id: b, addresses: [192.0.2.7/32]}", "f:3: address 192.0.2.7 of carrier b belongs to customer a already, in line 1"},
		{"same domain", "customers: [{id: a, domains: [x.org]}, {id: b, domains: [X.org]}]", "domain x.org of customer b belongs to customer a already, in line 1"},
		{"same id", "customers:\n- id: a\n- id: a", "f:3: customer a is listed twice"},
		{"unknown", "customers:\n- id: unknown", "f:2: id \"unknown\""},
		{"no id", "carriers:\n- channels: 2", "f:2: a carrier needs an id"},
		{"block", "customers: [{id: a, blocks: [{first: 100, last: 99}]}]", "two numbers of equal length"},
		{"blocks", "customers:\n- id: a\n  blocks: [{first: 1000, last: 1999}]\n- id: b\n  blocks: [{first: 1500, last: 1500}]",
			"f:5: block 1500-1500 of b overlaps block 1000-1999 of a in line 3"},
		{"hep network", "capture: {hep: [{network: sctp, address: ':9060'}]}", `network "sctp": choose udp, tcp or tls`},
		{"hep address", "capture: {hep: [{network: udp, address: 'here:9060'}]}", `address "here:9060"`},
		{"hep tls", "capture: {hep: [{network: tls, address: ':9060'}]}", "needs cert_file and key_file"},
		{"hep certs", "capture: {hep: [{network: udp, address: ':9060', cert_file: x}]}", "certificates are for network: tls"},
		{"nothing", "capture: {interfaces: []}", "nothing to capture from"},
		{"any and more", "capture: {interfaces: [eth0, any]}", "any includes all interfaces"},
		{"filter", "capture: {filter: xdp}", "choose auto, ebpf or classic"},
		{"promiscuous", "capture: {promiscuous: true}", "promiscuous needs interfaces by name"},
		{"ring", "capture: {ring_mib: 0}", "0 is out of range: from 1 to 1024"},
		{"listen", "admin: {listen: 9464}", `listen "9464": write address:port, or off`},
		{"socket", "admin: {socket: run/x}", "write an absolute path"},
		{"node", "node: a/b", `node "a/b": use 1 to 63 letters`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f" || e.Line < 1 {
				t.Errorf("no file and line in %#v", err)
			}
		})
	}
}

// TestErrorsAreNamedTogether: one run of check is enough.
func TestErrorsAreNamedTogether(t *testing.T) {
	_, err := Parse("f", []byte("carriers:\n- {id: a, chanels: 2}\nnod: x\ncapture: {rtcp: maybe}"))
	want := "f:2: unknown key \"chanels\" in carriers[0]; did you mean \"channels\"?\n" +
		"f:3: unknown key \"nod\"; did you mean \"node\"?\nf:4: capture.rtcp: \"maybe\" is neither true nor false"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestOdd(t *testing.T) {
	a, err := Parse("f", []byte(`local_addresses: [10.0.0.9]
customers:
- id: big
  addresses: [10.0.0.0/8]
- {id: small, addresses: [10.1.0.0/16, 10.1.2.3]}
- {id: none}
- {id: deaf, blocks: [{first: 100, last: 199}]}
- {id: hidden, addresses: [192.0.2.0/24]}
- {id: halves, addresses: [192.0.2.0/25, 192.0.2.128/26, 192.0.2.192/26]}
carriers: [{id: telco}]
dtmf: {digits: store}
admin: {listen: ":9464"}
capture: {hep: [{network: udp, address: ":9060"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(a.Odd(), "\n")
	for _, want := range []string{
		"f:5: 10.1.0.0/16 of customer small lies inside 10.0.0.0/8 of customer big; the longer one wins",
		"f:4: 10.0.0.0/8 of customer big holds 10.0.0.9, an address of the switch itself",
		"f:6: customer none has no addresses", "f:7: nobody can reach the blocks of customer deaf",
		"f:8: 192.0.2.0/24 of customer hidden can match nothing", "f:10: carrier telco has no addresses",
		"f:11: digits are stored", "f:12: figures are served beyond this host", "f:13: anyone who reaches :9060",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Count(got, "can match nothing") != 1 {
		t.Errorf("networks with addresses of their own are not hidden:\n%s", got)
	}
	if strings.Contains(got, "10.1.2.3") {
		t.Errorf("a customer's own nested address is not odd:\n%s", got)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("key", "hunter2\n")
	a, err := Load(write("agent.yaml", "capture:\n  hep:\n  - {network: udp, address: ':9060', auth_key_file: key}\n"))
	if err != nil {
		t.Fatal(err)
	}
	key := a.Capture.HEP[0].AuthKey
	if key.Reveal() != "hunter2" {
		t.Errorf("secret is %q", key.Reveal())
	}
	j, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(j), fmt.Sprint(a.Capture), fmt.Sprintf("%+v %#v %s %q", a.Capture, a.Capture, key, key)} {
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "***") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
	write("empty", "\n")
	for _, file := range []string{"empty", "missing"} {
		p := write("bad.yaml", "capture:\n  hep:\n  - network: udp\n    address: ':9060'\n    auth_key_file: "+file)
		if _, err := Load(p); err == nil || !strings.Contains(err.Error(), "bad.yaml:5: ") || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestFindLocal(t *testing.T) {
	host := func(texts ...string) func() ([]net.Addr, error) {
		return func() (out []net.Addr, _ error) {
			for _, s := range texts {
				ip, n, err := net.ParseCIDR(s)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, &net.IPNet{IP: ip, Mask: n.Mask})
			}
			return out, nil
		}
	}
	a := Defaults()
	for _, step := range []struct {
		host    []string
		changed bool
		want    string
	}{
		{[]string{"127.0.0.1/8", "192.0.2.1/24", "2001:db8::1/64"}, true, "[127.0.0.1 192.0.2.1 2001:db8::1]"},
		{[]string{"2001:db8::1/64", "127.0.0.1/8", "192.0.2.1/24", "192.0.2.1/32"}, false, "[127.0.0.1 192.0.2.1 2001:db8::1]"},
		{[]string{"127.0.0.1/8", "192.0.2.1/24", "192.0.2.9/32"}, true, "[127.0.0.1 192.0.2.1 192.0.2.9]"},
		{[]string{"127.0.0.1/8"}, true, "[127.0.0.1]"},
		{nil, true, "[]"},
		{[]string{"127.0.0.1/8"}, true, "[127.0.0.1]"},
	} {
		changed, err := a.FindLocal(host(step.host...))
		if err != nil || changed != step.changed || fmt.Sprint(a.Local) != step.want {
			t.Errorf("%v: %v, changed %t, %v", step.host, a.Local, changed, err)
		}
	}
	failing := func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	if changed, err := a.FindLocal(failing); err == nil || changed || len(a.Local) != 1 || !strings.Contains(err.Error(), "set local_addresses") {
		t.Errorf("what was known must stay: %v, %v", a.Local, err)
	}
	a, err := Parse("f", []byte("local_addresses: [192.0.2.1]"))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := a.FindLocal(failing); err != nil || changed || len(a.Local) != 1 {
		t.Errorf("addresses that are set must stay: %v, %v", a.Local, err)
	}
}

func TestBookKeepsIDs(t *testing.T) {
	load := func(before *party.Book, text string) *party.Book {
		a, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := a.Book(before)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := load(nil, "customers: [{id: a, domains: [a.org]}, {id: b, domains: [b.org]}]")
	two := load(one, "customers: [{id: b, domains: [b.org]}, {id: c, domains: [c.org]}]")
	if one.ByDomain("b.org") != two.ByDomain("b.org") || two.ByDomain("a.org") != party.Unknown {
		t.Error("a party that stayed has another ID, or one that went was found")
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("agent.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add(example.ReplaceAllString(string(b), "$1$2"))
	for _, s := range []string{"", "a", "- a", "node: [", "node: {a: b}", "? a", "node: |\n  x", "---\n---", "capture: {hep: [{}]}", "calls: {max: 99999999999999999999}", "\x00", "%YAML 1.1\n---\nnode: a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			t.Skip("deep nesting takes the square of its length")
		}
		a, err := Parse("f", []byte(text))
		if err == nil {
			if _, err := a.Book(nil); err != nil {
				t.Errorf("a file that was accepted makes no book: %v", err)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Line < 1 {
			t.Errorf("no line in %v", err)
		}
	})
}
