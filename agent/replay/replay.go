// Package replay reads one capture through a pipeline of its own and gathers
// what it holds: call figures, and the digits of every stream.
package replay

import (
	"errors"
	"io"
	"time"

	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// Reader hands out the frames of a capture in their order; io.EOF ends them.
type Reader interface {
	Next(f *packet.Frame) error
}

// Config says what a Replay looks for.
type Config struct {
	// Pipeline is that of a live agent. Finished is called as there; a replay
	// needs Flows for itself, and sets the bounds.
	Pipeline      pipeline.Config
	ShowDigits    bool // the digits themselves, not only how many
	RTPWithoutSDP bool // look for digits in RTP that nothing announced
}

// Replay is one capture being read. It is not safe for concurrent use.
type Replay struct {
	cfg   Config
	core  *pipeline.Core
	tally *counters.Tally
	dtmf  []StreamDigits
	keys  map[flowKey]int // of dtmf
	info  []CallDigits
	calls map[string]int // of info, by Call-ID
}

type flowKey struct {
	src, dst packet.Endpoint
	ssrc     uint32
}

// Bounds of a replay: a whole day of a large switch fits.
const (
	maxStreams   = 1 << 24
	maxEndpoints = 1 << 22
	maxLegs      = 1 << 22
)

// settle is 64*T1 (RFC 3261 section 17): nobody waits for a record of a
// replay, so that a call keeps what is still repeated of its end.
const settle = 32 * time.Second

// New returns a replay that has read nothing.
func New(cfg Config) *Replay {
	r := &Replay{cfg: cfg, tally: counters.NewTally(), keys: map[flowKey]int{}, calls: map[string]int{}}
	p := cfg.Pipeline
	p.Dialog.MaxLegs = max(p.Dialog.MaxLegs, maxLegs)
	p.Dialog.Settle = settle
	p.Media = media.Options{
		Endpoints: maxEndpoints, Owners: 2 * maxEndpoints, Streams: maxStreams,
		KeepClosed: true, Learn: cfg.RTPWithoutSDP,
		Digits: true, // to tell presses apart; what is shown of them is another matter
	}
	p.Flows = r.flow
	p.Finished = func(l *dialog.Leg, m *counters.MediaResult, book *party.Book) {
		r.leg(l)
		if cfg.Pipeline.Finished != nil {
			cfg.Pipeline.Finished(l, m, book)
		}
	}
	r.core = pipeline.New(p)
	return r
}

// Read reads in to its end and closes what is open then. It calls progress
// from time to time.
func (r *Replay) Read(in Reader, progress func()) error {
	var frame packet.Frame
	for n := 0; ; n++ {
		err := in.Next(&frame)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r.core.Frame(&frame)
		if n&0xffff == 0 {
			progress()
		}
	}
	r.core.Finish()
	return nil
}

// Snapshot returns what the pipeline counted.
func (r *Replay) Snapshot() *pipeline.Snapshot { return r.core.Snapshot() }
