package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"github.com/sipward/sipward/sip/dtmf"
)

// Odd lists what is allowed but probably not meant, each with file and line.
func (a *Agent) Odd() []string { return a.odd }

// lookOdd finds what is odd while the lines are known.
func (a *Agent) lookOdd(d *decoder) {
	note := func(path, format string, args ...any) {
		a.odd = append(a.odd, fmt.Sprintf("%s:%d: %s", a.file, d.lineOf(path), fmt.Sprintf(format, args...)))
	}
	a.oddParties(note)
	a.oddGuard(note)
	a.oddTable(note)
	a.oddNets(note)
	if a.DTMF.Digits == dtmf.Store {
		note("dtmf.digits", "digits are stored: they can be card numbers and PINs; count is enough to know who uses them")
	}
	a.Admin.odd(note)
	for i, h := range a.Capture.HEP {
		host, _, _ := net.SplitHostPort(h.Address)
		if !loopback(host) && h.AuthFile == "" {
			note(fmt.Sprintf("capture.hep[%d].address", i), "anyone who reaches %s can send made-up calls; set auth_key_file", h.Address)
		}
	}
	for i, b := range a.Uplink.Brokers {
		if u, err := url.Parse(b); err == nil && !secure(b) && !loopback(u.Hostname()) {
			note(fmt.Sprintf("uplink.brokers[%d]", i), "call records go to %s in clear; use mqtts://", u.Host)
		}
	}
	if a.Spool != Defaults().Spool && !a.Uplink.On() {
		note("spool", "there is no spool without uplink.brokers: nobody would take what is in it")
	}
	if a.Calls.MaxAge < a.Calls.SetupTimeout {
		note("calls.max_age", "max_age is shorter than setup_timeout")
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

type noter = func(path, format string, args ...any)
