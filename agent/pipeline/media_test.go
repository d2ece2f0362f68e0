package pipeline

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// scene is a switch with phones and carriers on a line that a test talks on.
type scene struct {
	t       *testing.T
	core    *Core
	kernel  *fakeKernel // nil: user space sees everything
	now     int64
	cseq    int
	results map[string]string // of finished calls
}

const (
	phone     = "10.1.0.1"
	phone2    = "10.1.0.2"
	theSwitch = "192.0.2.1"
	faraway   = "198.51.100.7"
)

func newScene(t *testing.T, kernel *fakeKernel) *scene {
	t.Helper()
	bk, err := party.NewBook([]party.Entry{{Name: "acme", Kind: party.Customer,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}, []netip.Addr{netip.MustParseAddr(theSwitch)})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, kernel: kernel, now: int64(1_700_000_000) * 1e9, results: map[string]string{}}
	cfg := Config{Book: bk, Finished: func(l *dialog.Leg, m *counters.MediaResult, _ *party.Book) {
		mos := m.Sent[0].MOS > 0 || m.Sent[1].MOS > 0
		s.results[l.CallID] = fmt.Sprintf("%v %v, %d and %d packets, %d lost, %d keys, mos %v", l.Release, m.Class(), m.Sent[0].Packets,
			m.Sent[1].Packets, m.Sent[0].Lost+m.Sent[1].Lost, m.Sent[0].Presses+m.Sent[1].Presses, mos)
	}}
	if kernel != nil {
		cfg.Kernel = kernel
	}
	s.core = New(cfg)
	s.core.Tick(s.now)
	return s
}

func at(s string) packet.Endpoint { return packet.EndpointFrom(netip.MustParseAddrPort(s)) }

func (s *scene) send(src, dst string, payload []byte) {
	p := &packet.Packet{Time: s.now, Src: at(src), Dst: at(dst), Payload: payload, Transport: packet.UDP}
	if s.kernel == nil || s.kernel.pass(p) {
		s.core.payload(p)
	}
}

// wait lets time pass in steps of a second.
func (s *scene) wait(d time.Duration) {
	for end := s.now + int64(d); s.now < end; {
		s.now = min(s.now+int64(time.Second), end)
		s.core.Tick(s.now)
	}
}

// sip sends a message of a call from the phone of the given host, or to it.
// media is "" or the address of a description, "image" before it for T.38.
func (s *scene) sip(call, first string, fromPhone bool, host, media string) {
	s.cseq++
	from, to := "a", "b"
	src, dst := host+":5060", theSwitch+":5060"
	if !fromPhone {
		src, dst = dst, src
		from, to = to, from
	}
	if first[:3] == "SIP" { // a response repeats the tags of its request
		from, to = to, from
	}
	toTag := ";tag=" + to
	if first == "INVITE" {
		toTag = ""
	}
	method := map[string]string{"SIP/2.0 200 OK": "INVITE", "re-INVITE": "INVITE"}[first]
	if method == "" {
		method = first
	}
	line := first
	if first[:3] != "SIP" {
		line = method + " sip:4930@" + theSwitch + " SIP/2.0"
	} else {
		s.cseq--
	}
	body := ""
	if media != "" {
		kind, formats := "audio", "RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000"
		if media[:5] == "image" {
			kind, formats, media = "image", "udptl t38", media[6:]
		}
		a := netip.MustParseAddrPort(media)
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=%s %d %s\r\n", a.Addr(), a.Addr(), kind, a.Port(), formats)
	}
	s.send(src, dst, fmt.Appendf(nil, "%s\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d\r\nFrom: <sip:1@x>;tag=%s\r\nTo: <sip:4930@x>%s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:x@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		line, src, call, s.cseq, from, toTag, call, s.cseq, method, src, len(body), body))
}

// call sets a call up between the phone of host and the switch's port.
func (s *scene) call(id, host, from, to string) {
	s.sip(id, "INVITE", true, host, from)
	s.sip(id, "SIP/2.0 200 OK", false, host, to)
	s.sip(id, "ACK", true, host, "")
}

func (s *scene) bye(id, host string) { s.sip(id, "BYE", true, host, "") }

// rtp is a packet of 20 ms of G.711, number n of stream ssrc; of a key if
// size is 4.
func (s *scene) rtp(src, dst string, ssrc uint32, n, size int) {
	b := make([]byte, 12+size)
	b[0] = 0x80
	if size == 4 {
		b[1], b[12], b[13], b[15] = 101, 5, 0x8A, 160
	}
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], uint32(n*160))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	s.send(src, dst, b)
}

