// Package outbox turns what the pipeline finds into records and hands them to
// the spool: finished calls, minutes, closed hours, and calls that go on.
package outbox

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
	"github.com/sipward/sipward/sync/record"
)

// Spool is what an Outbox needs of the spool. None of it waits for the disk.
type Spool interface {
	// Add queues an encoded record; what finds the queue full is counted there,
	// and declared as lost.
	Add(st record.Stream, encoded []byte) bool
	// AddCall queues the record of a call that is over and drops the open call, in one
	// step.
	AddCall(id uint64, encoded []byte) bool
	SaveOpen(id uint64, state []byte)
	DropOpen(id uint64)
	Epoch() uint64
	Held() []record.Holding
}

// hoursID is the place among the open calls where the last closed hour, or the one
// before the first, is kept: it must survive what they survive, and no call has such a number.
const hoursID = 1<<64 - 1

// tentative follows there as long as it is. Programs that do not know it take it for no
// hour, as they had none yet.
const tentative = 't'

// Config of an Outbox.
type Config struct {
	Node   string
	Digits dtmf.Policy
	Settle time.Duration // how long after its end a call is closed; see dialog.Config
	Closed record.Closed // what the last run saved of its hours
}

// Outbox belongs to the goroutine of the pipeline; Registration, ClosedUnixS and
// Unencoded may be called by any.
type Outbox struct {
	cfg   Config
	spool Spool
	hours *record.Hours

	saved     record.Closed
	closed    atomic.Int64 // as ClosedUnixS
	unencoded atomic.Uint64
}

// New returns an outbox for a spool that is open.
func New(cfg Config, spool Spool) *Outbox {
	o := &Outbox{cfg: cfg, spool: spool, hours: record.NewHours(cfg.Closed, cfg.Settle)}
	o.saveClosed() // this run's checkpoints must have it too
	return o
}

// ClosedUnixS is the beginning of the last hour that is closed, be it the one before the
// first that is counted in, seconds since the Unix epoch; 0: that is not known yet.
func (o *Outbox) ClosedUnixS() int64 { return o.closed.Load() }

// Unencoded counts records that could not be encoded; more than 0 is a bug.
func (o *Outbox) Unencoded() uint64 { return o.unencoded.Load() }

// Finished takes a call that is over, and returns its record.
func (o *Outbox) Finished(l *dialog.Leg, m *counters.MediaResult, book *party.Book) *record.Call {
	c := record.NewCall(o.cfg.Node, l, m, book, o.cfg.Digits)
	o.hours.Count(c)
	if b := o.encode(&record.Record{Call: c}); b != nil {
		o.spool.AddCall(c.LegId, b)
	}
	return c
}

// Minute takes the counters of a minute.
func (o *Outbox) Minute(minutes []counters.Minute, book *party.Book) {
	for i := range minutes {
		o.add(record.Telemetry, &record.Record{Minute: record.NewMinute(&minutes[i], book)})
	}
}

// Registration takes a report on a REGISTER. It may be called by any goroutine.
func (o *Outbox) Registration(r *register.Report) {
	o.add(record.Telemetry, &record.Record{Registration: record.NewRegistration(r)})
}

// Ticked closes the hours that are over; now is the time of the packets.
func (o *Outbox) Ticked(now int64) {
	for _, m := range o.hours.Tick(now) {
		m.Held = o.earlier()
		o.add(record.Calls, &record.Record{HourMark: m})
	}
	o.saveClosed()
}

// saveClosed has the next run know which hours are closed, and from which on it must
// close them, however long nobody runs, and however short this run is.
func (o *Outbox) saveClosed() {
	c := o.hours.Closed()
	if c == o.saved {
		return
	}
	o.saved = c
	state := binary.BigEndian.AppendUint64(nil, uint64(c.HourUnixS)) // and back
	if c.Tentative {
		state = append(state, tentative)
	} else {
		o.closed.Store(c.HourUnixS)
	}
	o.spool.SaveOpen(hoursID, state)
}

// earlier lists the calls of earlier runs that no collector has yet: an hour
// may have some of them. Those that were acked and are still here are listed, too: a
// store that goes back to an older copy gets them again, and its hour is not
// complete before.
func (o *Outbox) earlier() (held []*record.Held) {
	now := o.spool.Epoch()
	for _, h := range o.spool.Held() {
		if h.Epoch == now || h.Stream != record.Calls {
			continue
		}
		all := h.Unacked.Clone()
		all.AddAll(h.Kept)
		for _, r := range all {
			held = append(held, &record.Held{Epoch: h.Epoch, Stream: uint32(h.Stream), First: r.First, Last: r.Last})
		}
	}
	return held
}

// Saved takes the state of a call that goes on. The caller uses the slice
// again; the spool keeps what it gets.
func (o *Outbox) Saved(id uint64, state []byte) { o.spool.SaveOpen(id, bytes.Clone(state)) }

// Dropped forgets a call that was saved.
func (o *Outbox) Dropped(id uint64) { o.spool.DropOpen(id) }

func (o *Outbox) add(st record.Stream, r *record.Record) {
	if b := o.encode(r); b != nil {
		o.spool.Add(st, b)
	}
}

// encode returns nil for what cannot be encoded.
func (o *Outbox) encode(r *record.Record) []byte {
	b, err := record.Encode(r)
	if err != nil {
		o.unencoded.Add(1)
		return nil
	}
	return b
}

// Closed reads what the last run saved of its hours with the open calls; false when id is
// that of a call. What is damaged says nothing.
func Closed(id uint64, state []byte) (c record.Closed, ok bool) {
	if id != hoursID {
		return c, false
	}
	if n := len(state); n == 8 || n == 9 && state[8] == tentative {
		c = record.Closed{HourUnixS: int64(binary.BigEndian.Uint64(state)), Tentative: n == 9} // and back
	}
	return c, true
}
