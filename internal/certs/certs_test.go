package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// made is a certificate of that name, an authority or not, that is good for so many days.
func made(t *testing.T, authority bool, days int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, days), IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestEnds(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("k")})
	bundle := put("bundle.pem", made(t, false, 90), key, made(t, true, 900))
	chain := put("chain.pem", made(t, false, 3), made(t, true, 1))
	several := put("several.pem", made(t, true, 1), made(t, true, 400), made(t, false, 500))
	for _, c := range []struct {
		file File
		days int
		err  string
	}{
		{File{"uplink", bundle, false}, 90, ""},
		{File{"uplink_ca", bundle, true}, 900, ""},
		{File{"hep", chain, false}, 3, ""},
		{File{"uplink_ca", several, true}, 400, ""},
		{File{"hep", put("key.pem", key), false}, 0, "it holds no certificate"},
		{File{"uplink_ca", put("leaf.pem", made(t, false, 5)), true}, 0, "it holds no certificate"},
		{File{"hep", put("bad.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), false}, 0, "x509"},
		{File{"hep", filepath.Join(dir, "none.pem"), false}, 0, "no such file"},
	} {
		got := NewWatch(c.file).Ends(now)[0]
		want := int64(0)
		if c.err == "" {
			want = now.AddDate(0, 0, c.days).UnixMilli()
		}
		if got.NotAfterUnixMs != want || got.Use != c.file.Use || got.File != c.file.Path || !strings.Contains(got.Error, c.err) || (c.err == "") != (got.Error == "") {
			t.Errorf("%v: %+v", c, got)
		}
	}
}

// A certificate that was renewed is seen within a minute; an authority was read at
// the start, and counts as it was then.
func TestRenewed(t *testing.T) {
	dir := t.TempDir()
	own, ca := filepath.Join(dir, "own.pem"), filepath.Join(dir, "ca.pem")
	put := func(days int) {
		for path, authority := range map[string]bool{own: false, ca: true} {
			if err := os.WriteFile(path, made(t, authority, days), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(10)
	w := NewWatch(File{"own", own, false}, File{"own", own, false}, File{"ca", ca, true}, File{Use: "none"})
	days := func(after time.Duration) (out []int) {
		for _, c := range w.Ends(now.Add(after)) {
			out = append(out, int(time.UnixMilli(c.NotAfterUnixMs).Sub(now).Hours()/24))
		}
		return out
	}
	if got := days(0); !slices.Equal(got, []int{10, 10}) {
		t.Error(got)
	}
	put(80)
	if got := days(every - 1); !slices.Equal(got, []int{10, 10}) {
		t.Errorf("within a minute: %v", got)
	}
	if got := days(every); !slices.Equal(got, []int{80, 10}) {
		t.Errorf("after a minute: %v", got)
	}
}

func TestAttention(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	for _, c := range []struct {
		is   Certificate
		want string
	}{
		{Certificate{Use: "hep", File: "/x.pem", NotAfterUnixMs: at(soon)}, ""},
		{Certificate{Use: "hep", File: "/x.pem", NotAfterUnixMs: at(soon - time.Hour)}, "the certificate /x.pem (hep) ends at 2026-02-14T11:00:00Z, in 14.0 days: renew it"},
		{Certificate{Use: "broker", NotAfterUnixMs: at(36 * time.Hour)}, "the certificate of broker ends at 2026-02-02T00:00:00Z, in 1.5 days: renew it"},
		{Certificate{Use: "hep", File: "/x.pem", NotAfterUnixMs: at(0)}, "the certificate /x.pem (hep) ended at 2026-01-31T12:00:00Z: renew it"},
		{Certificate{Use: "hep", File: "/x.pem", Error: "it is gone"}, "the certificate /x.pem (hep) cannot be read: it is gone"},
	} {
		if got := c.is.Attention(now); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
