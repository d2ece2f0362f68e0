package oracle_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/sipward/sipward/test/oracle"
)

// A scene is one call, told line by line: who sends (">" the caller, "<" the
// callee), what, and options.
//
//	> INVITE [cseq=N] [to=TAG] [sdp=PORT] [pt=TYPE] [form=FORM]
//	< 180-INVITE ...       a response, with the method of its request
//	> digit KEY [pt=TYPE] [at=PORT] [lost=012...] [ssrc=N] [from=PORT]
//	> audio [at=PORT]      three packets
//	wait SECONDS
//
// A description asks for its sender's media at 192.0.2.* or 198.51.100.*, at
// PORT, with telephone events of TYPE. Packets of a digit that are lost are
// named by their place; the last three of seven are the end.
type scene struct{ name, story string }

// stage writes scenes as a capture. Each plays between hosts of its own, on
// an interface whose link layer is the next one's turn.
type stage struct {
	t   *testing.T
	w   *pcapgo.NgWriter
	now time.Time
	id  int // of the scene
	seq uint16
	ts  uint32
}

var links = []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw, layers.LinkTypeLinuxSLL, layers.LinkTypeEthernet}

// perform writes all scenes to a new file and returns its name.
func perform(t *testing.T, scenes []scene) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scenes.pcapng")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := pcapgo.NewNgWriter(f, links[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links[1:] {
		if _, err := w.AddInterface(pcapgo.NgInterface{LinkType: l, OS: "linux", TimestampResolution: 6}); err != nil {
			t.Fatal(err)
		}
	}
	s := &stage{t: t, w: w, now: time.Unix(1_700_000_000, 0).UTC()}
	for i := range scenes {
		s.id = i + 1
		s.now = s.now.Add(time.Second)
		for _, line := range strings.Split(strings.TrimSpace(scenes[i].story), "\n") {
			s.line(strings.Fields(line))
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file
}

func (s *stage) line(f []string) {
	o := map[string]string{}
	for _, opt := range f[2:] {
		k, v, _ := strings.Cut(opt, "=")
		o[k] = v
	}
	caller := f[0] == ">"
	switch {
	case f[0] == "wait":
		s.now = s.now.Add(time.Duration(s.number(f[1])) * time.Second)
	case f[1] == "digit":
		s.digit(caller, f[2], o)
	case f[1] == "audio":
		for range 3 {
			s.rtp(caller, o, 0, make([]byte, 160))
			s.ts += 160
		}
	default:
		s.udp(caller, 5060, 5060, []byte(s.message(caller, f[1], o)))
	}
}

func (s *stage) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

func (s *stage) host(caller bool) net.IP {
	if caller {
		return net.IPv4(192, 0, 2, byte(s.id))
	}
	return net.IPv4(198, 51, 100, byte(s.id))
}

// message is a request, or the response to one of the other side.
func (s *stage) message(caller bool, what string, o map[string]string) string {
	status, method, response := strings.Cut(what, "-")
	asks := caller != response // the caller sends the request that this is about
	if !response {
		method = what
	}
	cseq := or(o["cseq"], "1")
	from, to := fmt.Sprintf("<sip:a@%s>;tag=from%d", s.host(true), s.id), fmt.Sprintf("<sip:b@%s>", s.host(false))
	if tag := o["to"]; tag != "" {
		to += ";tag=" + tag
	}
	if !asks {
		from, to = to, from
	}
	start := "SIP/2.0 " + status + " Text"
	if !response {
		start = fmt.Sprintf("%s sip:x@%s SIP/2.0", method, s.host(!caller))
	}
	head := []string{
		start,
		fmt.Sprintf("Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK%d-%v-%s", s.host(asks), s.id, asks, cseq),
		"From: " + from, "To: " + to,
		fmt.Sprintf("Call-ID: scene-%d", s.id),
		"CSeq: " + cseq + " " + method,
	}
	return formed(o["form"], head, s.body(caller, o))
}

func (s *stage) body(caller bool, o map[string]string) string {
	if o["info"] != "" {
		return "Signal=" + o["info"] + "\r\nDuration=160\r\n"
	}
	if o["sdp"] == "" {
		return ""
	}
	pt := or(o["pt"], "101")
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]s RTP/AVP 0 %[3]s\r\na=rtpmap:%[3]s telephone-event/8000\r\n",
		s.host(caller), o["sdp"], pt)
}

