package configs

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func collectorReference(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCollectorReferenceIsTheDefault reads the reference file as it is shipped.
func TestCollectorReferenceIsTheDefault(t *testing.T) {
	got, err := ParseCollector("collector.yaml", []byte(collectorReference(t)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParseCollector("empty", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Collector{})); diff != "" {
		t.Error(diff)
	}
	if len(got.Odd()) != 0 {
		t.Errorf("odd: %q", got.Odd())
	}
}

// TestCollectorReferenceExamples reads the reference file with every example in use.
func TestCollectorReferenceExamples(t *testing.T) {
	text := strings.Replace(example.ReplaceAllString(collectorReference(t), "$1$2"), "url: sqlite", "url: postgres://sipward@db/sipward", 1)
	c, err := ParseCollector("collector.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "collector-1" || len(c.External.Brokers) != 2 || c.External.ShareFile == "" || len(c.Embedded.Names) != 2 || c.External.Username == "" {
		t.Errorf("%+v", c)
	}
}

// TestCollectorReferenceDocumentsEveryKey checks that each key is in the
// reference file below its section, and that a comment explains it or the key
// that it goes together with.
func TestCollectorReferenceDocumentsEveryKey(t *testing.T) {
	lines := strings.Split(collectorReference(t), "\n")
	documented := map[string]bool{}
	section, below := "", ""
	for i, l := range lines {
		key, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimLeft(l, " "), "#"), ":")
		if !ok || strings.ContainsAny(key, " `") || i == 0 {
			continue
		}
		explained := strings.HasPrefix(strings.TrimSpace(lines[i-1]), "# ")
		if strings.HasPrefix(l, "    ") {
			documented[below+"."+key] = explained
			continue
		}
		if strings.HasPrefix(l, " ") {
			below = key
			documented[section+"."+key] = explained || key == "key_file"
			continue
		}
		section = key
		documented[key] = explained
	}
	var walk func(typ reflect.Type, above string)
	walk = func(typ reflect.Type, above string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("yaml")
			if key == "" {
				continue
			}
			if !documented[above+key] {
				t.Errorf("the reference file does not explain %q", above+key)
			}
			delete(documented, above+key)
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, key+".")
			}
		}
	}
	walk(reflect.TypeFor[Collector](), "")
	for key := range documented {
		t.Errorf("the reference file has %q, which no one reads", key)
	}
}

func TestCollectorErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"typo", "dat: /x", `f:1: unknown key "dat"; did you mean "data"?`},
		{"typo inside", "embedded:\n  lisn_tls: ':1'", `f:2: unknown key "lisn_tls" in embedded; did you mean "listen_tls"?`},
		{"id", "id: a/b", `f:1: id "a/b": use 1 to 63 letters`},
		{"data", `data: ""`, "f:1: name a folder"},
		{"listener", "embedded: {listen: here}", `f:1: "here": write address:port`},
		{"off", "embedded: {listen: off, listen_tls: off}", "f:1: both listeners are off"},
		{"name", "embedded: {names: ['a b']}", `"a b" is neither a host name nor an IP address`},
		{"broker", "external: {brokers: ['http://x:1']}", `broker "http://x:1": choose mqtts`},
		{"broker's password", "external: {brokers: ['mqtt://u:secret@x:1']}", "a password has no place in the URL"},
		{"broker twice", "external: {brokers: ['mqtt://x:1', 'mqtt://x:1']}", "is listed twice"},
		{"unused", "external:\n  username: x", "f:1: nothing here is used without external.brokers"},
		{"user alone", "external: {brokers: ['mqtt://x:1'], username: x}", "username and password_file go together"},
		{"half a pair", "external: {brokers: ['mqtts://x:1'], cert_file: x}", "cert_file and key_file go together"},
		{"no TLS", "external: {brokers: ['mqtt://x:1'], ca_file: x}", "certificates need a broker by mqtts://"},
		{"store", "store: {url: mysql://x}", `f:1: store "mysql://x": write sqlite, or postgres://`},
		{"store's password", "store: {url: 'postgres://u:secret@db/x'}", `store "postgres://***@db/x": a password does not belong into a URL`},
		{"sqlite's password", "store: {password_file: x}", "sqlite has no password"},
		{"days", "retention: {calls: 90}", `f:1: retention.calls: "90" is no number of days; write it as 90d, or forever`},
		{"no days", "retention: {telemetry: 0d}", `"0d" is no number of days`},
		{"listen", "admin: {listen: 9465}", `listen "9465": write address:port, or off`},
		{"socket", "admin: {socket: x}", "write an absolute path"},
		{"dashboard", "web: {listen: here}", `listen "here": write address:port, or off`},
		{"dashboard in clear", "web: {listen: ':80'}", "passwords would cross the network in clear"},
		{"half a certificate", "web: {cert_file: x}", "cert_file and key_file go together"},
		{"two who speak TLS", "web: {cert_file: x, key_file: x, behind_proxy: true}", "leave one of the two out"},
		{"security", "alerts: {mail: {security: ssl}}", `security "ssl": choose starttls, tls, or none`},
		{"mail's port", "alerts: {mail: {host: x, port: 70000, from: a@b.example}}", "70000 is no port"},
		{"mail's host", "alerts: {mail: {host: 'x:25', from: a@b.example}}", `host "x:25": write a name or address without a port`},
		{"mail's user", "alerts: {mail: {host: x, username: u, from: a@b.example}}", "username and password_file go together"},
		{"mail's password in clear", "alerts:\n  mail: {host: x, security: none, username: u, password_file: p, from: a@b.example}", "f:2: a password is not sent without TLS"},
		{"sender", "alerts: {mail: {host: x, from: 'A <a@b.example>'}}", "write the sender's address as"},
		{"no mail server", "alerts:\n  mail: {from: a@b.example}", "f:2: nothing here is used without host"},
		{"public URL", "web: {public_url: sipward.example}", `public_url "sipward.example": write it as https://`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCollector("f", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.File != "f" || e.Line < 1 {
				t.Errorf("no file and line in %#v", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}

func TestCollectorOdd(t *testing.T) {
	c, err := ParseCollector("f", []byte("embedded: {listen: ':1883'}\nadmin: {listen: ':9465'}"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := ParseCollector("f", []byte("external:\n  brokers:\n  - mqtt://mq:1883\n  share_secret_file: s"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(append(c.Odd(), x.Odd()...), "\n")
	for _, want := range []string{
		"f:1: nodes that connect to :1883 send call records and their password in clear",
		"f:2: figures are served beyond this host",
		"f:3: call records go to mqtt://mq:1883 in clear",
		"f:1: no username and no client certificate",
		"f:4: collectors that share the work need one database",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 4 {
		t.Errorf("more is odd than is meant:\n%s", got)
	}
}

func TestCollectorFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("mqtt.password", "hunter2\n")
	write("db.password", "hunter3\n")
	write("share", "group-1\n")
	write("mail.password", "hunter4\n")
	write("hook", "hunter5\n")
	c, err := LoadCollector(write("c.yaml", `data: state
external: {brokers: ["mqtt://127.0.0.1:1"], username: u, password_file: mqtt.password, share_secret_file: share}
store: {url: "postgres://u@db/x", password_file: db.password}
retention: {calls: forever, telemetry: 7d}
alerts: {mail: {host: mx, username: u, password_file: mail.password, from: a@b.example}, webhook: {secret_file: hook}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != filepath.Join(dir, "state") || c.External.ShareSecret.Reveal() != "group-1" || c.Store.Password.Reveal() != "hunter3" {
		t.Errorf("%+v", c)
	}
	if p, err := c.External.Password(); err != nil || p != "hunter2" {
		t.Errorf("%q, %v", p, err)
	}
	if a := &c.Alerts; a.Mail.Password.Reveal() != "hunter4" || a.Webhook.Secret.Reveal() != "hunter5" || !a.Mail.On() || a.Mail.Security != "starttls" {
		t.Errorf("%+v", a)
	}
	if c.Retention.Calls.Duration() != 0 || c.Retention.Telemetry.Duration() != 7*24*time.Hour || c.Retention.Calls.String()+c.Retention.Telemetry.String() != "forever7d" {
		t.Errorf("%+v", c.Retention)
	}
	write("share", "a/b")
	write("mqtt.password", "")
	_, err = LoadCollector(filepath.Join(dir, "c.yaml"))
	for _, want := range []string{"c.yaml:2: ", "mqtt.password is empty", "is to hold the name of a group"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in %v", want, err)
		}
	}
	if _, err := LoadCollector(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzParseCollector(f *testing.F) {
	f.Add(collectorReference(f))
	f.Add(example.ReplaceAllString(collectorReference(f), "$1$2"))
	for _, s := range []string{"", "store: {url: 'postgres://[::1'}", "external: {brokers: ['://']}", "retention: {calls: 99999999999d}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			t.Skip("deep nesting takes the square of its length")
		}
		_, err := ParseCollector("f", []byte(text))
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1) {
			t.Errorf("no line in %v", err)
		}
	})
}
