package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSlips: what people get wrong is named with its line, and with what to write. A
// slip has no other problems in its train.
func TestSlips(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"tab":               {"capture:\n\tinterfaces: [eth0]", "f:2: a tab where spaces should be: YAML is indented by spaces alone"},
		"key twice":         {"node: a\nadmin: {listen: off}\nnode: b", `f:3: key "node" is given twice, first in line 1`},
		"key twice, flow":   {"{node: a, 'node': b}", `key "node" is given twice, first in line 1`},
		"indented too far":  {"node: a\n  admin: b", "f:1: mapping value is not allowed in this context: is this line, or the next, indented too far"},
		"brackets":          {"customers: [{id: a, addresses: ['[2001:db8::1]']}]", `"[2001:db8::1]": write an IPv6 address without brackets and port`},
		"zone":              {"customers: [{id: a, addresses: ['fe80::1%eth0']}]", `"fe80::1%eth0": write the address without its zone, which is %eth0`},
		"own network":       {"local_addresses:\n- 192.0.2.1/24", `f:2: local_addresses[0]: "192.0.2.1/24" is no IP address; write it alone, as in 192.0.2.1`},
		"port too large":    {"admin: {listen: '127.0.0.1:99999'}", `listen "127.0.0.1:99999": write address:port, or off; ports are numbers up to 65535`},
		"port by name":      {"admin: {listen: 'localhost:http'}", "; ports are numbers up to 65535"},
		"no brackets":       {"admin: {listen: '::1:9464'}", "; an IPv6 address stands in brackets, as in [::1]:9464"},
		"host name":         {"admin: {listen: 'switch:9464'}", "; it needs an IP address: what a name means can change"},
		"channels":          {"customers: [{id: a, channels: -1}]", "channels: -1 is less than 0; 0 means that no limit is given"},
		"budget alone":      {"spool: {budget_mib: 64}", "spool.budget_mib: 64 is out of range: from 128 to 16777216"},
		"broker's port":     {"uplink: {brokers: ['mqtt://h:99999']}", `broker "mqtt://h:99999": ports are numbers from 1 to 65535`},
		"no broker":         {"uplink: {brokers: ['h:8883'], cert_file: a, key_file: a}", "the URL of a broker cannot be read"},
		"one port, twice":   {"capture:\n  hep:\n  - {network: tcp, address: ':9464'}", "f:3: capture.hep[0].address: :9464 is taken by admin.listen 127.0.0.1:9464 already; choose another port"},
		"authorize":         {"guard: {mode: authorize, authorize: {listen: '127.0.0.1:9464'}}", "guard.authorize.listen: 127.0.0.1:9464 is taken by admin.listen"},
		"the same listener": {"capture: {hep: [{network: udp, address: ':9060'}, {network: udp, address: '[::]:9060'}]}", "capture.hep[1].address: [::]:9060 is taken by capture.hep[0].address :9060"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	for name, text := range map[string]string{
		"byte order mark": "\ufeffnode: a",
		"two networks":    "capture: {hep: [{network: udp, address: ':9060'}, {network: tcp, address: ':9060'}]}",
		"two addresses":   "capture: {hep: [{network: tcp, address: '127.0.0.2:9464'}]}",
		"any port":        "admin: {listen: ':0'}\ncapture: {hep: [{network: tcp, address: ':0'}]}",
	} {
		if _, err := Parse("f", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ParseCollector("f", []byte("web: {listen: ':9465', behind_proxy: true}"))
	if err == nil || !strings.Contains(err.Error(), "web.listen: :9465 is taken by admin.listen 127.0.0.1:9465 already") {
		t.Errorf("the collector's: %v", err)
	}
}

// TestAdminOf: a file with problems, or with files that the reader may not read, still
// says where the running program is asked.
func TestAdminOf(t *testing.T) {
	usual := Defaults().Admin
	for text, want := range map[string]string{
		"":                                usual.Socket,
		"admin: {socket: /run/a}":         "/run/a",
		"foo: 1\nadmin: {socket: /run/a}": "/run/a",
		"uplink: {ca_file: /no}\nadmin: {socket: /run/a}": "/run/a",
		"admin: {socket: not-absolute}":                   usual.Socket,
		"admin: [":                                        usual.Socket,
	} {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := AdminOf(file, usual); got.Socket != want || got.Listen != usual.Listen {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
	if got := AdminOf("/no/such/file", usual); got != usual {
		t.Errorf("no file: %v", got)
	}
}

func TestOddProxy(t *testing.T) {
	for text, want := range map[string]string{
		"web:\n  listen: 0.0.0.0:9480\n  behind_proxy: true": "f:2: whoever reaches 0.0.0.0:9480 beside the proxy",
		"web: {behind_proxy: true}":                          "",
	} {
		c, err := ParseCollector("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Odd(), "\n"); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
