package oracle

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// message is one SIP message as tshark dissected it.
type message struct {
	frame     int
	time      float64 // seconds since the Unix epoch
	transport string  // udp, tcp, sctp, ws, tls
	method    string  // of a request, "" for a response
	status    int     // of a response, 0 for a request
	callID    string
	cseq      string
	cseqFor   string // method in CSeq
	fromTag   string
	toTag     string
	content   string // Content-Type
	body      []byte
}

func (m *message) request() bool { return m.status == 0 }

// node is an element of tshark's PDML: proto or field.
type node struct {
	Name   string `xml:"name,attr"`
	Show   string `xml:"show,attr"`
	Value  string `xml:"value,attr"`
	Protos []node `xml:"proto"`
	Fields []node `xml:"field"`
}

// first collects the first occurrence of every field below n, depth first.
func (n *node) first(into map[string]string) map[string]string {
	for i := range n.Fields {
		f := &n.Fields[i]
		if _, have := into[f.Name]; !have && f.Name != "" {
			into[f.Name] = f.Show
		}
		f.first(into)
	}
	return into
}

// find returns the first field of that name below n.
func (n *node) find(name string) *node {
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return &n.Fields[i]
		}
		if f := n.Fields[i].find(name); f != nil {
			return f
		}
	}
	return nil
}

// raw is the bytes that the fields below n, or n itself, were read from.
func (n *node) raw() []byte {
	if n == nil {
		return nil
	}
	var b []byte
	for i := range n.Fields {
		line, err := hex.DecodeString(n.Fields[i].Value)
		if err == nil {
			b = append(b, line...)
		}
	}
	if len(n.Fields) == 0 {
		b, _ = hex.DecodeString(n.Value) // what is not hexadecimal is no body
	}
	return b
}

// messages lists every SIP message in the order of the capture: one for each
// start line, reassembled from fragments and segments. What ICMP quotes is
// none, nor is what tshark calls a continuation.
func (c *capture) messages(ctx context.Context) ([]message, error) {
	out, err := c.tshark(ctx, "-Y", "sip && !icmp && !icmpv6", "-T", "pdml", "-J", "frame udp tcp sctp sip websocket tls")
	if err != nil {
		return nil, err
	}
	var all []message
	for {
		_, rest, found := bytes.Cut(out, []byte("<packet>"))
		if !found {
			break
		}
		text, after, _ := bytes.Cut(rest, []byte("</packet>"))
		out = after
		var p node
		if err := xml.Unmarshal(slices.Concat([]byte("<packet>"), legal(text), []byte("</packet>")), &p); err != nil {
			return nil, fmt.Errorf("%s: a packet of tshark's PDML: %w", c.file, err)
		}
		if all, err = appendMessages(all, p.Protos); err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
	}
	slices.SortStableFunc(all, func(a, b message) int { return a.frame - b.frame })
	return all, nil
}

// legal replaces what XML 1.0 does not allow; tshark passes it on as it came.
func legal(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return '?'
		}
		return r
	}, bytes.ToValidUTF8(text, []byte("?")))
}

// appendMessages adds the messages of one packet, whose layers are in order.
func appendMessages(all []message, layers []node) ([]message, error) {
	var m message
	for i := range layers {
		l := &layers[i]
		switch l.Name {
		case "frame":
			f := l.first(make(map[string]string))
			var err error
			if m.frame, err = strconv.Atoi(f["frame.number"]); err != nil {
				return nil, err
			}
			if m.time, err = strconv.ParseFloat(f["frame.time_epoch"], 64); err != nil {
				return nil, err
			}
		case "udp", "tcp", "sctp":
			m.transport = l.Name
		case "websocket":
			m.transport = "ws"
		case "tls":
			m.transport = "tls"
		case "sip":
			if one, ok := m.with(l); ok {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// with is m with what the SIP layer says; false if that has no start line.
func (m message) with(l *node) (message, bool) {
	f := l.first(make(map[string]string))
	if _, request := f["sip.Request-Line"]; request {
		m.method = f["sip.Method"]
		if m.method == "" {
			return m, false
		}
	} else {
		status, err := strconv.Atoi(f["sip.Status-Code"])
		if err != nil {
			return m, false
		}
		m.status = status
	}
	m.callID, m.cseq, m.cseqFor = f["sip.Call-ID"], f["sip.CSeq.seq"], f["sip.CSeq.method"]
	m.fromTag, m.toTag = f["sip.from.tag"], f["sip.to.tag"]
	m.content = strings.ToLower(f["sip.Content-Type"])
	m.body = l.find("sip.msg_body").raw()
	return m, true
}
