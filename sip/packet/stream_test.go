package packet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	streamSrc = EndpointFrom(netip.MustParseAddrPort("192.0.2.1:40000"))
	streamDst = EndpointFrom(netip.MustParseAddrPort("192.0.2.2:5060"))
)

// sipMessage returns a request with a body of n bytes.
func sipMessage(method string, n int) string {
	return fmt.Sprintf("%s sip:1001@example.org SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%s%d\r\n"+
		"Call-ID: %s-%d@example.org\r\nCSeq: 1 %s\r\nContent-Length: %d\r\n\r\n%s",
		method, method, n, method, n, method, n, strings.Repeat("b", n))
}

// streamRun feeds segments to Streams and notes what comes out.
type streamRun struct {
	*Streams
	now int64
	got []string // payloads; those cut short end in "…"
	ws  int
	at  []int64
}

func newRun(lim StreamLimits) *streamRun { return &streamRun{Streams: NewStreams(lim)} }

func (r *streamRun) emit(p *Packet) {
	text := string(p.Payload)
	if p.Truncated {
		text += "…"
	}
	if p.Transport == WS {
		r.ws++
	}
	if !p.Whole {
		text = "not whole: " + text
	}
	r.got = append(r.got, text)
	r.at = append(r.at, p.Time)
}

func (r *streamRun) send(seq uint32, flags TCPFlags, data string) {
	r.now += int64(time.Millisecond)
	r.Segment(&Packet{
		Time: r.now, Src: streamSrc, Dst: streamDst, Transport: TCP,
		Seq: seq, Flags: flags, Payload: []byte(data),
	}, r.emit)
}

func (r *streamRun) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.got); diff != "" {
		t.Errorf("messages (-want +got):\n%s\nstats %+v", diff, r.Stats())
	}
}

// streamPiece is one segment of a table test; seq is relative to isn+1.
type streamPiece struct {
	seq   int
	flags TCPFlags
	data  string
	cut   bool          // snap length
	wait  time.Duration // before it, with a Tick
}

func TestStreamTable(t *testing.T) {
	invite, bye, ack := sipMessage("INVITE", 300), sipMessage("BYE", 0), sipMessage("ACK", 0)
	ok := "SIP/2.0 200 OK\r\nl: 4\r\n\r\nbody"
	n := len(invite)
	bare := "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n"
	lf := "OPTIONS sip:a@b SIP/2.0\nContent-Length : 2\n\nhi"
	folded := "OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n 2\r\n\r\nhi"
	tests := []struct {
		name   string
		pieces []streamPiece
		want   []string
		check  func(*StreamStats) bool
	}{
		{name: "one each", pieces: []streamPiece{{0, 0, invite, false, 0}, {n, 0, bye, false, 0}}, want: []string{invite, bye}},
		{name: "compact length", pieces: []streamPiece{{data: ok + ok}}, want: []string{ok, ok}},
		{name: "bare LF", pieces: []streamPiece{{data: lf + ok}}, want: []string{lf, ok}},
		{name: "folded length", pieces: []streamPiece{{data: folded + ok}}, want: []string{folded, ok}},
		{name: "first of 10 bytes", pieces: []streamPiece{{data: invite[:10]}, {seq: 10, data: invite[10:]}}, want: []string{invite}},
		{name: "first of 1 byte", pieces: []streamPiece{{data: invite[:1]}, {seq: 1, data: invite[1:]}}, want: []string{invite}},
		{name: "header cut in half", pieces: []streamPiece{{data: invite[:60]}, {seq: 60, data: invite[60:]}}, want: []string{invite}},
		{name: "several in a segment", pieces: []streamPiece{{data: invite + ack + bye}}, want: []string{invite, ack, bye}},
		{
			name: "second half first, no SYN", pieces: []streamPiece{{seq: 100, data: invite[100:]}, {data: invite[:100]}, {seq: n, data: bye}},
			want: []string{invite, bye}, check: func(s *StreamStats) bool { return s.Forgotten == 0 },
		},
		{
			name:   "second half first, SYN",
			pieces: []streamPiece{{-1, SYN, "", false, 0}, {seq: 100, data: invite[100:] + bye}, {data: invite[:100]}},
			want:   []string{invite, bye},
		},
		{
			name:   "retransmitted and overlapping",
			pieces: []streamPiece{{data: invite[:100]}, {data: invite[:100]}, {seq: 50, data: invite[50:200]}, {seq: 150, data: invite[150:]}, {data: invite}, {seq: n - 1, data: "b"}},
			want:   []string{invite}, check: func(s *StreamStats) bool { return s.Old == 3 },
		},
		{name: "joined in a body", pieces: []streamPiece{{seq: 100, data: invite[100:]}, {seq: n, data: bye}}, want: []string{bye}},
		{name: "joined in a body, start line inside", pieces: []streamPiece{{seq: 100, data: invite[100:200] + "\r\n" + bye}}, want: []string{bye}},
		{
			name:   "hole in a body",
			pieces: []streamPiece{{data: invite[:n-200]}, {seq: n - 100, data: invite[n-100:] + bye}, {seq: n + len(bye), data: ack, wait: 4 * time.Second}},
			want:   []string{invite[:n-200] + "…", bye, ack},
			check:  func(s *StreamStats) bool { return s.Gaps == 1 && s.LostBytes == 100 && s.Cut == 1 && s.Resyncs == 0 },
		},
		{
			name:   "hole in a header",
			pieces: []streamPiece{{data: invite[:60]}, {seq: 80, data: invite[80:]}, {seq: n, data: bye}, {wait: 4 * time.Second}},
			want:   []string{bye},
			check:  func(s *StreamStats) bool { return s.Gaps == 1 && s.Incomplete == 1 && s.Resyncs == 1 },
		},
		{
			name:   "message lost whole",
			pieces: []streamPiece{{data: invite}, {seq: n + len(ack), data: bye}, {wait: 4 * time.Second}},
			want:   []string{invite, bye},
		},
		{
			name: "keep-alives", pieces: []streamPiece{{data: "\r\n\r\n"}, {seq: 4, data: invite + "\r\n"}, {seq: 6 + n, data: "\r\n\r\n"}, {seq: 10 + n, data: "\r\n" + bye}},
			want: []string{invite, bye}, check: func(s *StreamStats) bool { return s.KeepAlives == 4 },
		},
		{name: "no length, nothing follows", pieces: []streamPiece{{data: bare}, {seq: len(bare), data: bye}}, want: []string{bare, bye}},
		{name: "no length, start line follows", pieces: []streamPiece{{data: bare + bye}}, want: []string{bare, bye}},
		{name: "no length, body follows", pieces: []streamPiece{{data: bare + "v=0\r\no=x\r\n" + bye}}, want: []string{bare + "v=0\r\no=x\r\n", bye}},
		{
			name:   "bad length",
			pieces: []streamPiece{{data: "BYE sip:a@b SIP/2.0\r\nContent-Length: -999\r\n\r\n"}, {seq: 45, data: bye}},
			want:   []string{"BYE sip:a@b SIP/2.0\r\nContent-Length: -999\r\n\r\n", bye},
		},
		{
			name: "length too small", pieces: []streamPiece{{data: ok + "more"}, {seq: len(ok) + 4, data: "junk\r\n" + bye}},
			want: []string{ok, bye}, check: func(s *StreamStats) bool { return s.Resyncs == 1 },
		},
		{
			name:   "longer than the bound, in step afterwards",
			pieces: append(chop(sipMessage("MESSAGE", 100000), 1400), streamPiece{seq: len(sipMessage("MESSAGE", 100000)), data: bye}),
			want:   []string{bye}, check: func(s *StreamStats) bool { return s.TooLong == 1 && s.Resyncs == 0 },
		},
		{
			name:   "header without end",
			pieces: append(chop("BYE sip:a@b SIP/2.0\r\n"+strings.Repeat("X: y\r\n", 15000), 1400), streamPiece{seq: 90021, data: bye}),
			want:   []string{bye}, check: func(s *StreamStats) bool { return s.TooLong == 1 },
		},
		{
			name:   "snap length",
			pieces: []streamPiece{{data: invite[:200], cut: true}, {seq: n, data: bye}, {seq: n + len(bye), data: invite[:50], cut: true}, {seq: 2*n + len(bye), data: ack}},
			want:   []string{invite[:200] + "…", bye, invite[:50] + "…", ack},
		},
		{
			name:   "rest never comes",
			pieces: []streamPiece{{data: invite[:n-1]}, {seq: n - 1, data: bye, wait: time.Minute}},
			want:   []string{invite[:n-1] + "…", bye}, check: func(s *StreamStats) bool { return s.Timeouts == 1 },
		},
		{
			name:   "FIN ends",
			pieces: []streamPiece{{data: invite}, {n, FIN, bye, false, 0}, {n, FIN, bye, false, 0}},
			want:   []string{invite, bye},
		},
		{name: "RST ends", pieces: []streamPiece{{data: invite[:n-1]}, {n - 1, RST, "", false, 0}}, want: []string{invite[:n-1] + "…"}},
		{name: "RST of elsewhere", pieces: []streamPiece{{data: invite[:9]}, {1 << 30, RST, "", false, 0}, {seq: 9, data: invite[9:]}}, want: []string{invite}},
		{
			name:   "port reuse with SYN",
			pieces: []streamPiece{{-1, SYN, "", false, 0}, {data: invite}, {5000, SYN, "", false, 0}, {5000, SYN, "", false, 0}, {seq: 5001, data: bye}},
			want:   []string{invite, bye},
		},
		{name: "port reuse, SYN not seen", pieces: []streamPiece{{data: invite}, {seq: 1 << 30, data: bye}, {seq: 1 << 29, data: ack}}, want: []string{invite, bye, ack}},
		{
			name: "data in the SYN", pieces: []streamPiece{{-1, SYN, invite[:50], false, 0}, {seq: 50, data: invite[50:]}},
			want: []string{invite},
		},
		{
			name:   "too many later segments",
			pieces: append([]streamPiece{{data: invite}}, later(n+1, ack, 130)...),
			want:   append([]string{invite}, repeat(ack, 130)...),
			check:  func(s *StreamStats) bool { return s.Gaps == 1 },
		},
		{
			name:   "too many later bytes",
			pieces: append([]streamPiece{{data: invite}}, later(n+1, sipMessage("INFO", 3000), 24)...),
			want:   append([]string{invite}, repeat(sipMessage("INFO", 3000), 24)...),
			check:  func(s *StreamStats) bool { return s.Gaps == 1 },
		},
	}
	for _, test := range tests {
		for _, isn := range []uint32{1, 0xffffff00} {
			t.Run(fmt.Sprintf("%s/%x", test.name, isn), func(t *testing.T) {
				r := newRun(StreamLimits{})
				for _, p := range test.pieces {
					if p.wait > 0 {
						r.now += int64(p.wait)
						r.Tick(r.now, r.emit)
					}
					r.now++
					r.Segment(&Packet{
						Time: r.now, Src: streamSrc, Dst: streamDst, Transport: TCP, Truncated: p.cut,
						Seq: isn + 1 + uint32(p.seq), Flags: p.flags, Payload: []byte(p.data),
					}, r.emit)
				}
				r.want(t, test.want...)
				st := r.Stats()
				if test.check != nil && !test.check(&st) {
					t.Errorf("stats %+v", st)
				}
				r.Flush(r.emit)
				if st := r.Stats(); st.Open != 0 || st.Pending != 0 {
					t.Errorf("after Flush: %d open, %d bytes pending", st.Open, st.Pending)
				}
			})
		}
	}
}

func chop(text string, n int) (out []streamPiece) {
	for at := 0; at < len(text); at += n {
		out = append(out, streamPiece{seq: at, data: text[at:min(len(text), at+n)]})
	}
	return out
}

func later(seq int, text string, n int) (out []streamPiece) {
	for i := range n {
		out = append(out, streamPiece{seq: seq + i*len(text), data: text})
	}
	return out
}

func repeat(text string, n int) (out []string) {
	for range n {
		out = append(out, text)
	}
	return out
}

// Any segmentation, order, copy and overlap of the same bytes gives the same
// messages.
func TestStreamAnySegmentation(t *testing.T) {
	want := []string{sipMessage("INVITE", 700), "SIP/2.0 183 Session Progress\r\nContent-Length: 41\r\n\r\n\r\nSIP/2.0 200 OK\r\nBYE sip:x SIP/2.0\r\n\r\nab", sipMessage("BYE", 0)}
	text := want[0] + "\r\n\r\n" + want[1] + "\r\n" + want[2]
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	for round := range rounds {
		isn := rng.Uint32()
		if round%3 == 0 {
			isn = -uint32(rng.IntN(len(text)))
		}
		syn := rng.IntN(2) == 0
		pieces := randomPieces(rng, len(text))
		// Without a SYN the stream is known by its first bytes only, so these
		// come first; how early ones are kept is tested in the table.
		from := 1
		if syn {
			from = 0
		}
		rng.Shuffle(len(pieces)-from, func(i, j int) { pieces[from+i], pieces[from+j] = pieces[from+j], pieces[from+i] })
		r := newRun(StreamLimits{})
		if syn {
			r.send(isn, SYN, "")
		}
		for _, p := range pieces {
			r.send(isn+1+uint32(p.from), 0, text[p.from:p.to])
		}
		if diff := cmp.Diff(want, r.got); diff != "" {
			t.Fatalf("round %d, isn %x, syn %v, pieces %v (-want +got):\n%s\n%+v", round, isn, syn, pieces, diff, r.Stats())
		}
		r.send(isn+1+uint32(len(text)), FIN, "")
		if st := r.Stats(); st.Pending != 0 || st.Gaps != 0 || st.Discarded != 0 {
			t.Fatalf("round %d: %+v", round, st)
		}
	}
}

