// Package certs says until when certificates are good, so that none ends unnoticed.
package certs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// soon is how long before its end a certificate needs attention.
const soon = 14 * 24 * time.Hour

// every is how often files are read: a certificate that was renewed shows at once
// enough, and whoever asks every second costs the disk nothing.
const every = time.Minute

// Certificate is one certificate that a program uses.
type Certificate struct {
	Use            string `json:"use"`            // a word
	File           string `json:"file,omitempty"` // "" when it is in memory
	NotAfterUnixMs int64  `json:"not_after_unix_ms,omitempty"`
	Error          string `json:"error,omitempty"` // why its end is not known
}

// Attention says what somebody should do about c at now; "" for nothing.
func (c *Certificate) Attention(now time.Time) string {
	if c.Error != "" {
		return fmt.Sprintf("the certificate %s cannot be read: %s", c.name(), c.Error)
	}
	return Ends("the certificate "+c.name(), c.NotAfterUnixMs, now)
}

func (c *Certificate) name() string {
	if c.File == "" {
		return "of " + c.Use
	}
	return fmt.Sprintf("%s (%s)", c.File, c.Use)
}

// Ends says that what ends soon, or has ended; "" when neither is so.
func Ends(what string, notAfterUnixMs int64, now time.Time) string {
	end := time.UnixMilli(notAfterUnixMs)
	left := end.Sub(now)
	switch at := end.UTC().Format(time.RFC3339); {
	case left >= soon:
		return ""
	case left <= 0:
		return fmt.Sprintf("%s ended at %s: renew it", what, at)
	default:
		return fmt.Sprintf("%s ends at %s, in %.1f days: renew it", what, at, left.Hours()/24)
	}
}

// File is a file of certificates in PEM.
type File struct {
	Use  string
	Path string
	// Authority: it holds those whom the other side's certificate must be of. They are
	// read once, as a program does at its start; and what counts is the one that is good
	// for longest. Of a certificate of our own it is the first that counts.
	Authority bool
}

// Watch knows the ends of the certificates in files. It is safe for concurrent use.
type Watch struct {
	files []File

	mu    sync.Mutex // guards what follows
	ends  []Certificate
	asked time.Time
}

// NewWatch returns a Watch of files that have a path, each use and path once.
func NewWatch(files ...File) *Watch {
	w := &Watch{}
	seen := map[File]bool{}
	for _, f := range files {
		if f.Path != "" && !seen[f] {
			seen[f] = true
			w.files = append(w.files, f)
		}
	}
	return w
}

// Ends returns all certificates as they are at now, or were within the last minute.
// What it returns does not change any more.
func (w *Watch) Ends(now time.Time) []Certificate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ends != nil && now.Sub(w.asked).Abs() < every {
		return w.ends
	}
	ends := make([]Certificate, len(w.files))
	for i, f := range w.files {
		if f.Authority && w.ends != nil && w.ends[i].Error == "" {
			ends[i] = w.ends[i]
			continue
		}
		ends[i] = Certificate{Use: f.Use, File: f.Path}
		if end, err := read(f); err != nil {
			ends[i].Error = err.Error()
		} else {
			ends[i].NotAfterUnixMs = end.UnixMilli()
		}
	}
	w.ends, w.asked = ends, now
	return ends
}

var errNone = errors.New("it holds no certificate")

func read(f File) (end time.Time, err error) {
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return end, fmt.Errorf("reading a certificate: %w", err)
	}
	for found := false; ; {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			if !found {
				return end, errNone
			}
			return end, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return end, fmt.Errorf("reading a certificate: %w", err)
		}
		if !f.Authority {
			return c.NotAfter, nil
		}
		// A node's own certificate may be in the same file, and vouches for nobody.
		if found = found || c.IsCA; c.IsCA && c.NotAfter.After(end) {
			end = c.NotAfter
		}
	}
}
