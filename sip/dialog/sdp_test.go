package dialog

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
)

func pts(types ...uint8) (s parse.PayloadTypes) {
	for _, pt := range types {
		s.Add(pt)
	}
	return s
}

// What a packet's receiver calls telephone-event is telephone-event, and type
// 101 unless somebody uses it for something else.
func TestEventsTo(t *testing.T) {
	audio := func(events parse.PayloadTypes, formats ...uint8) line {
		return line{Kind: parse.Audio, Events: events, Formats: events.Union(pts(formats...))}
	}
	for _, c := range []struct {
		name             string
		receiver, sender line
		want             parse.PayloadTypes
	}{
		{"agreed", audio(pts(101), 0), audio(pts(101), 0), pts(101)},
		{"the receiver's own", audio(pts(96), 0), audio(pts(101), 0), pts(96)},
		{"101 though 96 was agreed", audio(pts(96), 0), audio(pts(96), 0), pts(96, 101)},
		{"nobody names any", audio(pts(), 0), audio(pts(), 0), pts(101)},
		{"only the sender names one", audio(pts(), 0), audio(pts(97), 0), pts(97, 101)},
		{"the sender's is the receiver's codec", audio(pts(), 97), audio(pts(97), 0), pts(101)},
		{"101 is a codec", audio(pts(), 0, 101), audio(pts(), 0, 101), pts()},
		{"101 is the sender's codec", audio(pts(96), 0), audio(pts(96), 101), pts(96)},
		{"one side only was seen", audio(pts(), 0), line{}, pts(101)},
		{"video", line{Kind: parse.Video, Formats: pts(34)}, line{Kind: parse.Video}, pts()},
	} {
		if got := eventsTo(c.receiver, c.sender); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}

// Who means SRTP, where plain RTP is on offer too.
func TestEncrypted(t *testing.T) {
	at := func(port uint16) packet.Endpoint { return packet.Endpoint{IP: [16]byte{15: 1}, Port: port} }
	said := func(side media.Side, index uint8, port uint16, encrypted bool) announcement {
		return announcement{ep: at(port), side: side, index: index, line: line{Kind: parse.Audio, Encrypted: encrypted}}
	}
	const caller, callee = media.Caller, media.Callee
	for _, c := range []struct {
		name      string
		announced []announcement
		want      bool
	}{
		{"plain", []announcement{said(caller, 0, 4000, false), said(callee, 0, 5000, false)}, false},
		{"agreed", []announcement{said(caller, 0, 4000, true), said(callee, 0, 5000, true)}, true},
		{"offered", []announcement{said(caller, 0, 4000, true)}, true},
		{"keys offered, and not answered", []announcement{said(caller, 0, 4000, true), said(callee, 0, 5000, false)}, false},
		{"beside plain RTP", []announcement{said(caller, 0, 4000, true), said(caller, 1, 4000, false)}, true},
		{"beside plain RTP, taken", []announcement{
			said(caller, 0, 4000, false), said(caller, 1, 4000, true), said(callee, 1, 5000, true)}, true},
		{"beside plain RTP, left", []announcement{
			said(caller, 0, 4000, true), said(caller, 1, 4000, false), said(callee, 1, 5000, false)}, false},
	} {
		l := &Leg{leg: leg{announced: c.announced}}
		for i := range l.announced {
			if got := l.spec(&l.announced[i]).Encrypted; got != c.want {
				t.Errorf("%s: line %d encrypted %v", c.name, i, got)
			}
		}
		new(Table).emitMedia(l, 0, 0)
		if l.Encrypted != c.want {
			t.Errorf("%s: the leg encrypted %v", c.name, l.Encrypted)
		}
	}
}

// TestCurrent moves media about: in force is what each side said last.
func TestCurrent(t *testing.T) {
	const setUp = `
		0 phone>switch INVITE from=a sdp=10.1.0.1:4000
		1 switch>phone 200-INVITE from=a to=b sdp=192.0.2.1:6000
		2 phone>switch ACK from=a to=b`
	for _, c := range []struct{ name, script, want string }{
		{"as set up", "", "10.1.0.1:4000 192.0.2.1:6000"},
		{"past the switch", `
			5 switch>phone INVITE from=b to=a cseq=7 sdp=198.51.100.1:9000
			5.1 phone>switch 200-INVITE from=b to=a cseq=7 sdp=10.1.0.1:4000`, "10.1.0.1:4000 198.51.100.1:9000"},
		{"there and back", `
			5 switch>phone INVITE from=b to=a cseq=7 sdp=198.51.100.1:9000
			6 switch>phone INVITE from=b to=a cseq=8 sdp=192.0.2.1:6000`, "10.1.0.1:4000 192.0.2.1:6000"},
		{"hold without an address", `
			5 phone>switch INVITE from=a to=b cseq=7 sdp=0.0.0.0:4000,hold`, "10.1.0.1:4000 192.0.2.1:6000"},
		{"one line more", `
			5 phone>switch INVITE from=a to=b cseq=7 sdp=10.1.0.1:4000 sdp=10.1.0.1:4002,video`,
			"10.1.0.1:4000 10.1.0.1:4002 192.0.2.1:6000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := NewTable(Config{}, testBook(t))
			for line := range strings.Lines(setUp + c.script) {
				if words := strings.Fields(line); len(words) > 0 {
					p, m := message(t, seconds(t, words[0]), words[1:])
					if m.SDP != nil && m.SDP.Media[0].Hold {
						m.SDP.Media[0].RTP = packet.Endpoint{}
					}
					table.Message(p, m)
				}
			}
			var got []string
			for _, l := range table.legs {
				l.Current(func(ep packet.Endpoint, _ media.Side) bool {
					got = append(got, ep.String())
					return true
				})
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("in force %q, want %q", got, c.want)
			}
		})
	}
}

// Nothing is known of the peer: its description could name other types.
func TestAlone(t *testing.T) {
	d := parse.Media{Kind: parse.Audio, ClockHz: 8000, Codec: "PCMU"}
	d.Events.Add(97)
	d.Formats.Add(97)
	if s := Alone(&d); len(members(s.EventsIn)) != 2 || len(members(s.EventsOut)) != 2 || !s.EventsIn.Has(97) || !s.EventsOut.Has(defaultEvent) {
		t.Errorf("types %v and %v, want 97 and the usual one", members(s.EventsIn), members(s.EventsOut))
	}
	d.Formats.Add(defaultEvent) // a codec
	d.Encrypted = true
	if s := Alone(&d); s.EventsIn.Has(defaultEvent) || s.EventsOut.Has(defaultEvent) || !s.Encrypted || s.Owner != 0 {
		t.Errorf("%+v", s)
	}
}
