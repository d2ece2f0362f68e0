package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/sipward/sipward/agent/outbox"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
	"github.com/sipward/sipward/sync/uplink"
)

// addSync builds the spool and the uplink, if there is to be one, and has the
// core feed them.
func (a *agent) addSync(core *pipeline.Config) (err error) {
	cfg := &a.cfg.Spool
	if !a.cfg.Uplink.On() {
		return nil
	}
	a.spool = spool.New(spool.Config{
		Dir: cfg.Dir, Budget: mebibytes(cfg.BudgetMiB), MinFree: mebibytes(cfg.MinFreeMiB), Reserve: mebibytes(cfg.ReserveMiB),
		KeepAcked: cfg.KeepAcked, Log: a.log,
	})
	if a.uplink, err = a.newUplink(); err != nil {
		return err
	}
	core.KeepOpen = true
	core.Saved = func(id uint64, state []byte) { a.outbox.Saved(id, state) }
	core.Dropped = func(id uint64) { a.outbox.Dropped(id) }
	core.Minute = func(m []counters.Minute, book *party.Book) { a.outbox.Minute(m, book) }
	core.Ticked = func(now int64) { a.outbox.Ticked(now) }
	return nil
}

func mebibytes(n int) int64 { return int64(n) << 20 }

func (a *agent) newUplink() (*uplink.Uplink, error) {
	cfg := &a.cfg.Uplink
	tls, err := cfg.TLS()
	if err != nil {
		return nil, err
	}
	c := uplink.Config{
		Node: a.cfg.Node, Brokers: cfg.Brokers, TLS: tls, Username: cfg.Username, Password: cfg.Password,
		RecordsPerSecond: cfg.BacklogRate, Live: a.liveNow, State: a.stateNow, Program: theVersion(),
		Command: a.answer, Log: a.log,
	}
	if a.tables != nil {
		c.Table = a.offered
	}
	return uplink.New(c, a.spool)
}

// finished has finished calls recorded: for a collector, in a file, or both.
func (a *agent) finished(l *dialog.Leg, m *counters.MediaResult, book *party.Book) {
	var c *record.Call
	if a.outbox != nil {
		c = a.outbox.Finished(l, m, book)
	} else {
		c = record.NewCall(a.cfg.Node, l, m, book, a.cfg.DTMF.Digits)
	}
	if a.records != nil {
		a.records.Add(c)
	}
}

// restore opens the spool, and takes up the calls that went on when the last
// run ended.
func (a *agent) restore() error {
	if a.spool == nil {
		return nil
	}
	if err := a.spool.Open(); err != nil {
		return explainOpen(err, a.cfg.Spool.Dir)
	}
	var open []pipeline.Saved
	var closed record.Closed
	for _, s := range a.spool.OpenCalls() {
		if c, yes := outbox.Closed(s.ID, s.State); yes {
			closed = c
			continue
		}
		open = append(open, pipeline.Saved{ID: s.ID, State: s.State})
	}
	// Closed after the last checkpoint: what is counted now is of a later hour.
	if marked := a.spool.LastMark(); marked != 0 && (closed.Tentative || marked > closed.HourUnixS) {
		closed = record.Closed{HourUnixS: marked}
	}
	a.outbox = outbox.New(outbox.Config{Node: a.cfg.Node, Digits: a.cfg.DTMF.Digits, Closed: closed}, a.spool)
	restored, bad := a.core.Restore(a.spool.Epoch(), open, time.Now().UnixNano())
	if restored > 0 {
		a.log.Info("calls of the last run go on", "calls", restored)
	}
	if bad > 0 {
		a.log.Error("calls of the last run could not be read", "calls", bad)
	}
	return nil
}

// explainOpen says what to do about a spool that run cannot open.
func explainOpen(err error, dir string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; make %s the owner of %s (chown -R), or name another folder in spool.dir", err, program.Me(), dir)
	case errors.Is(err, spool.ErrFormat):
		return program.NeedsHand(fmt.Errorf("%w; install that version again, or name another folder in spool.dir", err))
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; name a folder that can be written in spool.dir", err)
	}
	return err
}

// stateNow is what the uplink says of this agent; see record.State.
func (a *agent) stateNow() []byte {
	s := a.admin.Status()
	out := record.State{
		Node: s.Node, State: record.StateUp, Epoch: s.Sync.Spool.Epoch, Version: s.Version, Mode: s.Mode,
		StartedMs: s.Started.UnixMilli(), TimeUnixMs: time.Now().UnixMilli(),
		Ready: len(s.NotReady) == 0, NotReady: s.NotReady, Suspect: s.Suspect,
	}
	p := &s.Sync.Spool
	out.Spool = record.SpoolState{
		Bytes: p.Bytes, BudgetBytes: p.BudgetBytes, Records: p.Calls.Spooled + p.Telemetry.Spooled,
		Accepted: p.Calls.Accepted + p.Telemetry.Accepted, Acked: p.Calls.Acked + p.Telemetry.Acked,
		Declared:        p.Calls.Declared + p.Telemetry.Declared,
		OldestUnackedMs: max(p.Calls.OldestUnackedMs, p.Telemetry.OldestUnackedMs),
	}
	if u := &s.Sync.Uplink; u.SkewKnown {
		ms := u.Skew.Milliseconds()
		out.SkewMs = &ms
	}
	out.Guard = guardState(s.Guard)
	if s.Guard.Table != nil {
		out.Table = tableState(s.Guard.Table, time.Now())
	}
	return mustJSON(&out)
}

// epochText is how epochs are written for people: 16 hexadecimal digits.
func epochText(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }
