package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/sipward/sipward/configs"
)

// snippet is what an agent's configuration needs to reach the collector.
type snippet struct {
	node, broker string
	files        []string // that were written
	certificate  bool     // the file is a bundle
	authority    bool     // the second file is the authority
	external     bool     // the broker is to be told the password
}

// Where the files are on the switch host.
const (
	agentBundle   = "/etc/sipward/uplink.pem"
	agentPassword = "/etc/sipward/uplink.password" //nolint:gosec // the name of a file

	tablePublicKey = "/etc/sipward/table.pub"
)

// printSnippet prints YAML that can be appended to the agent's configuration as
// it is: what is for people is a comment.
func printSnippet(s *snippet) error {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	target := agentBundle
	if !s.certificate {
		target = agentPassword
	}
	say("# Node %s: copy %s to %s of its host, readable for the agent,", s.node, s.files[0], target)
	if s.authority {
		say("# and %s to %s,", s.files[1], agentBundle)
	}
	say("# and add these lines to its /etc/sipward/agent.yaml.")
	if s.external {
		say("# Tell the broker, too: user %s with this password may publish to sipward/v1/%s/#", s.node, s.node)
		say("# and read sipward/v1/%[1]s/ack, sipward/v1/%[1]s/cmd and sipward/v1/%[1]s/table, nothing else.", s.node)
	}
	say("node: %s", quoteYAML(s.node))
	say("uplink:")
	say("  brokers: [%q]", s.broker)
	if s.certificate {
		say("  ca_file: %[1]s\n  cert_file: %[1]s\n  key_file: %[1]s", agentBundle)
	} else {
		if s.authority {
			say("  ca_file: %s", agentBundle)
		}
		say("  username: %s\n  password_file: %s", quoteYAML(s.node), agentPassword)
	}
	say("# Customers and number blocks from here, in place of those in its own file: put what")
	say("# `sipward-collector blocks key` prints into %s, and add", tablePublicKey)
	say("# table: {public_key_file: %s}", tablePublicKey)
	if _, err := os.Stdout.WriteString(b.String()); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// quoteYAML keeps a node called 42 or on from being a number or a truth.
func quoteYAML(s string) string { return fmt.Sprintf("%q", s) }

// reach makes of an address to listen on one to connect to; host stands for all.
func reach(listen, host string) string {
	h, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if a, err := netip.ParseAddr(h); h == "" || err == nil && a.IsUnspecified() {
		h = host
	}
	return net.JoinHostPort(h, port)
}

// brokerNames lists the names and addresses of the embedded broker: those of the
// configuration, or else all that this host has. The first is what agents use.
func brokerNames(cfg *configs.Collector) []string {
	if len(cfg.Embedded.Names) > 0 {
		return append(slices.Clone(cfg.Embedded.Names), "localhost", "127.0.0.1", "::1")
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	names := []string{cmp.Or(host, "localhost"), "localhost"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return append(names, "127.0.0.1", "::1")
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}

// checkName reports a broker that agents would reach by a name which is not in
// its certificate.
func checkName(cfg *configs.Collector, broker string) error {
	_, rest, _ := strings.Cut(broker, "://")
	host := rest
	if h, _, err := net.SplitHostPort(rest); err == nil {
		host = h
	}
	if slices.Contains(brokerNames(cfg), host) {
		return nil
	}
	return errors.New("the broker's certificate does not have the name " + host + ": add it to embedded.names, and restart the collector")
}
