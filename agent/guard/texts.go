package guard

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

func sourceText(q *register.Request, about *About) string {
	switch {
	case !q.Source.IsValid():
		return ""
	case about.Port == 0:
		return q.Source.String()
	}
	return netip.AddrPortFrom(q.Source, about.Port).String()
}

// contactText writes the URI of a contact.
func contactText(c *parse.Contact) string {
	if c.Star {
		return "*"
	}
	host := c.URI.Host
	if c.Port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(int(c.Port)))
	} else if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	switch {
	case host == "":
		return "tel:" + c.URI.User
	case c.URI.User == "":
		return "sip:" + host
	}
	return "sip:" + c.URI.User + "@" + host
}
