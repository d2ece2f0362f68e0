// Package pipeline is the one owner of all core state. Frames go in; figures,
// finished calls and media endpoints come out. Core is synchronous and has no
// clock; Task runs one on frames from a bounded queue.
package pipeline

import (
	"errors"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

// Kernel is the half of the media plane that lives in the capture filter. Its
// counters replace those of user space.
type Kernel interface {
	// Active reports whether the kernel counts at all.
	Active() bool
	// Open announces an endpoint, or changes what is announced of one that is
	// open, which goes on counting. The owner means nothing to it.
	Open(ep packet.Endpoint, s media.Spec) error
	// Read appends what was counted at ep, and reports false if ep is not open.
	Read(ep packet.Endpoint, to []media.Observed) ([]media.Observed, bool)
	// Close forgets ep.
	Close(ep packet.Endpoint)
}

// Config says what a Core knows and where its results go.
type Config struct {
	Book    *party.Book
	Dialog  dialog.Config // LastMedia, Alive and Changes are set by the Core
	Media   media.Options
	Packet  packet.Limits
	Streams packet.StreamLimits
	Kernel  Kernel // nil: media is counted in user space alone

	// Register takes every REGISTER and every response to one, after its outcome
	// was counted, as often as it was captured. Both are valid during the call. May
	// be nil.
	Register func(*packet.Packet, *parse.Message)
	// Finished takes every leg that is over, with what was seen of its media,
	// before the two are forgotten, and the parties that its IDs are of. They
	// are valid during the call. May be nil.
	Finished func(*dialog.Leg, *counters.MediaResult, *party.Book)
	// Flows takes every media flow of a finished leg, and the learned ones at
	// the end. May be nil.
	Flows func(*dialog.Leg, *media.Flow)

	// Saved takes what is needed to go on with a call after a restart: once a
	// second of the frames' clock, and in Finish, every call that changed and is
	// not over. ID 0 is the run itself, which tells until when it watched. state
	// is valid during the call. What the last call of each ID said goes to
	// Restore. May be nil.
	Saved func(id uint64, state []byte)
	// Dropped says that a call that was saved is over, after Finished was told.
	// May be nil.
	Dropped func(id uint64)
	// KeepOpen makes Finish leave all calls as they are: the next run takes
	// them over.
	KeepOpen bool
	// Minute takes what a minute of the frames' clock gained when another one
	// begins, and in Finish: the total first, then the parties. The slice is
	// valid during the call. May be nil.
	Minute func([]counters.Minute, *party.Book)
	// Ticked is told the time once a second of the frames' clock, after all
	// that was due, and at the end of Finish. May be nil.
	Ticked func(now int64)
}

// Core takes frames one by one. It is not safe for concurrent use.
type Core struct {
	cfg      Config
	book     *party.Book
	decoder  *packet.Decoder
	streams  *packet.Streams
	parser   *parse.Parser
	repeats  *repeats
	legs     *dialog.Table
	media    *media.Table
	regs     *register.Outcomes
	counters *counters.Counters
	whole    func(*packet.Packet) // Core.payload, bound once

	stats    Stats
	clock    clock
	pkt      packet.Packet
	msg      parse.Message
	observed []media.Observed
	flows    []*media.Flow
	state    []byte // of the call that is being saved
}

// New returns a Core that has seen nothing.
func New(cfg Config) *Core {
	c := &Core{
		cfg:      cfg,
		book:     cfg.Book,
		decoder:  packet.NewDecoder(cfg.Packet),
		streams:  packet.NewStreams(cfg.Streams),
		parser:   parse.NewParser(),
		repeats:  newRepeats(),
		media:    media.NewTable(cfg.Media),
		regs:     register.NewOutcomes(),
		counters: counters.New(cfg.Book.Len()),
	}
	cfg.Dialog.LastMedia, cfg.Dialog.Alive = c.lastMedia, c.alive
	cfg.Dialog.Changes = cfg.Saved != nil
	c.legs = dialog.NewTable(cfg.Dialog, cfg.Book)
	c.whole = c.payload
	return c
}

// SetBook makes later calls belong to the parties of book, which must come
// from the present one by Next.
func (c *Core) SetBook(book *party.Book) {
	c.book = book
	c.legs.SetBook(book)
}

// decode takes the frame apart and hands on what it carried.
func (c *Core) decode(f *packet.Frame) {
	defer c.caught()
	if c.decoder.Decode(f, &c.pkt) != packet.Payload {
		return
	}
	if c.pkt.Transport == packet.TCP && !c.pkt.Whole {
		c.streams.Segment(&c.pkt, c.whole)
		return
	}
	c.payload(&c.pkt)
}

// payload takes a datagram, or a whole message of a stream. RTP and RTCP begin
// with version 2 in the top bits, SIP with a letter.
func (c *Core) payload(p *packet.Packet) {
	if len(p.Payload) > 0 && p.Payload[0]>>6 == 2 {
		if v := c.media.Packet(p); v.Digits > 0 {
			c.stats.Digits += uint64(v.Digits)
		}
		return
	}
	if parse.IsSIP(p.Payload) {
		c.message(p)
		return
	}
	c.stats.NotSIP++
	c.media.Packet(p) // T.38 and DTLS keep a call alive
}

// message takes one SIP message.
func (c *Core) message(p *packet.Packet) {
	m, payload := &c.msg, p.Payload
	if p.Truncated {
		payload = parse.WholeLines(payload)
	}
	if err := c.parser.Parse(payload, m); err != nil {
		c.malformed(p, err)
		return
	}
	c.stats.Messages[p.Transport]++
	switch c.repeats.see(p) {
	case again:
		c.stats.Retransmissions++
	case twice:
		c.stats.Duplicates++
	case first:
	}
	if m.Method == parse.REGISTER {
		c.regs.Message(m, p.Time)
		if c.cfg.Register != nil {
			c.cfg.Register(p, m)
		}
		return
	}
	c.apply(c.legs.Message(p, m))
	if m.SDP != nil && c.cfg.Media.KeepClosed {
		for i := range m.SDP.Media {
			spec := dialog.Alone(&m.SDP.Media[i])
			c.media.Note(m.SDP.Media[i].RTP, &spec)
		}
	}
}

func (c *Core) malformed(p *packet.Packet, err error) {
	var why parse.Malformed
	if !errors.As(err, &why) {
		return // the parser has no other errors
	}
	c.stats.MalformedBy[why]++
	if !why.Message() {
		return
	}
	c.stats.Messages[p.Transport]++
	c.stats.Malformed++
}
