package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Odd lists what is allowed but probably not meant, each with file and line.
func (c *Collector) Odd() []string { return c.odd }

// check reports every problem that a well-formed file can still have.
func (c *Collector) check(d *decoder) {
	if c.ID == "" {
		c.ID, _ = os.Hostname()
	}
	if !validID(c.ID) {
		d.at("id", "id %q: use 1 to 63 letters, digits, dots, dashes and underscores", c.ID)
	}
	if c.Data == "" {
		d.at("data", "name a folder for the database and the credentials")
	}
	c.checkEmbedded(d)
	c.checkExternal(d)
	if err := CheckStore(c.Store.URL); err != nil {
		d.at("store.url", "%v", err)
	}
	if c.Store.URL == SQLite && c.Store.PasswordFile != "" {
		d.at("store.password_file", "sqlite has no password; it is for postgres://")
	}
	c.Admin.check(d)
	c.Web.check(d)
	c.Alerts.Mail.check(d)
	checkListeners(d, c.listeners())
	if len(d.errs) == 0 {
		c.lookOdd(d)
	}
}

func (c *Collector) checkEmbedded(d *decoder) {
	e := &c.Embedded
	for _, l := range []struct{ at, addr string }{{"embedded.listen", e.Listen}, {"embedded.listen_tls", e.ListenTLS}} {
		if l.addr != Off && !address(l.addr) {
			d.at(l.at, "%q: write address:port, :port for all addresses, or off%s", l.addr, addressHint(l.addr))
		}
	}
	if e.Listen == Off && e.ListenTLS == Off && !c.External.On() {
		d.at("embedded", "both listeners are off: turn one on, or list external.brokers")
	}
	for i, name := range e.Names {
		if _, err := netip.ParseAddr(name); err != nil && !hostname.MatchString(name) {
			d.at(fmt.Sprintf("embedded.names[%d]", i), "%q is neither a host name nor an IP address", name)
		}
	}
}

var hostname = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

func (c *Collector) checkExternal(d *decoder) {
	x := &c.External
	checkBrokers(d, "external.brokers", x.Brokers)
	if !x.On() && x.Username+x.PasswordFile+x.CAFile+x.CertFile+x.KeyFile+x.ShareFile != "" {
		d.at("external", "nothing here is used without external.brokers: list them, or remove the rest")
	}
	if (x.Username == "") != (x.PasswordFile == "") {
		d.at("external.username", "username and password_file go together")
	}
	checkPair(d, "external", x.CertFile, x.KeyFile)
	if x.CAFile+x.CertFile != "" && x.On() && !slices.ContainsFunc(x.Brokers, secure) {
		d.at("external.brokers", "certificates need a broker by mqtts:// or wss://")
	}
}

// redact hides what may be a user and password in a URL, well-formed or not.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if i := strings.LastIndexByte(rest, '@'); ok && i >= 0 {
		return scheme + "://***@" + rest[i+1:]
	}
	return s
}

// CheckStore checks the URL of a store: sqlite, or that of a PostgreSQL database.
func CheckStore(s string) error {
	if s == SQLite {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return fmt.Errorf("store %q: write sqlite, or postgres://user@host/database", redact(s))
	}
	if _, given := u.User.Password(); given {
		return fmt.Errorf("store %q: a password does not belong into a URL, where others see it; put it into a file and set store.password_file (or PGPASSFILE)", redact(s))
	}
	return nil
}

// lookOdd finds what is odd while the lines are known.
func (c *Collector) lookOdd(d *decoder) {
	note := func(path, format string, args ...any) {
		c.odd = append(c.odd, fmt.Sprintf("%s:%d: %s", c.file, d.lineOf(path), fmt.Sprintf(format, args...)))
	}
	if !c.External.On() {
		if host, _, err := net.SplitHostPort(c.Embedded.Listen); err == nil && !loopback(host) {
			note("embedded.listen", "nodes that connect to %s send call records and their password in clear; use listen_tls beyond this host", c.Embedded.Listen)
		}
	} else {
		c.oddExternal(note)
	}
	if host, _, err := net.SplitHostPort(c.Web.Listen); err == nil && c.Web.BehindProxy && !loopback(host) {
		note("web.listen", "whoever reaches %s beside the proxy needs no TLS, and can claim any address; a firewall should let the proxy alone", c.Web.Listen)
	}
	c.Admin.odd(note)
}

func (c *Collector) oddExternal(note noter) {
	for i, b := range c.External.Brokers {
		u, err := url.Parse(b)
		if err == nil && !secure(b) && !loopback(u.Hostname()) {
			note(fmt.Sprintf("external.brokers[%d]", i), "call records go to %s in clear; use mqtts://", b)
		}
	}
	if c.External.Username == "" && c.External.CertFile == "" {
		note("external", "no username and no client certificate: such a broker lets everybody read call records")
	}
	if c.Store.URL == SQLite && c.External.ShareFile != "" {
		note("external.share_secret_file", "collectors that share the work need one database; with sqlite each has its own, and acks contradict one another")
	}
}
