package nodes

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// How long certificates are good for. A node's is revoked by removing the node;
// the broker's is made anew in memory long before it ends.
const (
	authorityYears = 30
	nodeYears      = 10
	brokerDays     = 90
)

// slack is how far a clock may be behind that of the collector.
const slack = 24 * time.Hour

// Authority signs the certificates of the nodes and of the embedded broker.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte // of cert
}

// AuthorityFile is where the authority is kept, with its key.
func (f *Folder) AuthorityFile() string { return filepath.Join(f.dir, "ca.pem") }

// Authority reads the folder's authority, and makes it when there is none.
func (f *Folder) Authority(now time.Time) (*Authority, error) {
	path := f.AuthorityFile()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.makeAuthority(path, now); err != nil && !errors.Is(err, fs.ErrExist) { // another program was faster
			return nil, err
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %s: %w; without it no node can be added or recognized: restore it from a backup", path, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("reading the authority: %s is none", path)
	}
	return &Authority{cert: pair.Leaf, key: key, pem: encode("CERTIFICATE", pair.Leaf.Raw)}, nil
}

func (f *Folder) makeAuthority(path string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the authority: %w", err)
	}
	template, err := newCertificate("Sipward collector authority", now, now.AddDate(authorityYears, 0, 0))
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("making the authority: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := f.make("."); err != nil {
		return err
	}
	return f.write(path, append(encode("CERTIFICATE", der), keyPEM...), false)
}

// newCertificate begins a certificate with a number that nobody guesses.
func newCertificate(name string, now, end time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-slack), NotAfter: end}, nil
}

// sign makes a key, and the certificate of it.
func (a *Authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err = x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return der, key, nil
}

// NewCertificate makes a node that proves itself by a certificate, whose common
// name is its id. The bundle is PEM: certificate, key, and the authority.
func (a *Authority) NewCertificate(id string, now time.Time) (n *Node, bundle []byte, err error) {
	if !record.ValidNode(id) {
		return nil, nil, fmt.Errorf("%q: %w", id, ErrName)
	}
	template, err := newCertificate(id, now, now.AddDate(nodeYears, 0, 0))
	if err != nil {
		return nil, nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, key, err := a.sign(template)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, nil, err
	}
	n = &Node{ID: id, AddedUnixMs: now.UnixMilli(), CertSHA256: fingerprint(der), ExpiresUnixMs: template.NotAfter.UnixMilli()}
	return n, bytes.Join([][]byte{encode("CERTIFICATE", der), keyPEM, a.pem}, nil), nil
}

// PEM is the certificate of the authority, for whoever wants to trust it.
func (a *Authority) PEM() []byte { return a.pem }

// ServerTLS returns the settings of a broker that is reached under names: host
// names and IP addresses. It asks clients for certificates of this authority,
// and lets those without one try their password.
func (a *Authority) ServerTLS(names []string) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	own := &brokerCertificate{authority: a, names: names}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.get(time.Now()) },
	}
}

// brokerCertificate is made when it is first needed, and anew at two thirds of
// its time.
type brokerCertificate struct {
	authority *Authority
	names     []string

	mu   sync.Mutex // guards what follows
	cert *tls.Certificate
	made time.Time
}

func (b *brokerCertificate) get(now time.Time) (*tls.Certificate, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	const good = brokerDays * 24 * time.Hour * 2 / 3
	if b.cert != nil && now.Sub(b.made).Abs() < good {
		return b.cert, nil
	}
	template, err := newCertificate("Sipward collector", now, now.AddDate(0, 0, brokerDays))
	if err != nil {
		return nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range b.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, key, err := b.authority.sign(template)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate that was just made: %w", err)
	}
	b.cert, b.made = &tls.Certificate{Certificate: [][]byte{der, b.authority.cert.Raw}, PrivateKey: key, Leaf: leaf}, now
	return b.cert, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return encode("PRIVATE KEY", der), nil
}
