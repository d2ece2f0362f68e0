package netfilter

import (
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNFTRules has the real kernel match packets against the table: with the
// statement that sends them to a queue put off for one that drops them, which
// also kernels without nft_queue have.
func TestNFTRules(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from4, from6 := netip.MustParseAddrPort("198.51.100.7:5070"), netip.MustParseAddrPort("[2001:db8:7::7]:5070")
	to4, to6 := netip.AddrPortFrom(switch4, 5060), netip.AddrPortFrom(switch6, 5060)
	sw4, sw6 := newSwitch(t, to4), newSwitch(t, to6)
	caught4 := func(text string) []byte { return sum4(appendIPv4(nil, from4, to4, []byte(text))) }
	caught6 := func(text string) []byte { return appendIPv6(nil, from6, to6, []byte(text)) }
	bad4, bad6 := caught4(registration("9000", from4)), caught6(registration("9000", from6))
	tests := []struct {
		name    string
		packets func() [][]byte
		passes  bool
	}{
		{"plain 4", one(bad4), false},
		{"plain 6", one(bad6), false},
		{"lower case", one(caught4(strings.ToLower(registration("9000", from4)))), false},
		{"line ends", one(caught4("\r\n\r\n" + registration("9000", from4))), false},
		{"blanks 6", one(caught6(" \t" + registration("9000", from6))), false},
		{"NUL", one(caught4("\x00" + registration("9000", from4))), false},
		{"STUN", one(caught4("\x00\x01\x00\x2c\x21\x12\xa4\x42" + strings.Repeat("x", 56))), true},
		{"options", one(withOptions(bad4, 10)), false},
		{"destination options", one(withExtensions(bad6, unix.IPPROTO_DSTOPTS, 3)), false},
		{"fragments 4", func() [][]byte { return fragments4(bad4, 16, false) }, false},
		{"fragments 6", func() [][]byte { return fragments6(bad6, 16, true) }, false},
		{"OPTIONS", one(caught4("OPTIONS sip:a SIP/2.0\r\nAllow: REGISTER\r\n\r\n")), true},
		{"REFER 6", one(caught6("REFER sip:a SIP/2.0\r\nAllow: REGISTER\r\n\r\n")), true},
		{"keep-alive", one(caught4("\r\n\r\n")), true},
		{"fragments of an OPTIONS", func() [][]byte {
			return fragments6(caught6("OPTIONS sip:a SIP/2.0\r\nAllow: REGISTER\r\n\r\n"), 16, false)
		}, true},
	}
	for _, statement := range nftDefragment {
		cfg := testConfig(nil)
		r := newRules(&cfg, host{})
		r.kind, r.nftDefragment = NFT, statement
		table := strings.ReplaceAll(r.nft(), nftQueue+r.nftQueues(), " drop")
		load := func(text string) {
			t.Helper()
			_, err := host{}.run(t.Context(), "nft", text, "--file", "-")
			check(t, err)
		}
		load(table)
		load(table) // again
		for _, tc := range tests {
			for _, p := range tc.packets() {
				l.raw(p)
			}
			sw := sw4
			if tc.packets()[0][0]>>4 == 6 {
				sw = sw6
			}
			wait := quiet
			if tc.passes {
				wait = soon
			}
			if got, ok := sw.read(wait); ok != tc.passes {
				t.Errorf("%s: %s: the switch got %q", statement, tc.name, got)
			}
		}
		seen, err := r.look(t.Context())
		check(t, err)
		if seen.intact { // the statement is another one
			t.Errorf("%+v", seen)
		}

		bans := newBans(host{})
		bans.use(NFT)
		for _, p := range []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8:7::1/64")} {
			check(t, bans.Drop(p, time.Hour))
			check(t, bans.Drop(p, 10*time.Minute))
			listed, err := bans.List()
			if err != nil || len(listed) != 1 || listed[0].Source != whole(p) || listed[0].Left > 10*time.Minute || listed[0].Left < 9*time.Minute {
				t.Errorf("%v %v", listed, err)
			}
			sw, bytes := sw4, caught4("OPTIONS")
			if p.Addr().Is6() {
				sw, bytes = sw6, caught6("OPTIONS")
			}
			l.raw(bytes)
			if got, ok := sw.read(quiet); ok {
				t.Errorf("%s is banned, and the switch got %q", p, got)
			}
			check(t, bans.Lift(p))
			check(t, bans.Lift(p))
			l.raw(bytes)
			if _, ok := sw.read(soon); !ok {
				t.Errorf("%s stays banned", p)
			}
		}
		check(t, Remove(t.Context()))
		check(t, Remove(t.Context()))
		if s := run(t, "nft", "list", "ruleset"); strings.Contains(s, chain) {
			t.Errorf("left: %s", s)
		}
	}
}

// TestNFTChecked: the whole text is what nft understands. Kernels without
// nft_queue refuse that statement, and nothing else.
func TestNFTChecked(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	cfg := testConfig(nil)
	cfg.Firewall = NFT
	r, err := plan(t.Context(), &cfg, host{})
	if err == nil {
		check(t, r.Install(t.Context()))
		if seen, err := r.look(t.Context()); err != nil || !seen.intact {
			t.Errorf("%+v, %v", seen, err)
		}
		check(t, r.Remove(t.Context()))
		return
	}
	t.Logf("this kernel has no nft_queue: %v", err)
	cmd := exec.CommandContext(t.Context(), "nft", "--check", "--debug=netlink", "--file", "-")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	full := newRules(&cfg, host{})
	cmd.Stdin = strings.NewReader(full.nft())
	out, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "/dev/stdin") && !strings.Contains(line, "No such file or directory") {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(string(out), "queue num 77-78 bypass") {
		t.Errorf("%s", out)
	}
}