// talk has a and b send each other n packets, step apart.
func (s *scene) talk(a, b string, ssrc uint32, n int, step time.Duration) {
	for i := range n {
		s.rtp(a, b, ssrc, i, 160)
		s.rtp(b, a, ssrc+1, i, 160)
		s.wait(step)
	}
}

func (s *scene) want(call, result string) {
	s.t.Helper()
	s.wait(10 * time.Second)
	if got := s.results[call]; got != result {
		s.t.Errorf("call %s: %q, want %q", call, got, result)
	}
}

// both runs a test with the kernel counting, and in user space alone.
func both(t *testing.T, test func(*scene)) {
	t.Run("kernel", func(t *testing.T) { test(newScene(t, newFakeKernel())) })
	t.Run("user space", func(t *testing.T) { test(newScene(t, nil)) })
}

const (
	phoneRTP  = phone + ":4000"
	phone2RTP = phone2 + ":4000"
	switchRTP = theSwitch + ":6000"
	step      = 20 * time.Millisecond
)

// TestSilence: a call whose media had passed here and stopped is over.
func TestSilence(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, phoneRTP, switchRTP)
		s.talk(phoneRTP, switchRTP, 1, 100, step)
		s.wait(6 * time.Minute)
		s.want("c1", "media_silence two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
	})
}

// TestSilenceBehindNAT: the phone announced an address of its own network.
func TestSilenceBehindNAT(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, "192.168.1.5:4000", switchRTP)
		s.talk(phone+":61000", switchRTP, 1, 100, step)
		s.wait(6 * time.Minute)
		s.want("c1", "media_silence two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
	})
}

// TestMediaMovedPast: a re-INVITE sends the media past the switch, which is not
// silence.
func TestMediaMovedPast(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, phoneRTP, switchRTP)
		s.talk(phoneRTP, switchRTP, 1, 100, step)
		s.sip("c1", "re-INVITE", false, phone, faraway+":9000")
		s.sip("c1", "SIP/2.0 200 OK", true, phone, phoneRTP)
		s.wait(20 * time.Minute)
		s.bye("c1", phone)
		s.want("c1", "bye_caller two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
	})
}

// TestMediaMovedAtOnce: what moves before it begins had not to pass here.
func TestMediaMovedAtOnce(t *testing.T) {
	both(t, func(s *scene) {
		s.call("other", phone2, phone2RTP, theSwitch+":6002") // audio can be seen
		s.talk(phone2RTP, theSwitch+":6002", 9, 10, step)
		s.call("c1", phone, phoneRTP, switchRTP)
		s.sip("c1", "re-INVITE", false, phone, faraway+":9000")
		s.sip("c1", "SIP/2.0 200 OK", true, phone, phoneRTP)
		s.bye("c1", phone)
		s.want("c1", "bye_caller not_seen, 0 and 0 packets, 0 lost, 0 keys, mos false")
	})
}

// TestAnsweredWithoutMedia: where audio is seen, none is worth a word.
func TestAnsweredWithoutMedia(t *testing.T) {
	both(t, func(s *scene) {
		s.call("other", phone2, phone2RTP, theSwitch+":6002")
		s.talk(phone2RTP, theSwitch+":6002", 9, 10, step)
		s.call("c1", phone, phoneRTP, switchRTP)
		s.wait(time.Minute)
		s.bye("c1", phone)
		s.want("c1", "bye_caller answered_without_media, 0 and 0 packets, 0 lost, 0 keys, mos false")
	})
}

// TestSIPAlone: a source that never carried RTP says nothing of media.
func TestSIPAlone(t *testing.T) {
	s := newScene(t, nil)
	s.call("c1", phone, phoneRTP, switchRTP)
	s.wait(time.Minute)
	s.bye("c1", phone)
	s.want("c1", "bye_caller not_seen, 0 and 0 packets, 0 lost, 0 keys, mos false")
}

