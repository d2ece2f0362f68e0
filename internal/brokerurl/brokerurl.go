// Package brokerurl says how an MQTT broker is named: the configuration checks
// it, and both ends of the way connect by it.
package brokerurl

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// scheme is one way to reach a broker.
type scheme struct {
	tls  bool
	port string // when the URL has none
}

var schemes = map[string]scheme{
	"mqtt": {false, "1883"}, "tcp": {false, "1883"}, "ws": {false, "80"},
	"mqtts": {true, "8883"}, "ssl": {true, "8883"}, "wss": {true, "443"},
}

// Parse reads the URL of a broker, and adds the port that its scheme implies. Its
// errors never hold a password.
func Parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "": // the text may hold a password
		return nil, errors.New("the URL of a broker cannot be read: write it as mqtts://collector.example:8883")
	case u.Hostname() == "":
		return nil, fmt.Errorf("broker %q: write it as mqtts://collector.example:8883", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("broker %s: a password has no place in the URL; set username and password_file", u.Redacted())
	}
	how, ok := schemes[u.Scheme]
	if !ok {
		return nil, fmt.Errorf("broker %q: choose mqtts, mqtt, wss or ws", s)
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) {
		return nil, fmt.Errorf("broker %q: ports are numbers from 1 to 65535", s)
	}
	if u.Port() == "" {
		u.Host += ":" + how.port
	}
	return u, nil
}

// Secure reports whether u means TLS.
func Secure(u *url.URL) bool { return schemes[u.Scheme].tls }
