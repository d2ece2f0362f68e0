// Package nodes keeps who may connect to the embedded broker: an authority that
// signs certificates, and one small file for every node. Files are read at every
// question, so that a node that another program adds or removes is known at
// once.
package nodes

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// Node is one node that may connect. What proves it is kept as a hash.
type Node struct {
	ID             string `json:"node"`
	AddedUnixMs    int64  `json:"added_unix_ms"`
	CertSHA256     string `json:"cert_sha256,omitempty"`     // of its certificate; "" for none
	ExpiresUnixMs  int64  `json:"expires_unix_ms,omitempty"` // of the certificate
	PasswordSHA256 string `json:"password_sha256,omitempty"` // "" for none
}

// What Add and Remove can refuse.
var (
	ErrExists = errors.New("there is such a node")
	ErrNone   = errors.New("there is no such node")
	ErrName   = errors.New("1 to 63 letters, digits, dots, dashes and underscores name a node")
)

// Folder is where nodes and the authority are kept. Its methods are safe for
// concurrent use, by other programs too.
type Folder struct{ dir string }

// New returns the folder below a collector's data; it makes nothing.
func New(data string) *Folder { return &Folder{data} }

func (f *Folder) file(id string) string { return filepath.Join(f.dir, "nodes", id+".json") }

// Add makes a node with what proves it, and replaces one of that name if told
// so.
func (f *Folder) Add(n *Node, replace bool) error {
	if !record.ValidNode(n.ID) {
		return fmt.Errorf("%q: %w", n.ID, ErrName)
	}
	b, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("adding node %s: %w", n.ID, err)
	}
	if err := f.make("nodes"); err != nil {
		return err
	}
	err = f.write(f.file(n.ID), append(b, '\n'), replace)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("adding node %s: %w", n.ID, ErrExists)
	}
	return err
}

// Remove forgets a node: it cannot connect any more.
func (f *Folder) Remove(id string) error {
	if !record.ValidNode(id) {
		return fmt.Errorf("%q: %w", id, ErrName)
	}
	err := os.Remove(f.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing node %s: %w", id, ErrNone)
	}
	if err != nil {
		return fmt.Errorf("removing node %s: %w", id, err)
	}
	return nil
}

// Get returns a node; its error matches ErrNone when there is none.
func (f *Folder) Get(id string) (*Node, error) {
	if !record.ValidNode(id) {
		return nil, fmt.Errorf("%q: %w", id, ErrName)
	}
	b, err := os.ReadFile(f.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("node %s: %w", id, ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("reading node %s: %w", id, err)
	}
	n := new(Node)
	if err := json.Unmarshal(b, n); err != nil || n.ID != id {
		return nil, fmt.Errorf("reading node %s: %s is damaged; remove the node and add it again", id, f.file(id))
	}
	return n, nil
}

// List returns all nodes by their names. Of files that cannot be read it returns
// the errors, and all others.
func (f *Folder) List() ([]*Node, error) {
	entries, err := os.ReadDir(filepath.Join(f.dir, "nodes"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var nodes []*Node
	var errs []error
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !record.ValidNode(id) {
			continue
		}
		n, err := f.Get(id)
		switch {
		case errors.Is(err, ErrNone): // removed meanwhile
		case err != nil:
			errs = append(errs, err)
		default:
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.ID, b.ID) })
	return nodes, errors.Join(errs...)
}

// Certified reports whether a certificate, which the authority has signed, is
// the one that its node has now. One that was replaced or removed is not.
func (f *Folder) Certified(cert *x509.Certificate) (id string, ok bool) {
	n, err := f.Get(cert.Subject.CommonName)
	if err != nil || n.CertSHA256 == "" {
		return "", false
	}
	return n.ID, same(n.CertSHA256, fingerprint(cert.Raw))
}

// Knows reports whether a password is that of the node.
func (f *Folder) Knows(id string, password []byte) bool {
	n, err := f.Get(id)
	if err != nil || n.PasswordSHA256 == "" {
		return false
	}
	return same(n.PasswordSHA256, fingerprint(password))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// fingerprint is a SHA-256. It is enough for passwords that this package made:
// they have 192 random bits, which nobody guesses, fast hash or slow.
func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// NewPassword makes a node that proves itself by a password.
func NewPassword(id string, now time.Time) (n *Node, password string, err error) {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		return nil, "", fmt.Errorf("making a password: %w", err)
	}
	password = base64.RawURLEncoding.EncodeToString(b)
	return &Node{ID: id, AddedUnixMs: now.UnixMilli(), PasswordSHA256: fingerprint([]byte(password))}, password, nil
}

// make makes a folder that its owner alone can read.
func (f *Folder) make(name string) error {
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of nodes: %w", err)
	}
	return f.own(dir)
}

// own gives what root makes to the user who owns the folder, so that the service
// can read what an administrator added.
func (f *Folder) own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(f.dir)
	if err != nil {
		return fmt.Errorf("asking who owns %s: %w", f.dir, err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(path, int(s.Uid), int(s.Gid)); err != nil {
			return fmt.Errorf("giving %s to its service: %w", path, err)
		}
	}
	return nil
}

// write makes a file whole or not at all. One that exists is an error that
// matches fs.ErrExist, unless it is to be replaced.
func (f *Folder) write(path string, b []byte, replace bool) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Sync(), tmp.Close(), f.own(tmp.Name())); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if replace {
		err = os.Rename(tmp.Name(), path)
	} else {
		err = os.Link(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Keep returns what is in a file of the folder that its owner alone can read, and
// makes it with what fresh returns when there is none.
func (f *Folder) Keep(name string, fresh func() ([]byte, error)) ([]byte, error) {
	path := f.Path(name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = fresh(); err != nil {
			return nil, err
		}
		if err := f.make("."); err != nil {
			return nil, err
		}
		if err := f.write(path, b, false); err != nil && !errors.Is(err, fs.ErrExist) { // another program was faster
			return nil, err
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// Path is where Keep has a file.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }
