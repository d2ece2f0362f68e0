// Package records appends finished calls to a file of JSON lines. The pipeline
// never waits for the disk while packets come: what does not fit the queue, and what the disk
// refuses, is counted and lost, and the agent goes on watching.
package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// queueLength is how many records may wait for the disk.
const queueLength = 8192

// flushInterval is how long a record waits in the buffer at most.
const flushInterval = time.Second

// Config says where records go.
type Config struct {
	File string
	Log  *slog.Logger // nil: none
}

// Stats are what a Recorder has done so far. Counts only grow.
type Stats struct {
	Written uint64 // records that the operating system took
	Dropped uint64 // records that found the queue full
	Failed  uint64 // records that could not be written
}

// Recorder is the task that writes. Its methods other than Run are safe for
// concurrent use.
type Recorder struct {
	cfg    Config
	queue  chan *record.Call
	reopen chan struct{}
	ready  chan struct{}
	done   chan struct{} // closed when Run returns
	last   atomic.Bool   // Add waits: these are the last records

	written, dropped, failed atomic.Uint64

	out     lines // Run's
	failing bool  // Run's: the log knows
}

// New returns a recorder; Run opens its file.
func New(cfg Config) *Recorder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{cfg: cfg, queue: make(chan *record.Call, queueLength), reopen: make(chan struct{}, 1), ready: make(chan struct{}), done: make(chan struct{})}
}

// Add queues one record, or counts it as dropped. It does not wait, but for
// what comes after Last.
func (r *Recorder) Add(c *record.Call) {
	select {
	case r.queue <- c:
		return
	default:
	}
	if r.last.Load() {
		select {
		case r.queue <- c:
			return
		case <-r.done: // nobody writes any more
		}
	}
	r.dropped.Add(1)
}

// Last says that nothing is captured any more: from now on Add waits for the
// disk, since all calls that are open end at once and no packet is lost by it.
// Run must have been started.
func (r *Recorder) Last() { r.last.Store(true) }

// Reopen makes Run open the file anew, after logrotate moved it away.
func (r *Recorder) Reopen() {
	select {
	case r.reopen <- struct{}{}:
	default:
	}
}

// Ready is closed when the file is open.
func (r *Recorder) Ready() <-chan struct{} { return r.ready }

// Stats returns the counts so far.
func (r *Recorder) Stats() Stats {
	return Stats{Written: r.written.Load(), Dropped: r.dropped.Load(), Failed: r.failed.Load()}
}

// Run opens the file and writes until ctx ends, and then all that was queued
// before. It fails when the file cannot be opened at the start: that is a
// mistake of the configuration. A disk that fails later does not end it.
func (r *Recorder) Run(ctx context.Context) error {
	defer close(r.done)
	f, err := openFile(r.cfg.File)
	if err != nil {
		return err
	}
	r.out.to(f)
	close(r.ready)
	flush := time.NewTicker(flushInterval)
	defer flush.Stop()
	for {
		select {
		case c := <-r.queue:
			r.write(c)
		case <-flush.C:
			r.flush()
		case <-r.reopen:
			r.change()
		case <-ctx.Done():
			return r.end()
		}
	}
}

// end writes what is queued and closes the file.
func (r *Recorder) end() error {
	for {
		select {
		case c := <-r.queue:
			r.write(c)
			continue
		default:
		}
		r.flush()
		if err := r.out.file.Close(); err != nil {
			return fmt.Errorf("closing the file of call records: %w", err)
		}
		return nil
	}
}

func (r *Recorder) write(c *record.Call) {
	b, err := json.Marshal(c)
	if err != nil { // no field of a record can fail; a later one might
		r.failed.Add(1)
		return
	}
	if !r.out.fits(len(b) + 1) {
		r.flush()
	}
	r.out.add(b)
}

// flush hands the buffer to the operating system, and only then counts.
func (r *Recorder) flush() {
	written, failed, err := r.out.flush()
	r.written.Add(written)
	r.failed.Add(failed)
	r.report(err)
}

// change goes on in a new file of the same name. When there can be none, the
// old one, which was moved away, is better than nothing.
func (r *Recorder) change() {
	r.flush()
	f, err := openFile(r.cfg.File)
	if err != nil {
		r.cfg.Log.Error("records go on into the old file", "error", err)
		return
	}
	r.report(r.out.file.Close())
	r.out.to(f)
}

// report logs the first failure of a row, and its end.
func (r *Recorder) report(err error) {
	if failing := err != nil; failing != r.failing {
		r.failing = failing
		if failing {
			r.cfg.Log.Error("call records are being lost", "file", r.cfg.File, "error", err)
		} else {
			r.cfg.Log.Info("call records are being written again", "file", r.cfg.File, "lost", r.failed.Load())
		}
	}
}

// openFile opens path to append to it. What a crash or a full disk left of a
// last line gets an end, so that it does not spoil the next one.
func openFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return file{}, fmt.Errorf("opening the file of call records: %w; make its folder writable, or set records.file", err)
	}
	torn, err := endsInLine(f)
	if err != nil {
		return file{}, errors.Join(fmt.Errorf("reading the end of the file of call records: %w", err), f.Close())
	}
	return file{WriteCloser: f, torn: torn}, nil
}

func endsInLine(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return false, nil // a pipe or a device has no last line to look at
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// file is an open file; torn when it ends inside a line.
type file struct {
	io.WriteCloser
	torn bool
}