// randomPieces cuts n bytes, and adds copies that overlap the cuts.
func randomPieces(rng *rand.Rand, n int) []streamSpan {
	var out []streamSpan
	longest := 1 + rng.IntN(n)
	for at := 0; at < n; {
		to := min(n, at+1+rng.IntN(longest))
		if len(out) > 50 {
			to = n
		}
		out = append(out, streamSpan{from: at, to: to})
		at = to
	}
	for range rng.IntN(4) {
		from := rng.IntN(n)
		out = append(out, streamSpan{from: from, to: from + 1 + rng.IntN(n-from)})
	}
	return out
}

// Every way to cut the text in two and in three, in every order.
func TestStreamEveryCut(t *testing.T) {
	want := []string{"BYE sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc", "SIP/2.0 200 OK\r\nl:0\r\n\r\n", "ACK sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"}
	text := strings.Join(want, "")
	orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	for a := range text {
		for b := a; b < len(text); b++ {
			spans := [3]streamSpan{{to: a}, {from: a, to: b}, {from: b, to: len(text)}}
			for _, order := range orders {
				r := newRun(StreamLimits{})
				r.send(9, SYN, "")
				for _, i := range order {
					r.send(10+uint32(spans[i].from), 0, text[spans[i].from:spans[i].to])
				}
				if diff := cmp.Diff(want, r.got); diff != "" {
					t.Fatalf("cut at %d and %d, order %v (-want +got):\n%s", a, b, order, diff)
				}
			}
		}
	}
}

func TestStreamOneByteSegments(t *testing.T) {
	text := sipMessage("INVITE", 50) + "\r\n\r\n" + sipMessage("BYE", 0)
	r := newRun(StreamLimits{})
	for i := range len(text) {
		r.send(uint32(i), 0, text[i:i+1])
	}
	r.want(t, sipMessage("INVITE", 50), sipMessage("BYE", 0))
	if r.at[0] != int64(len(sipMessage("INVITE", 50)))*int64(time.Millisecond) {
		t.Errorf("time of the first message is %d, not that of its last byte", r.at[0])
	}
}

// What is not SIP costs no memory, whatever port it is on.
func TestStreamStrangers(t *testing.T) {
	r := newRun(StreamLimits{})
	others := []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS rtsp://example.org RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"SSH-2.0-OpenSSH_9.9\r\n", "HEP3\x00\x80\x00\x00\x00\x01\x00\x07\x02INVITE sip:a@b SIP/2.0\r\n", "EHLO example.org\r\n",
		"\x81\x05hello", "SIP/2.1 200 OK\r\n", "INVITE\r\n",
		"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
		strings.Repeat("log line about nothing\n", 100), "",
	}
	for _, data := range others {
		for _, syn := range []bool{false, true} {
			if syn {
				r.send(7, SYN, "")
			}
			r.send(8, 0, data)
			if st := r.Stats(); data != "" && st.Open != 0 || st.Pending != 0 || len(r.got) != 0 {
				t.Errorf("%q: %+v", data, st)
			}
			r.Flush(r.emit)
		}
	}
}

// flood returns a segment of another direction each.
func flood(i int, data string) *Packet {
	src := streamSrc
	binary.BigEndian.PutUint32(src.IP[12:], uint32(i))
	return &Packet{Time: int64(i), Src: src, Dst: streamDst, Payload: []byte(data)}
}

