package alerts

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Headers of a webhook's request.
const (
	headerSignature = "X-Sipward-Signature" // t=Unix seconds,v1=hex of HMAC-SHA256(secret, t "." body)
	headerDelivery  = "X-Sipward-Delivery"  // the same when a request is repeated
)

// Hook is how webhooks are called.
//
// Where they may lead to is decided by the address that is dialled, since a name may
// resolve to another one after it was checked: never to link-local (where clouds keep
// their secrets), multicast or unspecified addresses; to loopback and private ones only
// with AllowPrivate; over http only to those. Redirects are not followed, and no proxy
// is used.
type Hook struct {
	Secret       []byte // empty: requests are not signed
	AllowPrivate bool
	Timeout      time.Duration  // of a request as a whole; 0: 10 s
	RootCAs      *x509.CertPool // nil: those of the system
}

var errPublicPlain = errors.New("http goes to private addresses only: use https")

// shared is what carriers use between themselves and their customers (RFC 6598);
// nat64 has an IPv4 address in its last four bytes (RFC 6052).
var (
	shared = netip.MustParsePrefix("100.64.0.0/10")
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
)

// metadata is where clouds keep their secrets, beside link-local addresses.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}

// allowed says why an address may not be dialled.
func (h *Hook) allowed(a netip.Addr, plain bool) error {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	private := a.IsLoopback() || a.IsPrivate() || shared.Contains(a)
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() || slices.Contains(metadata, a) || a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240):
		return fmt.Errorf("webhooks do not go to %s: it is nobody's address", a)
	case private && !h.AllowPrivate:
		return fmt.Errorf("webhooks do not go to %s: private addresses are not allowed by the collector's configuration", a)
	case !private && plain:
		return fmt.Errorf("webhooks do not go to %s: %w", a, errPublicPlain)
	}
	return nil
}

// client makes a client for one request: webhooks are rare.
func (h *Hook) client(plain bool) *http.Client {
	d := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return h.allowed(a.Addr(), plain)
	}}
	return &http.Client{
		Timeout: cmp.Or(h.Timeout, 10*time.Second),
		Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: 5 * time.Second,
			TLSClientConfig: &tls.Config{RootCAs: h.RootCAs, MinVersion: tls.VersionTLS12}, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sign makes the value of headerSignature.
func sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + ".")) // a hash takes everything
	mac.Write(body)            // a hash takes everything
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// send posts a notice. An error that is permanent is a final.
func (h *Hook) send(ctx context.Context, n *Notice, to, id string, now time.Time) error {
	body, err := n.json()
	if err != nil {
		return final{fmt.Errorf("writing JSON: %w", err)}
	}
	if err := checkWebhook(to); err != nil {
		return final{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return final{errors.New("making the request: the URL is not valid")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sipward-collector")
	req.Header.Set(headerDelivery, id)
	if len(h.Secret) > 0 {
		req.Header.Set(headerSignature, sign(h.Secret, now, body))
	}
	c := h.client(req.URL.Scheme == "http")
	resp, err := c.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL: its path and query may be secret
		}
		return fmt.Errorf("calling %s: %w", place(to), err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // what it says does not matter
	_ = resp.Body.Close()
	return answered(resp, to)
}

// answered judges the status of an answer.
func answered(resp *http.Response, to string) error {
	s := resp.StatusCode
	switch {
	case s >= 200 && s < 300:
		return nil
	case s >= 300 && s < 400:
		return final{fmt.Errorf("%s answered %s: redirects are not followed; enter the URL where it leads to", place(to), resp.Status)}
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500:
		err := fmt.Errorf("%s answered %s", place(to), resp.Status)
		if after, no := strconv.Atoi(resp.Header.Get("Retry-After")); no == nil && after > 0 {
			return later{err, time.Duration(min(after, 3600)) * time.Second}
		}
		return err
	}
	return final{fmt.Errorf("%s answered %s", place(to), resp.Status)}
}

// place is a URL without what may be secret.
func place(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a webhook"
	}
	return strings.ToLower(u.Scheme) + "://" + u.Host
}
