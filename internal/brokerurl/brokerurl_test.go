package brokerurl

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"mqtt://h": "mqtt://h:1883", "tcp://h:9": "tcp://h:9", "mqtts://[2001:db8::1]": "mqtts://[2001:db8::1]:8883",
		"ssl://h": "ssl://h:8883", "ws://h/mqtt": "ws://h:80/mqtt", "wss://h": "wss://h:443",
	} {
		if u, err := Parse(in); err != nil || u.String() != want {
			t.Errorf("%s: %v %v", in, u, err)
		}
	}
	for in, want := range map[string]string{ //nolint:gosec // passwords that no error may show
		"": "write it as", "h:1883": "write it as", "collector.example": `broker "collector.example": write it as`,
		"mqtt://": "write it as", "mqtt://:1883": "write it as", "http://h": "choose mqtts", "tls://h": "choose mqtts",
		"mqtt://h:x\x7f":       "cannot be read",
		"mqtt://me:secret@h":   "mqtt://me:xxxxx@h: a password has no place",
		"mqtt://me:secret@h:x": "cannot be read", "me:secret@h": "cannot be read",
	} {
		u, err := Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", in, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", in, err)
		}
	}
}

func TestSecure(t *testing.T) {
	for in, want := range map[string]bool{"mqtt://h": false, "tcp://h": false, "ws://h": false, "mqtts://h": true, "ssl://h": true, "wss://h": true} {
		u, err := Parse(in)
		if err != nil || Secure(u) != want {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
}
