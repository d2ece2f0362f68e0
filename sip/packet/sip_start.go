package packet

import (
	"bytes"
	"strings"
)

// sipVerdict says whether bytes are a SIP start line.
type sipVerdict uint8

const (
	sipNo sipVerdict = iota + 1
	sipMaybe
	sipYes
)

const (
	sipLineMax   = 4096 // longest start line
	sipMethodMax = 32   // longest method
)

var sipMethods = [...]string{
	"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "PRACK",
	"UPDATE", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH",
}

// sipSchemes are the URI schemes that a Request-URI may begin with while its
// line is not complete; a complete line is judged by its end.
var sipSchemes = [...]string{"sip:", "sips:", "tel:", "urn:", "im:", "pres:"}

// sipStart tells whether b begins with a start line (RFC 3261 sections 7.1 and
// 7.2). sipMaybe means that b ends before that can be told. HTTP and RTSP
// share methods with SIP; the version at the end of the line decides.
func sipStart(b []byte) sipVerdict {
	if len(b) > 0 && b[0] == 'S' {
		if v := sipStatusLine(b); v != sipNo {
			return v
		}
	}
	i := 0
	for i < len(b) && i <= sipMethodMax && sipMethodByte(b[i]) {
		i++
	}
	if i == len(b) {
		return sipMethodPrefix(b)
	}
	if i == 0 || b[i] != ' ' {
		return sipNo
	}
	return sipRequestRest(b[i+1:])
}

func sipMethodByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func sipMethodPrefix(b []byte) sipVerdict {
	for _, m := range sipMethods {
		if strings.HasPrefix(m, string(b)) {
			return sipMaybe
		}
	}
	return sipNo
}

// sipRequestRest judges what follows the method.
func sipRequestRest(b []byte) sipVerdict {
	line := b[:min(len(b), sipLineMax)]
	if at := bytes.IndexByte(line, '\n'); at >= 0 {
		const version = " SIP/2.0"
		line = bytes.TrimRight(line[:at], "\r \t")
		at = len(line) - len(version)
		if at > 0 && bytes.EqualFold(line[at:], []byte(version)) {
			return sipYes
		}
		return sipNo
	}
	if len(b) >= sipLineMax {
		return sipNo
	}
	for _, scheme := range sipSchemes {
		n := min(len(b), len(scheme))
		if strings.EqualFold(string(b[:n]), scheme[:n]) {
			return sipMaybe
		}
	}
	return sipNo
}

// sipStatusLine judges a response's first bytes: the version and three digits.
func sipStatusLine(b []byte) sipVerdict {
	const version = "SIP/2.0 "
	n := min(len(b), len(version))
	if string(b[:n]) != version[:n] {
		return sipNo
	}
	for i := len(version); i < len(version)+3; i++ {
		if i >= len(b) {
			return sipMaybe
		}
		if b[i] < '0' || b[i] > '9' {
			return sipNo
		}
	}
	return sipYes
}

// sipBlank returns how many bytes of line ends b begins with.
func sipBlank(b []byte) int {
	for i, c := range b {
		if c != '\r' && c != '\n' {
			return i
		}
	}
	return len(b)
}
