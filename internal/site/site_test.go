package site

import (
	"net/netip"
	"testing"
)

func TestSite(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7",
		"::ffff:192.0.2.7":        "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"fe80::1:2:3%eth0":        "fe80::/64",
		"2001:db8:1:2:ffff::1%an": "2001:db8:1:2::/64",
	} {
		a := netip.MustParseAddr(in)
		if got := Name(a); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if !Of(a).Contains(a.Unmap().WithZone("")) {
			t.Errorf("%s is not in its own site %s", in, Of(a))
		}
	}
	var none netip.Addr
	if p := Of(none); p.IsValid() || Name(none) != "invalid IP" {
		t.Errorf("no address has the site %s, named %s", p, Name(none))
	}
}
