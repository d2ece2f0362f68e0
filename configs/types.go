package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Secret is a text that is never shown: whatever prints it prints ***.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Timeout is a duration that can be turned off.
type Timeout time.Duration

// Never is a Timeout that is turned off.
const Never Timeout = -1

// UnmarshalText reads a duration, or the word never.
func (t *Timeout) UnmarshalText(b []byte) error {
	if string(b) == "never" {
		*t = Never
		return nil
	}
	d, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no duration; write it as 90s, 5m or 12h, or never", b)
	}
	*t = Timeout(d)
	return nil
}

// Prefix is an address or a network.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads 192.0.2.0/24, 2001:db8::/32 or a single address. Bits
// beyond the length are an error: 192.0.2.7/24 is either one host or a network
// with a slip of the pen.
func (p *Prefix) UnmarshalText(b []byte) error {
	s := string(b)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		switch {
		case strings.HasPrefix(s, "["):
			return fmt.Errorf("%q: write an IPv6 address without brackets and port", s)
		case a.Zone() != "":
			return fmt.Errorf("%q: write the address without its zone, which is %%%s", s, a.Zone())
		case err != nil:
			return fmt.Errorf("%q is neither an IP address nor a network as 192.0.2.0/24", s)
		}
		a = a.Unmap()
		p.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	x, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("%q is neither an IP address nor a network as 192.0.2.0/24", s)
	}
	if x.Addr().Is4In6() {
		return errors.New("write IPv4 networks as 192.0.2.0/24")
	}
	if x != x.Masked() {
		return fmt.Errorf("%s has address bits beyond its length; write %s for the network or %s for the host", x, x.Masked(), x.Addr())
	}
	p.Prefix = x
	return nil
}
