package configs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sipward/sipward/internal/brokerurl"
)

// checkBrokers reports what is wrong with the list of brokers at path.
func checkBrokers(d *decoder, path string, brokers []string) {
	for i, b := range brokers {
		at := fmt.Sprintf("%s[%d]", path, i)
		if _, err := brokerurl.Parse(b); err != nil {
			d.at(at, "%v", err)
		}
		if slices.Index(brokers, b) < i {
			d.at(at, "broker %q is listed twice", b)
		}
	}
}

// checkPair reports a certificate without a key, or a key without a certificate.
func checkPair(d *decoder, path, cert, key string) {
	if (cert == "") != (key == "") {
		d.at(path+".cert_file", "cert_file and key_file go together; both may name one file")
	}
}

// secure reports whether a broker's URL means TLS.
func secure(broker string) bool {
	u, err := brokerurl.Parse(broker)
	return err == nil && brokerurl.Secure(u)
}

// readable reports whether a broker's URL is one.
func readable(broker string) bool {
	_, err := brokerurl.Parse(broker)
	return err == nil
}

func (a *Agent) checkUplink(d *decoder) {
	u := &a.Uplink
	checkBrokers(d, "uplink.brokers", u.Brokers)
	checkPair(d, "uplink", u.CertFile, u.KeyFile)
	if u.CAFile+u.CertFile != "" && u.On() && !slices.ContainsFunc(u.Brokers, secure) && slices.ContainsFunc(u.Brokers, readable) {
		d.at("uplink.brokers", "certificates need a broker by mqtts:// or wss://")
	}
	if u.PasswordFile == "" && u.Username != "" {
		d.at("uplink.username", "a username needs a password_file")
	}
	if u.Username == "" && u.PasswordFile != "" {
		u.Username = a.Node
	}
	within(d, "uplink.backlog_records_per_second", u.BacklogRate, 0, 10_000_000)
	a.checkSpool(d)
}

func (a *Agent) checkSpool(d *decoder) {
	s := &a.Spool
	if s.Dir == "" {
		d.at("spool.dir", "name a folder; without uplink.brokers none is made")
	}
	within(d, "spool.budget_mib", s.BudgetMiB, 128, 1<<24)
	within(d, "spool.min_free_mib", s.MinFreeMiB, 0, 1<<24)
	within(d, "spool.reserve_mib", s.ReserveMiB, 0, max(s.BudgetMiB, 128)/2)
	if s.KeepAcked < 0 || s.KeepAcked > 400*24*time.Hour {
		d.at("spool.keep_acked", "%v is out of range: from 0s to 9600h", s.KeepAcked)
	}
}

// readFiles tries what the uplink names.
func (u *Uplink) readFiles(d *decoder, dir string) {
	for _, p := range []*string{&u.CAFile, &u.CertFile, &u.KeyFile, &u.PasswordFile} {
		under(dir, p)
	}
	if _, err := u.TLS(); err != nil {
		d.at("uplink", "%v", explainFile(err))
	}
	if u.PasswordFile != "" {
		if _, err := u.Password(); err != nil {
			d.at("uplink.password_file", "password_file: %v", explainFile(err))
		}
	}
}

// Password reads the password; "" without a file.
func (u *Uplink) Password() (string, error) {
	if u.PasswordFile == "" {
		return "", nil
	}
	secret, err := readSecret(u.PasswordFile)
	return secret.Reveal(), err
}

// TLS returns how brokers are spoken to. The certificate is read anew at every
// connect, so that one that is renewed needs no restart.
func (u *Uplink) TLS() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", u.CAFile)
		}
	}
	if u.CertFile == "" {
		return c, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(u.CertFile, u.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file and key_file: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return c, nil
}
