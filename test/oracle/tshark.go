package oracle

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// capture is a file and how tshark has to be told to read it.
type capture struct {
	file     string
	decodeAs []string // -d arguments
}

// tshark runs one pass over the capture and returns what it printed. A file
// that is cut off at its end is read as far as it goes.
func (c *capture) tshark(ctx context.Context, args ...string) ([]byte, error) {
	all := []string{"-n", "-r", c.file, "-o", "tcp.desegment_tcp_streams:TRUE", "-o", "ip.defragment:TRUE"}
	for _, d := range c.decodeAs {
		all = append(all, "-d", d)
	}
	cmd := exec.CommandContext(ctx, "tshark", append(all, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil && !strings.Contains(errs.String(), "cut short") {
		return nil, fmt.Errorf("tshark %s: %w: %s", c.file, err, errs.Bytes())
	}
	return out, nil
}

// fields runs a pass that prints fields, one row a packet. Where a field
// occurs more than once in a packet the innermost, last, is taken.
func (c *capture) fields(ctx context.Context, filter string, names []string, more ...string) ([][]string, error) {
	args := append([]string{"-T", "fields", "-E", "separator=/t", "-E", "occurrence=l"}, more...)
	if filter != "" {
		args = append(args, "-Y", filter)
	}
	for _, n := range names {
		args = append(args, "-e", n)
	}
	out, err := c.tshark(ctx, args...)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if row := strings.Split(lines.Text(), "\t"); len(row) == len(names) {
			rows = append(rows, row)
		}
	}
	return rows, lines.Err()
}

// packet is one row of the first pass.
type packet struct {
	layers  []string // "eth", "ip", "udp", "sip", ...
	payload string   // of UDP or TCP, hexadecimal
	port    string   // it came from
	row     []string // the whole row; its first columns are rtpFields
}

// packets lists every packet of the capture.
func (c *capture) packets(ctx context.Context) ([]packet, error) {
	rows, err := c.fields(ctx, "", slices.Concat(rtpFields, []string{"frame.protocols", "udp.payload", "tcp.payload", "tcp.srcport"}))
	if err != nil {
		return nil, err
	}
	all := make([]packet, 0, len(rows))
	for _, r := range rows {
		n := len(rtpFields)
		p := packet{layers: strings.Split(r[n], ":"), payload: r[n+1], port: r[colSrcPort], row: r}
		if p.has("tcp") {
			p.payload, p.port = r[n+2], r[n+3]
		}
		all = append(all, p)
	}
	return all, nil
}

func (p *packet) has(layer string) bool { return slices.Contains(p.layers, layer) }

// quoted reports whether p is an ICMP error, which quotes another packet.
func (p *packet) quoted() bool { return p.has("icmp") || p.has("icmpv6") }

// usualPorts are those that tshark looks at for SIP, or that other protocols
// own too firmly to be read as SIP.
var usualPorts = []string{"5060", "5061", "80", "443", "8080"}

// statusLine is "SIP/2.0 " in hexadecimal, as every response begins.
const statusLine = "5349502f322e3020"

// otherPorts has ports decoded as SIP that speak it and that tshark takes for
// another protocol's: a response gives them away. It reports whether any is new.
func (c *capture) otherPorts(packets []packet) bool {
	found := false
	for i := range packets {
		p := &packets[i]
		if !strings.HasPrefix(p.payload, statusLine) || p.has("sip") || p.quoted() || slices.Contains(usualPorts, p.port) {
			continue
		}
		proto := "udp"
		if p.has("tcp") {
			proto = "tcp"
		}
		if d := fmt.Sprintf("%s.port==%s,sip", proto, p.port); !slices.Contains(c.decodeAs, d) {
			c.decodeAs, found = append(c.decodeAs, d), true
		}
	}
	return found
}

// Read reads a capture.
func Read(ctx context.Context, file string) (*Figures, error) {
	c := &capture{file: file}
	packets, err := c.packets(ctx)
	if err == nil && c.otherPorts(packets) {
		packets, err = c.packets(ctx)
	}
	if err != nil {
		return nil, err
	}
	f := &Figures{Packets: len(packets)}
	var messages []message
	if slices.ContainsFunc(packets, func(p packet) bool { return p.has("sip") }) {
		if messages, err = c.messages(ctx); err != nil {
			return nil, err
		}
	}
	f.SIP.Messages = len(messages)
	f.SIP.Transports = make(map[string]int)
	for _, m := range messages {
		f.SIP.Transports[m.transport]++
	}
	countCalls(f, messages)
	countRegistrations(f, messages)
	return f, c.countMedia(ctx, f, packets)
}
