package packet

import (
	"encoding/binary"
	"strings"
	"testing"
)

const (
	wsRequest = "GET /ws HTTP/1.1\r\nHost: sip.example.org\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: msrp, sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
	wsAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)

// wsBytes returns a frame.
func wsBytes(opcode byte, fin, masked bool, payload string) []byte {
	b := []byte{opcode, 0}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	b[1] |= 0x80
	mask := [4]byte{0x11, 0xa2, 0x33, 0xf4}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

func TestWebSocket(t *testing.T) {
	register, bye := sipMessage("REGISTER", 0), sipMessage("BYE", 200)
	short := "BYE sip:a SIP/2.0\r\n\r\n"
	frame := func(opcode byte, fin, masked bool, payload string) string {
		return string(wsBytes(opcode, fin, masked, payload))
	}
	packed := wsBytes(wsText, true, true, "compressed bytes")
	packed[0] |= 0x40
	packedPart := wsBytes(wsText, false, true, "compressed bytes")
	packedPart[0] |= 0x40
	tests := []struct {
		name  string
		text  string
		want  []string
		check func(*StreamStats) bool
	}{
		{name: "masked", text: wsRequest + frame(wsText, true, true, register) + frame(wsBinary, true, true, bye), want: []string{register, bye}},
		{name: "server", text: wsAnswer + frame(wsText, true, false, short) + frame(wsText, true, false, bye), want: []string{short, bye}},
		{
			name: "fragments, control frames between",
			text: wsRequest + frame(wsText, false, true, register[:30]) + frame(0x9, true, true, "ping") + frame(wsContinuation, false, true, register[30:90]) +
				frame(0xa, true, true, "") + frame(wsContinuation, true, true, register[90:]) + frame(wsText, true, true, bye) + frame(wsClose, true, true, "\x03\xe8"),
			want: []string{register, bye},
		},
		{
			name: "keep-alive", text: wsRequest + frame(wsText, true, true, "\r\n\r\n") + frame(wsText, true, true, "\r\n"+bye),
			want: []string{bye}, check: func(s *StreamStats) bool { return s.KeepAlives == 1 },
		},
		{
			name: "not SIP", text: wsRequest + frame(wsText, true, true, "hello") + frame(wsText, true, true, bye),
			want: []string{bye}, check: func(s *StreamStats) bool { return s.WSOther == 1 },
		},
		{
			name: "compressed", text: wsRequest + string(packed) + string(packedPart) + frame(wsContinuation, true, true, "rest") + frame(wsText, true, true, bye),
			want: []string{bye}, check: func(s *StreamStats) bool { return s.WSPacked == 2 },
		},
		{
			name: "frame above the bound", text: wsRequest + frame(wsText, true, true, sipMessage("MESSAGE", 90000)) + frame(wsText, true, true, bye),
			want: []string{bye}, check: func(s *StreamStats) bool { return s.TooLong == 1 && s.Resyncs == 0 },
		},
		{
			name: "fragments above the bound",
			text: wsRequest + frame(wsText, false, true, sipMessage("MESSAGE", 40000)) + frame(wsContinuation, false, true, strings.Repeat("x", 40000)) +
				frame(wsContinuation, true, true, "end") + frame(wsText, true, true, bye),
			want: []string{bye}, check: func(s *StreamStats) bool { return s.TooLong == 1 },
		},
		{name: "joined in the middle, masked", text: frame(wsText, true, true, bye) + frame(wsText, true, true, register), want: []string{bye, register}},
		{name: "joined in the middle, clear", text: frame(wsBinary, true, false, bye), want: []string{bye}},
		{name: "other subprotocol", text: strings.Replace(wsRequest, "msrp, sip", "mqtt", 1) + frame(wsText, true, true, bye)},
		{name: "answer without subprotocol, request not seen", text: strings.Replace(wsAnswer, "Sec-WebSocket-Protocol: sip\r\n", "", 1) + frame(wsText, true, false, bye)},
	}
	for _, test := range tests {
		for _, size := range []int{1 << 16, 1400, 17, 1} {
			if size < 100 && (strings.HasPrefix(test.name, "joined") || len(test.want) == 0) {
				continue // small pieces of what is unknown may look like anything
			}
			t.Run(test.name, func(t *testing.T) {
				r := newRun(StreamLimits{})
				for _, p := range chop(test.text, size) {
					r.send(uint32(p.seq), 0, p.data)
				}
				r.want(t, test.want...)
				if r.ws != len(test.want) {
					t.Errorf("%d of %d messages by WebSocket", r.ws, len(test.want))
				}
				if st := r.Stats(); st.Pending != 0 || test.check != nil && !test.check(&st) {
					t.Errorf("stats %+v", st)
				}
			})
		}
	}
}

// After a hole, or a frame that is none, the next segment that begins with a
// frame of SIP is where the stream goes on.
func TestWebSocketResync(t *testing.T) {
	bye := sipMessage("BYE", 0)
	frame := string(wsBytes(wsText, true, true, bye))
	r := newRun(StreamLimits{})
	r.send(0, 0, wsRequest)
	n := len(wsRequest)
	r.send(uint32(n), 0, frame)
	n += len(frame)
	r.send(uint32(n), 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	n += 9
	r.send(uint32(n), 0, frame)
	n += len(frame)
	r.send(uint32(n+100), 0, frame)
	r.Tick(r.now+int64(r.lim.Gap), r.emit)
	r.want(t, bye, bye, bye)
	if st := r.Stats(); st.Resyncs != 2 || st.Gaps != 1 {
		t.Errorf("%+v", st)
	}
}

// The answer of a server that names no subprotocol counts if the client asked
// for sip.
func TestWebSocketAnswerWithoutProtocol(t *testing.T) {
	r := newRun(StreamLimits{})
	r.send(0, 0, wsRequest)
	text := strings.Replace(wsAnswer, "Sec-WebSocket-Protocol: sip\r\n", "", 1) + string(wsBytes(wsText, true, false, sipMessage("BYE", 0)))
	r.Segment(&Packet{Src: streamDst, Dst: streamSrc, Payload: []byte(text)}, r.emit)
	r.want(t, sipMessage("BYE", 0))
}
