package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// recordQueue is how many records may wait for the disk.
const recordQueue = 8192

// recorder appends finished calls to a file of JSON lines. The pipeline never
// waits for the disk: what does not fit the queue is counted and lost. Add and
// Close are for one goroutine, the pipeline's.
type recorder struct {
	path    string
	queue   chan *record.Call
	reopen  chan struct{}
	dropped atomic.Uint64 // for want of room
	failed  atomic.Uint64 // for an error of the disk
	written atomic.Uint64
}

func newRecorder(path string) *recorder {
	return &recorder{path: path, queue: make(chan *record.Call, recordQueue), reopen: make(chan struct{}, 1)}
}

// Add queues one record, or counts it as lost.
func (r *recorder) Add(c *record.Call) {
	select {
	case r.queue <- c:
	default:
		r.dropped.Add(1)
	}
}

// Close ends Run when everything queued is written.
func (r *recorder) Close() { close(r.queue) }

// Reopen makes Run open the file anew, after logrotate moved it away.
func (r *recorder) Reopen() {
	select {
	case r.reopen <- struct{}{}:
	default:
	}
}

func (r *recorder) open() (*os.File, error) {
	f, err := os.OpenFile(r.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the file of call records: %w; make its folder writable, or set records.file", err)
	}
	return f, nil
}

// Run writes records to f until Close. A disk that fails loses records, which
// are counted; it does not end the agent.
func (r *recorder) Run(f *os.File) error {
	out := &lines{f: f, w: bufio.NewWriterSize(f, 64<<10)}
	flush := time.NewTicker(time.Second)
	defer flush.Stop()
	for {
		select {
		case c, more := <-r.queue:
			if !more {
				return out.close()
			}
			r.note(out.write(c), 1)
		case <-flush.C:
			r.note(out.flush(), 0)
		case <-r.reopen:
			r.note(out.flush(), 0)
			if f, err := r.open(); err == nil {
				_ = out.f.Close() // flushed before
				out = &lines{f: f, w: bufio.NewWriterSize(f, 64<<10)}
			} else {
				r.failed.Add(1)
			}
		}
	}
}

func (r *recorder) note(err error, n uint64) {
	if err != nil {
		r.failed.Add(max(n, 1))
		return
	}
	r.written.Add(n)
}

// lines writes JSON lines to a file.
type lines struct {
	f *os.File
	w *bufio.Writer
}

func (l *lines) write(c *record.Call) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = l.w.Write(append(b, '\n'))
	return err
}

// flush writes what is buffered. A bufio.Writer that failed once fails for
// ever, so it begins anew and the disk gets another chance.
func (l *lines) flush() error {
	err := l.w.Flush()
	if err != nil {
		l.w.Reset(l.f)
	}
	return err
}

func (l *lines) close() error { return errors.Join(l.w.Flush(), l.f.Close()) }
