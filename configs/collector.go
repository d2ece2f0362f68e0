package configs

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Collector is the configuration of sipward-collector. An empty file is a whole
// one: a broker of its own and SQLite.
type Collector struct {
	ID        string    `yaml:"id"`        // of this collector in acks, logs and metrics; default the host's name
	Data      string    `yaml:"data"`      // folder of the database, the certificates and the nodes
	Embedded  Embedded  `yaml:"embedded"`  // the broker inside this program
	External  External  `yaml:"external"`  // brokers to use instead of it
	Store     Store     `yaml:"store"`     // where records go
	Retention Retention `yaml:"retention"` // how long they stay
	Admin     Admin     `yaml:"admin"`     // where figures are served
	Web       Web       `yaml:"web"`       // where the dashboard is
	Alerts    Alerts    `yaml:"alerts"`    // how alerts are sent

	file string
	odd  []string
}

// Embedded is the broker inside the collector. It runs when External.Brokers is
// empty.
type Embedded struct {
	Listen    string   `yaml:"listen"`     // MQTT without TLS, for nodes with a password; or off
	ListenTLS string   `yaml:"listen_tls"` // MQTT over TLS, for nodes with a certificate or a password; or off
	Names     []string `yaml:"names"`      // names and addresses by which agents reach it; default the host's
}

// External says how to reach brokers of one's own.
type External struct {
	Brokers      []string `yaml:"brokers"`           // URLs as of the agent's uplink; all are used at once
	CAFile       string   `yaml:"ca_file"`           // PEM; whom the brokers' certificates must be of; default the system's
	CertFile     string   `yaml:"cert_file"`         // PEM client certificate; "" for none
	KeyFile      string   `yaml:"key_file"`          // PEM key of it
	Username     string   `yaml:"username"`          // "" for none
	PasswordFile string   `yaml:"password_file"`     // of Username, read at every connect
	ShareFile    string   `yaml:"share_secret_file"` // name of the group that collectors share the work in; default one that nobody knows

	ShareSecret Secret // what ShareFile holds
}

// On reports whether external brokers are used instead of the embedded one.
func (x *External) On() bool { return len(x.Brokers) > 0 }

// Password reads the password; "" without a file.
func (x *External) Password() (string, error) { return x.uplink().Password() }

// TLS returns how brokers are spoken to.
func (x *External) TLS() (*tls.Config, error) { return x.uplink().TLS() }

// uplink is the same keys as an agent has them.
func (x *External) uplink() *Uplink {
	return &Uplink{Brokers: x.Brokers, CAFile: x.CAFile, CertFile: x.CertFile, KeyFile: x.KeyFile, Username: x.Username, PasswordFile: x.PasswordFile}
}

// Store says where records go.
type Store struct {
	URL          string `yaml:"url"`           // sqlite, or postgres://user@host/database
	PasswordFile string `yaml:"password_file"` // of the database's user

	Password Secret // what PasswordFile holds
}

// SQLite is the Store.URL of a database in the folder Collector.Data.
const SQLite = "sqlite"

// Retention says how long what is stored stays.
// Summaries stay for ever.
type Retention struct {
	Calls     Days `yaml:"calls"`     // calls and their attempts
	Telemetry Days `yaml:"telemetry"` // minute counters, and verdicts on registrations
}

// Days is a time in whole days, or Forever.
type Days int

// Forever is a retention without end.
const Forever Days = -1

// UnmarshalText reads 90d, or the word forever.
func (d *Days) UnmarshalText(b []byte) error {
	if string(b) == "forever" {
		*d = Forever
		return nil
	}
	digits, ok := strings.CutSuffix(string(b), "d")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || n == 0 {
		return fmt.Errorf("%q is no number of days; write it as 90d, or forever", b)
	}
	*d = Days(n) // 16 bits
	return nil
}

