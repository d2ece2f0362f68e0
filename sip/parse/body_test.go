package parse

import (
	"strconv"
	"strings"
	"testing"
)

// info returns an INFO with a body.
func info(contentType, body string) string {
	return lines("INFO sip:a@b SIP/2.0", "Via: SIP/2.0/UDP h;branch=b", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2",
		"Call-ID: x", "CSeq: 3 INFO", "Content-Type: "+contentType, "Content-Length: "+strconv.Itoa(len(body)), "") + body
}

func TestInfoDigit(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		want              byte
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5'},
		{"application/dtmf-relay", "Signal= 5\r\nDuration= 160", '5'},
		{"Application/DTMF-Relay; charset=utf-8", "Duration=160\nSIGNAL = #\n", '#'},
		{"application/dtmf-relay", "Signal=*", '*'},
		{"application/dtmf-relay", "Signal=10", '*'},
		{"application/dtmf-relay", "Signal=11\r\n", '#'},
		{"application/dtmf-relay", "Signal=12", 'A'},
		{"application/dtmf-relay", "Signal=d", 'D'},
		{"application/dtmf-relay", "Signal=!", '!'},
		{"application/dtmf-relay", "Signal=16", '!'},
		{"application/dtmf-relay", "Signal=17", 0},
		{"application/dtmf-relay", "Signal=", 0},
		{"application/dtmf-relay", "Duration=160", 0},
		{"application/dtmf-relay", "7", '7'},
		{"application/dtmf", "5", '5'},
		{"application/dtmf", " 5 \r\n", '5'},
		{"application/dtmf", "10", '*'},
		{"application/dtmf", "Signal=3", '3'},
		{"application/dtmf", "123", 0},
		{"application/dtmf", "", 0},
		{"application/dtmf", "E", 0},
		{"text/plain", "Signal=5", 0},
		{"application/media_control+xml", "5", 0},
		{"multipart/mixed;boundary=z", "--z\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=9\r\n--z--\r\n", '9'},
	} {
		if got := mustParse(t, info(c.contentType, c.body)).Digit; got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.contentType, c.body, got, c.want)
		}
	}
	text := info("application/dtmf", "5")
	if m := mustParse(t, strings.Replace(text, "INFO sip", "MESSAGE sip", 1)); m.Digit != 0 {
		t.Error("a digit in a MESSAGE")
	}
	if m := mustParse(t, strings.Replace(text, "INFO sip:a@b SIP/2.0", "SIP/2.0 200 OK", 1)); m.Digit != 0 {
		t.Error("a digit in a response")
	}
}

// offer returns an INVITE with a body and exactly these content headers.
func offer(body string, headers ...string) string {
	return lines(append(append([]string{"INVITE sip:a@b SIP/2.0"}, headers...), "Via: SIP/2.0/UDP h;branch=b",
		"From: <sip:a@b>;tag=1", "To: <sip:c@d>", "Call-ID: x", "CSeq: 1 INVITE", "")...) + body
}

func TestBodyWithSDP(t *testing.T) {
	part := func(boundary, header, content string) string {
		return "--" + boundary + "\r\n" + header + "\r\n" + content + "\r\n"
	}
	sdp := "Content-Type: application/sdp\r\n"
	multi := "Content-Type: multipart/mixed; boundary="
	nested := part("out", "Content-Type: text/plain\r\n", "hello") +
		part("out", "Content-Type: multipart/alternative; boundary=\"in ner\"\r\nX: y\r\n",
			part("in ner", "c: application/SDP;\r\n\tcharset=utf-8\r\nContent-Disposition: session\r\n", sdpOffer)+"--in ner--") + "--out--\r\n"
	deep := part("b0", sdp, sdpOffer) + "--b0--\r\n"
	for i := 1; i <= maxDepth; i++ {
		b := "b" + strconv.Itoa(i)
		deep = part(b, multi+"b"+strconv.Itoa(i-1)+"\r\n", deep) + "--" + b + "--\r\n"
	}
	for _, c := range []struct {
		name string
		text string
		want bool
	}{
		{"plain", offer(sdpOffer, "Content-Type: application/sdp"), true},
		{"compact, odd case, parameters", offer(sdpOffer, "C: Application/SDP ; charset=x"), true},
		{"no type, but v=0", offer(sdpOffer), true},
		{"no type, and no v=0", offer("m=audio 1 RTP/AVP 0"), false},
		{"another type", offer(sdpOffer, "Content-Type: text/plain"), false},
		{"empty", offer("", "Content-Type: application/sdp"), false},
		{"length 0", offer(sdpOffer, "Content-Type: application/sdp", "Content-Length: 0"), false},
		{"length absurd", offer(sdpOffer, "Content-Type: application/sdp", "Content-Length: 99999999999999999999"), true},
		{"length no number", offer(sdpOffer, "Content-Type: application/sdp", "Content-Length: many"), true},
		{"cut short", offer(sdpOffer[:len(sdpOffer)-40], "Content-Type: application/sdp", "Content-Length: 267"), true},
		{"length of the first line", offer(sdpOffer, "Content-Type: application/sdp", "Content-Length: 5"), true},
		{"multipart", offer(part("z", sdp, sdpOffer)+"--z--\r\n", multi+"z"), true},
		{"multipart, bare LF", offer(strings.ReplaceAll(part("z", sdp, sdpOffer)+"--z--\r\n", "\r\n", "\n"), multi+"z"), true},
		{"multipart with preamble", offer("preamble\r\n"+part("z", sdp, sdpOffer), multi+"\"z\";x=y"), true},
		{"multipart without boundary", offer(part("z", sdp, sdpOffer), "Content-Type: multipart/mixed"), true},
		{"multipart of another boundary", offer(part("z", sdp, sdpOffer), multi+"y"), false},
		{"boundary that begins another", offer(part("zz", sdp, "")+part("z", sdp, sdpOffer), multi+"z"), true},
		{"part without headers", offer(part("z", "", sdpOffer), multi+"z"), true},
		{"nested", offer(nested, multi+"out"), true},
		{"too deep", offer(deep, multi+"b"+strconv.Itoa(maxDepth)), false},
		{"behind too many parts", offer(strings.Repeat(part("z", "", ""), maxParts)+part("z", sdp, sdpOffer), multi+"z"), false},
	} {
		m := mustParse(t, c.text)
		if got := m.SDP != nil; got != c.want {
			t.Errorf("%s: session description %t, want %t", c.name, got, c.want)
		}
	}
	p := NewParser()
	for _, text := range []string{offer(deep, multi+"b"+strconv.Itoa(maxDepth)), offer(strings.Repeat(part("z", "", ""), maxParts+1), multi+"z")} {
		if err := p.Parse([]byte(text), new(Message)); err != nil {
			t.Fatal(err)
		}
	}
	if p.Stats().PartsCut != 2 {
		t.Errorf("%+v", p.Stats())
	}
}

// A message that the snap length cut is read as far as it goes, at every cut.
func TestCutAnywhere(t *testing.T) {
	p, m := NewParser(), new(Message)
	parsed := false
	for n := range len(invite) + 1 {
		err := p.Parse([]byte(invite[:n]), m)
		if parsed && err != nil {
			t.Fatalf("%v after %d bytes, fewer were enough", err, n)
		}
		parsed = err == nil
	}
	if !parsed || m.SDP == nil {
		t.Error("the whole message does not parse")
	}
}
