package parse

import (
	"strconv"
	"strings"
)

// lines joins the lines of a message with CRLF, as on the wire. An empty last
// line ends the headers.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

// Typical messages of a trunk, as tests and benchmarks use them.
var (
	sdpOffer = lines(
		"v=0",
		"o=- 1731491204 1731491205 IN IP4 198.51.100.20",
		"s=switch",
		"c=IN IP4 198.51.100.21",
		"t=0 0",
		"m=audio 24680 RTP/AVP 8 0 101",
		"a=rtpmap:8 PCMA/8000",
		"a=rtpmap:0 PCMU/8000",
		"a=rtpmap:101 telephone-event/8000",
		"a=fmtp:101 0-16",
		"a=ptime:20",
		"a=sendrecv",
	)
	invite = lines(
		"INVITE sip:442071838750@carrier.example.net:5060;user=phone SIP/2.0",
		"Via: SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bK7c1e5a90",
		"Max-Forwards: 70",
		`From: "Front Desk" <sip:1004@pbx.example.com>;tag=9f8e7d6c`,
		"To: <sip:442071838750@carrier.example.net>",
		"Call-ID: 0c1f2e3d-4b5a-6978-8796-a5b4c3d2e1f0",
		"CSeq: 8127 INVITE",
		"Contact: <sip:1004@198.51.100.20:5060;transport=udp>",
		"User-Agent: ExamplePBX 18.2",
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY",
		"Supported: timer, 100rel, replaces",
		"Session-Expires: 1800;refresher=uac",
		"Min-SE: 90",
		"P-Asserted-Identity: <sip:442079460000@pbx.example.com>",
		"Content-Type: application/sdp",
		"Content-Length: "+strconv.Itoa(len(sdpOffer)),
		"",
	) + sdpOffer
	sdpAnswer = strings.ReplaceAll(sdpOffer, "198.51.100.21", "203.0.113.99")
	ringing   = lines(
		"SIP/2.0 180 Ringing",
		"Via: SIP/2.0/UDP 198.51.100.20:5060;rport=5060;branch=z9hG4bK7c1e5a90;received=198.51.100.20",
		`From: "Front Desk" <sip:1004@pbx.example.com>;tag=9f8e7d6c`,
		"To: <sip:442071838750@carrier.example.net>;tag=as5d3c1b",
		"Call-ID: 0c1f2e3d-4b5a-6978-8796-a5b4c3d2e1f0",
		"CSeq: 8127 INVITE",
		"Server: ExampleSBC/7",
		"Contact: <sip:442071838750@203.0.113.7:5060>",
		"Content-Length: 0",
		"",
	)
	answer = lines(
		"SIP/2.0 200 OK",
		"Via: SIP/2.0/UDP 198.51.100.20:5060;rport=5060;branch=z9hG4bK7c1e5a90;received=198.51.100.20",
		`From: "Front Desk" <sip:1004@pbx.example.com>;tag=9f8e7d6c`,
		"To: <sip:442071838750@carrier.example.net>;tag=as5d3c1b",
		"Call-ID: 0c1f2e3d-4b5a-6978-8796-a5b4c3d2e1f0",
		"CSeq: 8127 INVITE",
		"Server: ExampleSBC/7",
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
		"Contact: <sip:442071838750@203.0.113.7:5060>",
		"Session-Expires: 1800;refresher=uac",
		"Content-Type: application/sdp",
		"Content-Length: "+strconv.Itoa(len(sdpAnswer)),
		"",
	) + sdpAnswer
	bye = lines(
		"BYE sip:442071838750@203.0.113.7:5060 SIP/2.0",
		"Via: SIP/2.0/UDP 198.51.100.20:5060;rport;branch=z9hG4bK11aa22bb",
		"Max-Forwards: 70",
		`From: "Front Desk" <sip:1004@pbx.example.com>;tag=9f8e7d6c`,
		"To: <sip:442071838750@carrier.example.net>;tag=as5d3c1b",
		"Call-ID: 0c1f2e3d-4b5a-6978-8796-a5b4c3d2e1f0",
		"CSeq: 8128 BYE",
		`Reason: Q.850;cause=16;text="Normal call clearing"`,
		"User-Agent: ExamplePBX 18.2",
		"Content-Length: 0",
		"",
	)
	register = lines(
		"REGISTER sip:pbx.example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.44:5062;branch=z9hG4bK5501;rport",
		"Max-Forwards: 70",
		"From: <sip:1004@pbx.example.com>;tag=77aa",
		"To: <sip:1004@pbx.example.com>",
		"Call-ID: 5f4e3d2c@192.0.2.44",
		"CSeq: 102 REGISTER",
		`Contact: <sip:1004@192.0.2.44:5062;line=x1>;expires=600;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"`,
		`Authorization: Digest username="1004", realm="pbx.example.com", nonce="4f7a", uri="sip:pbx.example.com", response="0f1e2d", algorithm=MD5`,
		"User-Agent: Desk Phone 4.1",
		"Expires: 600",
		"Content-Length: 0",
		"",
	)
)
