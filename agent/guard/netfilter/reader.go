package netfilter

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// reader judges the packets of one queue.
type reader struct {
	guard   *Guard
	queue   *queue
	send    *sender
	decoder *packet.Decoder
	parser  *parse.Parser
	answers answerer
	frame   packet.Frame
	packet  packet.Packet
	message parse.Message
	request register.Request
}

func newReader(g *Guard, q *queue, send *sender) *reader {
	return &reader{
		guard: g, queue: q, send: send,
		// The kernel has put fragments together: none is kept here.
		decoder: packet.NewDecoder(packet.Limits{FragmentBytes: 1, FragmentFlows: 1}),
		parser:  parse.NewParser(), answers: answerer{key: g.key},
	}
}

// run reads one queue until it is interrupted, and then what is left in it.
func (r *reader) run() error {
	for {
		err := r.queue.read(r.judge)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return r.queue.drain(r.judge)
		}
		if err != nil {
			return fmt.Errorf("guard: %w", err)
		}
	}
}

// judge returns netfilter's verdict on a packet, which came at now.
func (r *reader) judge(b []byte, iface uint32, now int64) (verdict uint32) {
	c := &r.guard.counts
	c.packets.Add(1)
	defer func() {
		if p := recover(); p != nil {
			// A fault of ours costs this packet, not the registrations of the host.
			if c.panics.Add(1) == 1 {
				r.guard.cfg.Log.Error("a fault in the guard: the REGISTER goes as fail says", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			verdict = r.fail()
		}
	}()
	r.frame = packet.Frame{Time: now, Data: b, WireLen: len(b), Link: packet.LinkRaw, Iface: iface}
	if r.decoder.Decode(&r.frame, &r.packet) != packet.Payload || r.packet.Transport != packet.UDP {
		// The kernel found a UDP datagram to a SIP port in it. Nobody who
		// means well hides one so well.
		c.undecodable.Add(1)
		return verdictDrop
	}
	if !isRegister(r.packet.Payload) {
		c.others.Add(1)
		return verdictAccept
	}
	if r.pass() {
		c.passed.Add(1)
		return verdictAccept
	}
	c.refused.Add(1)
	r.answer(now)
	return verdictDrop
}

// fail is the verdict on what cannot be judged.
func (r *reader) fail() uint32 {
	if r.guard.cfg.Closed {
		return verdictDrop
	}
	return verdictAccept
}

// pass asks for the verdict.
func (r *reader) pass() bool {
	err := r.parser.Parse(r.packet.Payload, &r.message)
	r.request.Fill(&r.message, &r.packet)
	if err != nil || r.message.Method != parse.REGISTER || !r.message.Request() {
		// It begins as a REGISTER does, so a switch may read more in it than we
		// can: two blanks in the start line, a blank before it, no Call-ID.
		r.request.Broken = true
	}
	return r.guard.cfg.Judge.Judge(&r.request, &r.packet, &r.message).Pass()
}

// answer sends a 403 to whoever sent the packet.
func (r *reader) answer(now int64) {
	c := &r.guard.counts
	src, dst := r.packet.Src.AddrPort(), r.packet.Dst.AddrPort()
	if a := src.Addr(); a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || dst.Addr().IsMulticast() || isBroadcast(dst.Addr()) || isBroadcast(a) {
		c.unanswerable.Add(1)
		return
	}
	out, port, ok := r.answers.answer(r.packet.Payload, src)
	if !ok {
		c.unanswerable.Add(1)
		return
	}
	switch r.guard.limiter.allow(src.Addr(), now) {
	case answerSourceLimit:
		c.limitedSource.Add(1)
		return
	case answerAllLimit:
		c.limitedAll.Add(1)
		return
	}
	if err := r.send.send(dst, src.Addr(), port, r.packet.Iface, out); err != nil {
		if c.sendErrors.Add(1) == 1 {
			r.guard.cfg.Log.Warn("an answer could not be sent; further ones are only counted", "to", src.Addr(), "error", err)
		}
		return
	}
	c.answers.Add(1)
}

// isRegister reports whether some switch may take a payload for a REGISTER
// request: that word in any case, after anything that counts as blank
// somewhere, and followed by such. Kamailio and RFC 3261 skip line ends and
// want one space; pjsip and sofia skip other blanks too.
func isRegister(b []byte) bool {
	const word = "register"
	b = skipBlank(b)
	return len(b) > len(word) && foldEqual(b[:len(word)], word) && b[len(word)] <= ' '
}