// String returns what UnmarshalText reads.
func (d Days) String() string {
	if d == Forever {
		return "forever"
	}
	return fmt.Sprintf("%dd", int(d))
}

// Duration is d as a time; 0 stands for Forever.
func (d Days) Duration() time.Duration {
	if d == Forever {
		return 0
	}
	return time.Duration(d) * 24 * time.Hour
}

// CollectorDefaults returns the configuration of an empty file.
func CollectorDefaults() *Collector {
	return &Collector{
		Data:     "/var/lib/sipward-collector",
		Embedded: Embedded{Listen: "127.0.0.1:1883", ListenTLS: ":8883"},
		Store:    Store{URL: SQLite}, Retention: Retention{Calls: 400, Telemetry: 90},
		Admin: Admin{Listen: "127.0.0.1:9465", Socket: "/run/sipward-collector/collector.sock"},
		Web:   Web{Listen: "127.0.0.1:9480"}, Alerts: Alerts{Mail: Mail{Security: "starttls"}},
	}
}

// LoadCollector reads and checks the file at path and what it names. Its error
// joins one *Error a problem, in the order of their lines.
func LoadCollector(path string) (*Collector, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	c, d := parseCollector(path, text)
	c.readFiles(d, filepath.Dir(path))
	if len(d.errs) > 0 {
		return nil, inOrder(d.errs)
	}
	return c, nil
}

// ParseCollector reads and checks a configuration; name stands for the file in
// errors. It reads no other file: secrets and certificates stay empty.
func ParseCollector(name string, text []byte) (*Collector, error) {
	c, d := parseCollector(name, text)
	if len(d.errs) > 0 {
		return nil, inOrder(d.errs)
	}
	return c, nil
}

func parseCollector(name string, text []byte) (*Collector, *decoder) {
	c := CollectorDefaults()
	c.file = name
	d := decode(name, text, c)
	if len(d.errs) == 0 {
		c.check(d)
	}
	return c, d
}

// readFiles reads what the file names. Paths are relative to its own folder.
func (c *Collector) readFiles(d *decoder, dir string) {
	x := &c.External
	for _, p := range []*string{&c.Data, &x.PasswordFile, &x.CAFile, &x.CertFile, &x.KeyFile, &x.ShareFile, &c.Store.PasswordFile, &c.Web.CertFile, &c.Web.KeyFile,
		&c.Alerts.Mail.PasswordFile, &c.Alerts.Webhook.SecretFile} {
		under(dir, p)
	}
	for _, s := range []struct {
		at, file string
		to       *Secret
	}{
		{"external.password_file", x.PasswordFile, new(Secret)},
		{"external.share_secret_file", x.ShareFile, &x.ShareSecret},
		{"store.password_file", c.Store.PasswordFile, &c.Store.Password},
		{"alerts.mail.password_file", c.Alerts.Mail.PasswordFile, &c.Alerts.Mail.Password},
		{"alerts.webhook.secret_file", c.Alerts.Webhook.SecretFile, &c.Alerts.Webhook.Secret},
	} {
		if s.file == "" {
			continue
		}
		secret, err := readSecret(s.file)
		if err != nil {
			d.at(s.at, "%s: %v", s.at, explainFile(err))
		}
		*s.to = secret
	}
	if !shareName.MatchString(x.ShareSecret.Reveal()) {
		d.at("external.share_secret_file", "%s is to hold the name of a group: at most 64 letters, digits, dashes and underscores", x.ShareFile)
	}
	if _, err := x.TLS(); err != nil {
		d.at("external", "%v", explainFile(err))
	}
	if w := &c.Web; w.On() && w.TLS() && w.KeyFile != "" {
		if _, err := tls.LoadX509KeyPair(w.CertFile, w.KeyFile); err != nil {
			d.at("web.cert_file", "cert_file and key_file: %v", explainFile(err))
		}
	}
}

// shareName is a group of subscribers: one level of a topic (MQTT 5 section 4.8.2).
var shareName = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)
