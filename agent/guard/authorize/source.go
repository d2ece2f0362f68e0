package authorize

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/sipward/sipward/sip/packet"
)

// source is where a REGISTER came from, as the switch tells it.
type source struct {
	addr      netip.Addr
	port      uint16 // 0: not told
	transport packet.Transport
}

// readSource reads the parameters source, port and transport of a query.
func readSource(query string) (source, *problem) {
	var given [3]string // address, port, transport
	var have [3]bool
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, val, _ := strings.Cut(pair, "=")
		i := -1
		switch name {
		case "source":
			i = 0
		case "port":
			i = 1
		case "transport":
			i = 2
		}
		if i < 0 || have[i] {
			return source{}, badRequest("parameter " + quoted(name) + ": each of source, port and transport may be given once, and no other")
		}
		text, err := url.QueryUnescape(val)
		if err != nil {
			return source{}, badRequest("parameter " + name + ": " + err.Error())
		}
		given[i], have[i] = text, true
	}
	if !have[0] {
		return source{}, badRequest("where did the REGISTER come from? Ask as ?source=192.0.2.7&port=5060&transport=udp")
	}
	return newSource(given[0], given[1], given[2])
}

// newSource checks what the switch tells. port and transport may be "".
func newSource(addr, port, transport string) (source, *problem) {
	s := source{transport: packet.UDP}
	var ok bool
	if s.addr, ok = readAddr(addr); !ok {
		return source{}, badRequest("source " + quoted(addr) + " is no IP address")
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return source{}, badRequest("port " + quoted(port) + " is no number from 0 to 65535")
		}
		s.port = uint16(n)
	}
	if transport != "" {
		if s.transport, ok = readTransport(transport); !ok {
			return source{}, badRequest("transport " + quoted(transport) + " is none of udp, tcp, tls, sctp, ws and wss")
		}
	}
	return s, nil
}

// readAddr reads an address with or without the brackets that a URI has around
// IPv6; a zone is left out.
func readAddr(s string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}

func readTransport(s string) (packet.Transport, bool) {
	for t := packet.UDP; int(t) < packet.Transports; t++ {
		if strings.EqualFold(s, t.String()) {
			return t, true
		}
	}
	return 0, false
}

func badRequest(detail string) *problem { return &problem{http.StatusBadRequest, detail} }

// quoted quotes what somebody sent, cut to a length that a person reads.
func quoted(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.Quote(s)
}
