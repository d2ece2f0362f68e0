package netfilter

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestText compares the rules with files that people can read.
func TestText(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		edit func(*Rules)
	}{
		{"iptables-open", Config{Ports: []uint16{5060}, Queue: 5060, Queues: 1}, nil},
		{"iptables-closed", Config{Ports: []uint16{5070, 5060, 5060}, Queue: 10, Queues: 4, Closed: true}, nil},
		{"iptables-no-bans", Config{Ports: []uint16{5060}, Queue: 5060, Queues: 1}, func(r *Rules) { r.bans = false }},
		{"iptables-no-ipv6", Config{Ports: []uint16{5060}, Queue: 5060, Queues: 1}, func(r *Rules) { r.v6 = false }},
		{"iptables-many-ports", Config{Ports: []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}, Queue: 5060, Queues: 1}, nil},
		{"nft-open", Config{Ports: []uint16{5060}, Queue: 5060, Queues: 1}, func(r *Rules) { r.kind = NFT }},
		{"nft-closed", Config{Ports: []uint16{5070, 5060}, Queue: 10, Queues: 4, Closed: true}, func(r *Rules) { r.kind = NFT }},
		{"nft-conntrack", Config{Ports: []uint16{5060}, Queue: 5060, Queues: 1}, func(r *Rules) { r.kind = NFT; r.nftDefragment = nftDefragment[1] }},
	}
	for _, tc := range tests {
		r := newRules(&tc.cfg, host{})
		r.kind, r.bans, r.v6 = IPTables, true, true
		if tc.edit != nil {
			tc.edit(r)
		}
		got := "# install\n" + r.Text() + "# remove\n" + r.RemovalText()
		file := filepath.Join("testdata", tc.name+".sh")
		if *update {
			check(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		check(t, err)
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// saved is all that netfilter holds, without counters.
func saved(t *testing.T, variant string) string {
	t.Helper()
	var out []string
	text := run(t, "iptables"+variant+"-save") + run(t, "ip6tables"+variant+"-save") + run(t, "ipset", "save")
	if variant == "-nft" {
		text += run(t, "nft", "list", "tables")
	}
	for line := range strings.Lines(text) {
		if line[0] != '#' && line[0] != ':' {
			line, _, _ = strings.Cut(line, " initval ") // a random one
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}

// TestInstall: installing twice is installing once, others' rules stay, and
// nothing of ours does.
func TestInstall(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, variant := range variants {
		h := host{variant: variant}
		for _, program := range []string{"iptables", "ip6tables"} {
			run(t, program+variant, "-t", "mangle", "-A", "INPUT", "-p", "udp", "--dport", "7", "-j", "ACCEPT")
			run(t, program+variant, "-t", "mangle", "-N", "theirs")
		}
		before := saved(t, variant)
		cfg := testConfig(nil)
		r, err := plan(t.Context(), &cfg, h)
		check(t, err)
		check(t, r.Install(t.Context()))
		once := saved(t, variant)
		if strings.Count(once, "-j sipward") != 4 || strings.Count(once, "NFQUEUE") != 4+5 {
			t.Errorf("%s: %s", variant, once)
		}
		seen, err := r.look(t.Context())
		if err != nil || !seen.intact || seen.queued != 0 {
			t.Errorf("%s: look: %+v, %v", variant, seen, err)
		}

		// A run with another configuration crashed.
		other := Config{Ports: []uint16{1, 2, 3}, Queue: 3, Queues: 1, Closed: true, Firewall: IPTables}
		stale, err := plan(t.Context(), &other, h)
		check(t, err)
		check(t, stale.Install(t.Context()))
		check(t, r.Install(t.Context()))
		if diff := cmp.Diff(once, saved(t, variant)); diff != "" {
			t.Errorf("%s: %s", variant, diff)
		}
		run(t, "iptables"+variant, "-t", "mangle", "-D", "sipward", "1")
		if seen, err := r.look(t.Context()); err != nil || seen.intact {
			t.Errorf("%s: look: %+v, %v", variant, seen, err)
		}
		check(t, r.Remove(t.Context()))
		check(t, r.Remove(t.Context()))
		if diff := cmp.Diff(before, saved(t, variant)); diff != "" {
			t.Errorf("%s: %s", variant, diff)
		}

		// The text does what Install does, and takes it back.
		shell(t, r.Text())
		if diff := cmp.Diff(once, saved(t, variant)); diff != "" {
			t.Errorf("%s: %s", variant, diff)
		}
		shell(t, r.RemovalText())
		if diff := cmp.Diff(before, saved(t, variant)); diff != "" {
			t.Errorf("%s: %s", variant, diff)
		}
		run(t, "iptables"+variant, "-t", "mangle", "-F")
		run(t, "ip6tables"+variant, "-t", "mangle", "-F")
	}
}

func shell(t *testing.T, text string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestNoFirewall: what is missing is said, with what to install.
func TestNoFirewall(t *testing.T) {
	empty := t.TempDir()
	for _, f := range []Firewall{Auto, IPTables, NFT} {
		cfg := testConfig(nil)
		cfg.Firewall = f
		_, err := plan(t.Context(), &cfg, host{path: empty})
		if !errors.Is(err, ErrNoFirewall) || !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("%s: %v", f, err)
		}
		if want := map[Firewall]string{Auto: "nft: executable file not found in $PATH: install nftables", IPTables: "iptables-restore: executable file not found in $PATH: install iptables", NFT: "install nftables"}[f]; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", f, err)
		}
	}
	// What a program says is part of the error.
	check(t, os.WriteFile(filepath.Join(empty, "nft"), []byte("#!/bin/sh\necho no such thing >&2\nexit 3\n"), 0o700)) // it is run
	cfg := testConfig(nil)
	cfg.Firewall = NFT
	if _, err := plan(t.Context(), &cfg, host{path: empty}); err == nil || !strings.Contains(err.Error(), "exit status 3: no such thing") {
		t.Error(err)
	}
}

// TestWithoutIPSet: iptables alone has no bans, and says so.
func TestWithoutIPSet(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"iptables-restore", "ip6tables-restore", "iptables-save", "ip6tables-save"} {
		file, err := host{}.find(name)
		check(t, err)
		check(t, os.Symlink(file, filepath.Join(dir, name)))
	}
	cfg := testConfig(byNumber)
	cfg.Firewall = Auto
	g, stop := start(t, cfg, host{path: dir})
	defer stop()
	if s := g.Stats(); s.Bans || s.Firewall != "iptables" {
		t.Errorf("%+v", s)
	}
	source := netip.MustParsePrefix("198.51.100.1/32")
	if err := g.Bans().Drop(source, time.Minute); !errors.Is(err, errNoBans) {
		t.Error(err)
	}
	if _, err := g.Bans().List(); !errors.Is(err, errNoBans) {
		t.Error(err)
	}
}

// TestBans: a banned source reaches no SIP port, and comes back by itself.
func TestBans(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	to4, to6 := netip.AddrPortFrom(switch4, 5060), netip.AddrPortFrom(switch6, 5060)
	switches := map[netip.AddrPort]*phone{to4: newSwitch(t, to4), to6: newSwitch(t, to6)}
	other := newSwitch(t, netip.AddrPortFrom(switch4, 9))
	for _, variant := range variants {
		g, stop := start(t, testConfig(byNumber), host{variant: variant})
		bans := g.Bans()
		for _, tc := range []struct {
			ban, in, out string
			to           netip.AddrPort
		}{
			{"198.51.100.7/32", "198.51.100.7:5060", "198.51.100.8:5060", to4},
			{"2001:db8:7:1::99/64", "[2001:db8:7:1::1234]:5060", "[2001:db8:7:2::1234]:5060", to6},
		} {
			ban := netip.MustParsePrefix(tc.ban)
			in, out, sw := netip.MustParseAddrPort(tc.in), netip.MustParseAddrPort(tc.out), switches[tc.to]
			reaches := func(from netip.AddrPort, want bool) {
				t.Helper()
				wait := quiet
				if want {
					wait = soon
				}
				text := "OPTIONS " + from.String()
				l.send(from, tc.to, text)
				if got, ok := sw.read(wait); ok != want {
					t.Errorf("%s: from %s: %q %v", variant, from, got, ok)
				}
			}
			reaches(in, true)
			check(t, bans.Drop(ban, time.Hour))
			check(t, bans.Drop(ban, 10*time.Minute)) // again: from now on
			reaches(in, false)
			reaches(out, true)
			if in.Addr().Is4() { // other ports are not ours to close
				l.send(in, netip.AddrPortFrom(switch4, 9), "x")
				if _, ok := other.read(soon); !ok {
					t.Errorf("%s: port 9 is closed", variant)
				}
			}
			listed, err := bans.List()
			if err != nil || len(listed) != 1 || listed[0].Source != ban.Masked() || listed[0].Left > 10*time.Minute || listed[0].Left < 9*time.Minute {
				t.Errorf("%s: %v, %v", variant, listed, err)
			}
			// Rules that somebody removed come back with the bans.
			flush(t, variant)
			reaches(in, true)
			check(t, restoreRules(t, g, variant))
			reaches(in, false)
			check(t, bans.Lift(ban))
			check(t, bans.Lift(ban))
			reaches(in, true)
			check(t, bans.Drop(ban, time.Millisecond)) // is a second
			reaches(in, false)
			for until := time.Now().Add(soon); len(must(bans.List())) > 0; {
				if time.Now().After(until) {
					t.Fatalf("%s: the ban does not end", variant)
				}
			}
			reaches(in, true)
		}
		stop()
		if err := bans.Drop(netip.MustParsePrefix("198.51.100.1/32"), time.Second); !errors.Is(err, errNoBans) {
			t.Errorf("%s: %v", variant, err)
		}
	}
}

func must[T any](v T, _ error) T { return v }

// flush is what a reload of the host's firewall does.
func flush(t *testing.T, variant string) {
	t.Helper()
	for _, program := range []string{"iptables", "ip6tables"} {
		run(t, program+variant, "-t", "mangle", "-F")
		run(t, program+variant, "-t", "mangle", "-X")
	}
}

func restoreRules(t *testing.T, g *Guard, variant string) error {
	t.Helper()
	r, err := plan(t.Context(), &g.cfg, host{variant: variant})
	if err != nil {
		return err
	}
	before := g.Stats().RulesLost
	g.lookAtRules(t.Context(), r)
	if g.Stats().RulesLost != before+1 {
		t.Errorf("%s: nobody noticed", variant)
	}
	return nil
}

// TestFail: what becomes of REGISTERs while nobody judges.
func TestFail(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from, to := netip.MustParseAddrPort("198.51.100.7:5070"), netip.AddrPortFrom(switch4, 5060)
	sw := newSwitch(t, to)
	for _, variant := range variants {
		for _, closed := range []bool{false, true} {
			cfg := testConfig(byNumber)
			cfg.Closed = closed
			r, err := plan(t.Context(), &cfg, host{variant: variant})
			check(t, err)
			check(t, r.Install(t.Context())) // and the process dies: nobody listens
			l.send(from, to, registration("9000", from))
			l.send(from, to, "OPTIONS")
			if got, ok := sw.read(soon); !ok || strings.HasPrefix(got, "OPTIONS") != closed {
				t.Errorf("%s, closed %v: %q", variant, closed, got)
			}
			if !closed {
				sw.read(soon)
			}
			// The next run takes over.
			_, stop := start(t, cfg, host{variant: variant})
			l.send(from, to, registration("9000", from))
			if d, ok := l.receive(soon); !ok || !strings.HasPrefix(d.payload, "SIP/2.0 403") {
				t.Errorf("%s: %v", variant, d)
			}
			stop()
			if s := saved(t, variant); strings.Contains(s, "sipward") {
				t.Errorf("%s: left: %s", variant, s)
			}
			l.send(from, to, registration("9000", from))
			if _, ok := sw.read(soon); !ok {
				t.Errorf("%s: a stopped guard refuses", variant)
			}
		}
	}
}

// TestPanic: a fault costs one packet, which goes as fail says.
func TestPanic(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	l := newLab(t)
	from, to := netip.MustParseAddrPort("198.51.100.7:5070"), netip.AddrPortFrom(switch4, 5060)
	sw := newSwitch(t, to)
	for _, closed := range []bool{false, true} {
		cfg := testConfig(judgePanics{})
		cfg.Closed = closed
		g, stop := start(t, cfg, host{})
		l.send(from, to, registration("1000", from))
		l.send(from, to, "OPTIONS")
		var got []string
		for range 2 {
			wait := soon
			if closed && len(got) == 1 {
				wait = quiet
			}
			if text, ok := sw.read(wait); ok {
				got = append(got, text[:3])
			}
		}
		slices.Sort(got)
		want := []string{"OPT", "REG"}
		if closed {
			want = want[:1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("closed %v: the switch got %q, want %q", closed, got, want)
		}
		stop()
		if s := g.Stats(); s.Panics != 1 || s.Packets != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestDies: a queue that breaks ends the task, with its rules.
func TestDies(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	cfg := testConfig(byNumber)
	g, err := New(cfg)
	check(t, err)
	rules, err := g.plan(t.Context())
	check(t, err)
	send, err := openSender(true)
	check(t, err)
	defer send.close()
	readers, err := g.open(send)
	check(t, err)
	check(t, rules.Install(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- g.serve(t.Context(), rules, readers) }()
	<-g.Ready()

	second, err := New(cfg)
	check(t, err)
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another program has it") {
		t.Errorf("a second one on the same queues: %v", err)
	}
	if !strings.Contains(saved(t, ""), "NFQUEUE") {
		t.Error("the second took the rules of the first away")
	}

	check(t, readers[0].queue.file.Close())
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "guard: ") {
			t.Errorf("serve: %v", err)
		}
	case <-time.After(soon):
		t.Fatal("still running")
	}
	check(t, readers[1].queue.close())
	if s := saved(t, ""); strings.Contains(s, "sipward") {
		t.Errorf("left: %s", s)
	}
}
