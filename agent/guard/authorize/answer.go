package authorize

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Header values are shared by all answers: net/http only reads them.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"} // RFC 9457
	xmlType     = []string{"text/xml"}
)

func write(w http.ResponseWriter, status int, kind []string, body []byte) {
	w.Header()["Content-Type"] = kind
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked is gone: nobody to tell
}

// appendAnswer appends a verdict as JSON. The block and its holder are for the
// switch's log; what the phone is told is a bare 403.
func (s *Server) appendAnswer(b []byte, v register.Verdict) []byte {
	b = append(b, `{"allow":`...)
	b = strconv.AppendBool(b, v.Pass())
	b = appendField(b, "reason", v.Reason.String())
	if s.cfg.Name != nil {
		b = appendField(b, "customer", s.cfg.Name(v.Customer))
	}
	if v.Block != (party.Block{}) {
		b = append(b, `,"block":"`...)
		b = append(b, v.Block.First...) // digits
		b = append(b, '-')
		b = append(b, v.Block.Last...)
		b = append(b, '"')
	}
	if s.cfg.Name != nil && (v.Holder != party.Unknown || v.Reason == register.InUse) {
		b = appendField(b, "holder", s.cfg.Name(v.Holder))
	}
	return append(b, '}')
}

// appendProblem appends problem details (RFC 9457). Without a type of its own
// the title is that of the status.
func appendProblem(b []byte, status int, detail string) []byte {
	b = append(b, `{"type":"about:blank"`...)
	b = appendField(b, "title", http.StatusText(status))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = appendField(b, "detail", detail)
	return append(b, '}')
}

func appendField(b []byte, name, text string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendString(b, text)
}

// appendString appends a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