// TestClassicFilter lets nothing through but two keys far apart.
func TestClassicFilter(t *testing.T) {
	k := newFakeKernel()
	k.off = true
	s := newScene(t, k)
	s.call("c1", phone, phoneRTP, switchRTP)
	s.talk(phoneRTP, switchRTP, 1, 100, step)
	s.rtp(phoneRTP, switchRTP, 1, 100, 4)
	s.rtp(switchRTP, phoneRTP, 2, 100, 4)
	s.wait(time.Second)
	s.rtp(phoneRTP, switchRTP, 1, 150, 4)
	s.wait(8 * time.Minute)
	s.bye("c1", phone)
	s.want("c1", "bye_caller not_seen, 0 and 0 packets, 0 lost, 3 keys, mos false")
}

// TestFax: T.38 is no RTP and no silence.
func TestFax(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, phoneRTP, switchRTP)
		s.talk(phoneRTP, switchRTP, 1, 100, step)
		s.sip("c1", "re-INVITE", true, phone, "image "+phoneRTP)
		s.sip("c1", "SIP/2.0 200 OK", false, phone, "image "+switchRTP)
		for range 600 {
			s.send(phoneRTP, switchRTP, []byte{0, 1, 1, 6, 0, 0})
			s.wait(time.Second)
		}
		s.bye("c1", phone)
		s.want("c1", "bye_caller two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
	})
}

// TestSharedPort has two calls of different phones on one port of the switch.
func TestSharedPort(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, phoneRTP, switchRTP)
		s.talk(phoneRTP, switchRTP, 1, 100, step)
		s.call("c2", phone2, phone2RTP, switchRTP)
		s.talk(phone2RTP, switchRTP, 11, 50, step)
		s.sip("c1", "re-INVITE", true, phone, phoneRTP) // said again
		s.sip("c1", "SIP/2.0 200 OK", false, phone, switchRTP)
		for i := range 600 {
			s.rtp(phoneRTP, switchRTP, 1, 100+i, 160)
			s.rtp(switchRTP, phoneRTP, 2, 100+i, 160)
			s.wait(time.Second)
		}
		s.bye("c1", phone)
		s.want("c1", "bye_caller two_way, 700 and 700 packets, 0 lost, 0 keys, mos true")
		s.want("c2", "media_silence two_way, 50 and 50 packets, 0 lost, 0 keys, mos true")
	})
}

// TestPortTakenAgain: the next call takes both ports while the last one settles.
func TestPortTakenAgain(t *testing.T) {
	both(t, func(s *scene) {
		for i, id := range []string{"c1", "c2", "c3"} {
			s.call(id, phone, phoneRTP, switchRTP)
			s.talk(phoneRTP, switchRTP, uint32(10*i), 100*(i+1), step)
			s.bye(id, phone)
			s.wait(time.Second)
		}
		s.want("c1", "bye_caller two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
		s.want("c2", "bye_caller two_way, 200 and 200 packets, 0 lost, 0 keys, mos true")
		s.want("c3", "bye_caller two_way, 300 and 300 packets, 0 lost, 0 keys, mos true")
	})
}

// TestBothPortsShared: nothing tells the packets of two calls apart that have
// both ports in common. None is counted twice, and no call is blamed.
func TestBothPortsShared(t *testing.T) {
	both(t, func(s *scene) {
		s.call("c1", phone, phoneRTP, switchRTP)
		s.rtp(phoneRTP, switchRTP, 1, 1, 160)
		s.call("c2", phone, phoneRTP, switchRTP)
		s.talk(phoneRTP, switchRTP, 1, 100, step)
		s.bye("c1", phone)
		s.bye("c2", phone)
		s.want("c1", "bye_caller not_seen, 1 and 0 packets, 0 lost, 0 keys, mos false")
		s.want("c2", "bye_caller two_way, 100 and 100 packets, 0 lost, 0 keys, mos false")
		if n := s.core.Snapshot().Media.Mixed; n != 2 {
			t.Errorf("%d announcements mixed", n)
		}
	})
}

// TestFinishReadsTheKernel: what the kernel counted of calls that are open at
// the end is not lost.
func TestFinishReadsTheKernel(t *testing.T) {
	s := newScene(t, newFakeKernel())
	s.call("c1", phone, phoneRTP, switchRTP)
	s.talk(phoneRTP, switchRTP, 1, 100, step)
	s.core.Finish()
	s.want("c1", "capture_end two_way, 100 and 100 packets, 0 lost, 0 keys, mos true")
	if len(s.kernel.open) != 0 {
		t.Errorf("open in the kernel: %v", s.kernel.open)
	}
}