func TestStreamBounds(t *testing.T) {
	lim := StreamLimits{Streams: 100, Fresh: 10, Total: 100 << 10}
	message := sipMessage("INVITE", 5000)
	t.Run("half messages", func(t *testing.T) {
		r := newRun(lim)
		for i := range 1000 {
			r.Segment(flood(i, message[:2000+i%3000]), r.emit)
			if st := r.Stats(); st.Open > 100 || st.Pending > 100<<10 {
				t.Fatalf("%+v", st)
			}
		}
		if st := r.Stats(); st.Evicted != 900 || st.Starved == 0 {
			t.Errorf("%+v", st)
		}
	})
	t.Run("early segments", func(t *testing.T) {
		r := newRun(lim)
		for i := range 1000 {
			r.Segment(flood(i, sipMessage("BYE", 0)), r.emit)
			p := flood(i, message)
			p.Seq = 30000
			r.Segment(p, r.emit)
			if st := r.Stats(); st.Open > 100 || st.Pending > 100<<10 {
				t.Fatalf("%+v", st)
			}
		}
		if len(r.got) != 1000 {
			t.Errorf("%d of 1000 messages", len(r.got))
		}
	})
	t.Run("SYN flood", func(t *testing.T) {
		r := newRun(lim)
		r.Segment(flood(5000, message), r.emit)
		for i := range 1000 {
			p := flood(i, "")
			p.Flags = SYN
			r.Segment(p, r.emit)
		}
		p := flood(5000, message)
		p.Seq = uint32(len(message))
		r.Segment(p, r.emit)
		if st := r.Stats(); st.Open > 11 || st.Evicted != 0 {
			t.Errorf("%+v", st)
		}
		r.want(t, message, message)
	})
	t.Run("idle", func(t *testing.T) {
		r := newRun(lim)
		for i := range 50 {
			r.Segment(flood(i, message), r.emit)
		}
		r.Tick(int64(time.Hour), r.emit)
		if st := r.Stats(); st.Open != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// The segment of the common case is not copied and nothing is allocated.
func TestStreamAllocations(t *testing.T) {
	s := NewStreams(StreamLimits{})
	message := []byte(sipMessage("INVITE", 500))
	p := Packet{Src: streamSrc, Dst: streamDst, Payload: message}
	copied := 0
	emit := func(q *Packet) {
		if &q.Payload[0] != &message[0] {
			copied++
		}
	}
	if n := testing.AllocsPerRun(1000, func() {
		s.Segment(&p, emit)
		p.Seq += uint32(len(message))
		p.Time++
		s.Tick(p.Time, emit)
	}); n != 0 || copied != 0 {
		t.Errorf("%v allocations a segment, %d copies", n, copied)
	}
	half := len(message) / 2
	if n := testing.AllocsPerRun(1000, func() {
		p.Payload = message[:half]
		s.Segment(&p, func(*Packet) {})
		p.Seq += uint32(half)
		p.Payload = message[half:]
		s.Segment(&p, func(*Packet) {})
		p.Seq += uint32(len(message) - half)
	}); n != 0 {
		t.Errorf("%v allocations a message in two segments", n)
	}
	if st := s.Stats(); st.Messages != 2002 {
		t.Errorf("%d messages", st.Messages)
	}
}

// A far hole, or a capture that paused, does not wedge a stream.
func TestStreamFarHole(t *testing.T) {
	for _, hole := range []uint32{1, 60000, 70000, 200000, 300000, 1 << 30} {
		r := newRun(StreamLimits{})
		ack := sipMessage("ACK", 0)
		r.send(0, 0, ack)
		r.send(uint32(len(ack))+hole, 0, ack)
		r.Tick(r.now+int64(5*time.Second), r.emit)
		r.send(2*uint32(len(ack))+hole, 0, ack)
		r.want(t, ack, ack, ack)
	}
}

// The times of messages behind a hole: of the segment that filled it, or their
// own if the capture has no such segment.
func TestStreamTimes(t *testing.T) {
	ack := sipMessage("ACK", 0)
	n := uint32(len(ack))
	for _, c := range []struct {
		name  string
		seqs  []uint32 // a segment each millisecond
		times []int64  // in milliseconds
	}{
		{"in order", []uint32{0, n, 2 * n}, []int64{1, 2, 3}},
		{"filled", []uint32{0, 2 * n, 3 * n, n}, []int64{1, 4, 4, 4}},
		{"left", []uint32{0, 2 * n, 3 * n}, []int64{1, 2, 3}},
		{"two left", []uint32{0, 4 * n, 2 * n}, []int64{1, 3, 2}},
	} {
		r := newRun(StreamLimits{})
		for _, seq := range c.seqs {
			r.send(seq, 0, ack)
		}
		r.Tick(r.now+int64(time.Minute), r.emit)
		for i := range r.at {
			r.at[i] /= int64(time.Millisecond)
		}
		if diff := cmp.Diff(c.times, r.at); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	r := newRun(StreamLimits{}) // the second half first, on a stream that is not known
	r.send(n/2, 0, ack[n/2:])
	r.send(0, 0, ack[:n/2])
	if r.want(t, ack); len(r.at) == 1 && r.at[0] != r.now {
		t.Errorf("time %d of a message whose first half came last at %d", r.at[0], r.now)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add([]byte(sipMessage("INVITE", 20)+sipMessage("BYE", 0)), []byte{0, 5, 1, 200, 2, 90})
	f.Add([]byte("\r\n\r\nSIP/2.0 200 OK\r\nl: 9\r\n\r\n123456789"), []byte{10, 5, 9, 9, 130, 200, 255, 255})
	f.Add(append([]byte(wsRequest), wsBytes(wsText, true, true, sipMessage("BYE", 0))...), []byte{50, 50, 50, 50, 250, 1})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		r := newRun(StreamLimits{Streams: 2, Pending: 9000, Total: 20000})
		for i := 0; i+1 < len(cuts); i += 2 {
			from := min(int(cuts[i])*4, len(text))
			to := min(from+int(cuts[i+1]), len(text))
			p := Packet{
				Time: int64(i) * int64(time.Second), Src: streamSrc, Dst: streamDst,
				Seq: uint32(from) - 100, Payload: text[from:to],
				Flags: TCPFlags(cuts[i]>>5) & TCPFlags(cuts[i+1]>>4), Truncated: cuts[i]&cuts[i+1]&3 == 3,
			}
			r.Segment(&p, r.emit)
			if cuts[i+1]&7 == 0 {
				r.Tick(p.Time+int64(cuts[i])*int64(time.Second), r.emit)
			}
			if st := r.Stats(); st.Open > 2 || st.Pending > 20000 || st.Pending < 0 {
				t.Fatalf("%+v", st)
			}
		}
		r.Flush(r.emit)
		if st := r.Stats(); st.Open != 0 || st.Pending != 0 || st.Messages != uint64(len(r.got)) {
			t.Fatalf("%+v", st)
		}
		for _, m := range r.got {
			if sipStart([]byte(m)) == sipNo {
				t.Fatalf("handed out %q", m)
			}
		}
	})
}

func BenchmarkStreamsWhole(b *testing.B) {
	s := NewStreams(StreamLimits{})
	message := []byte(sipMessage("INVITE", 500))
	p := Packet{Src: streamSrc, Dst: streamDst, Payload: message}
	emit := func(*Packet) {}
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		s.Segment(&p, emit)
		p.Seq += uint32(len(message))
	}
}

func BenchmarkStreamsHalves(b *testing.B) {
	s := NewStreams(StreamLimits{})
	message := []byte(sipMessage("INVITE", 500))
	halves := [2][]byte{message[:400], message[400:]}
	p := Packet{Src: streamSrc, Dst: streamDst}
	emit := func(*Packet) {}
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		for _, p.Payload = range halves {
			s.Segment(&p, emit)
			p.Seq += uint32(len(p.Payload))
		}
	}
}

// Other people's TCP: most of it is TLS.
func BenchmarkStreamsStranger(b *testing.B) {
	for name, data := range map[string][]byte{
		"tls":  append([]byte{0x17, 3, 3, 5, 0xa0}, bytes.Repeat([]byte{0xa5}, 1440)...),
		"text": bytes.Repeat([]byte("a line of text\n"), 96),
	} {
		b.Run(name, func(b *testing.B) {
			s := NewStreams(StreamLimits{})
			p := Packet{Src: streamSrc, Dst: streamDst, Payload: data}
			emit := func(*Packet) {}
			b.ReportAllocs()
			for b.Loop() {
				s.Segment(&p, emit)
			}
		})
	}
}