// formed puts header and body together, the way that form names.
func formed(form string, head []string, body string) string {
	kind := "application/sdp"
	switch {
	case strings.HasPrefix(body, "Signal="):
		kind = "application/dtmf-relay"
	case body != "" && form == "multipart":
		kind = `multipart/mixed; boundary="cut"`
		body = "--cut\r\nContent-Type: text/plain\r\n\r\nhello\r\n--cut\r\nContent-Type: application/sdp\r\n\r\n" + body + "\r\n--cut--\r\n"
	}
	if body != "" {
		head = append(head, "Content-Type: "+kind)
	}
	text := strings.Join(append(head, "Content-Length: "+strconv.Itoa(len(body))), "\r\n") + "\r\n\r\n"
	switch form {
	case "compact":
		text = strings.NewReplacer("\nVia:", "\nv:", "\nFrom:", "\nf:", "\nTo:", "\nt :", "\nCall-ID:", "\ni:",
			"\nContent-Type:", "\nc:", "\nContent-Length:", "\nl:").Replace(text)
	case "folded":
		text = strings.NewReplacer(";tag=", "\r\n\t;tag=", "Call-ID: ", "Call-ID:\r\n ").Replace(text)
	case "bare":
		text, body = strings.ReplaceAll(text, "\r\n", "\n"), strings.ReplaceAll(body, "\r\n", "\n")
	}
	return text + body
}

// digit sends seven packets of one event (RFC 4733 section 2.5.1).
func (s *stage) digit(caller bool, key string, o map[string]string) {
	event := strings.Index("0123456789*#ABCD", key)
	if event < 0 {
		s.t.Fatalf("no key %q", key)
	}
	pt := byte(s.number(or(o["pt"], "101")))
	for i := range 7 {
		payload := []byte{byte(event), 10, 0, 0}
		if i >= 4 {
			payload[1] |= 0x80
		}
		binary.BigEndian.PutUint16(payload[2:], uint16(160*min(i+1, 5)))
		if !strings.Contains(o["lost"], strconv.Itoa(i)) {
			s.rtp(caller, o, pt, payload)
		}
	}
	s.ts += 8 * 160
}

func (s *stage) rtp(caller bool, o map[string]string, pt byte, payload []byte) {
	s.seq++
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], s.ts)
	binary.BigEndian.PutUint32(b[8:], uint32(s.id<<8|s.number(or(o["ssrc"], "1"))))
	s.now = s.now.Add(20 * time.Millisecond)
	src, dst := 4000, 6000
	if !caller {
		src, dst = 6000, 4000
	}
	s.udp(caller, s.number(or(o["from"], strconv.Itoa(src))), s.number(or(o["at"], strconv.Itoa(dst))), append(b, payload...))
}

// udp writes a datagram in the link layer of the scene.
func (s *stage) udp(caller bool, src, dst int, payload []byte) {
	s.now = s.now.Add(5 * time.Millisecond)
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: s.host(caller), DstIP: s.host(!caller)}
	udp := &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		s.t.Fatal(err)
	}
	all := []gopacket.SerializableLayer{ip, udp, gopacket.Payload(payload)}
	iface := s.id % len(links)
	eth := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
	switch {
	case iface == len(links)-1:
		eth.EthernetType = layers.EthernetTypeDot1Q
		all = append([]gopacket.SerializableLayer{eth, &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}}, all...)
	case links[iface] == layers.LinkTypeEthernet:
		all = append([]gopacket.SerializableLayer{eth}, all...)
	case links[iface] == layers.LinkTypeLinuxSLL:
		cooked := []byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0}
		all = append([]gopacket.SerializableLayer{gopacket.Payload(cooked)}, all...)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		s.t.Fatal(err)
	}
	info := gopacket.CaptureInfo{Timestamp: s.now, CaptureLength: len(buf.Bytes()), Length: len(buf.Bytes()), InterfaceIndex: iface}
	if err := s.w.WritePacket(info, buf.Bytes()); err != nil {
		s.t.Fatal(err)
	}
}

// The agent and tshark find the same in situations that few captures show.
func TestScenesAgreeWithTshark(t *testing.T) {
	t.Parallel()
	needTshark(t)
	agent, err := buildAgent()
	if err != nil {
		t.Fatal("build the agent: ", err)
	}
	file := perform(t, scenes)
	want, err := oracle.Read(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if want.Calls.Total+want.Calls.SeenMidcall < len(scenes) {
		t.Errorf("tshark finds %d calls and %d joined midway in %d scenes", want.Calls.Total, want.Calls.SeenMidcall, len(scenes))
	}
	got, err := oracle.Replay(t.Context(), agent, file, false)
	if err != nil {
		t.Fatal(err)
	}
	report(t, "replay", oracle.Differences(want, got))
}
