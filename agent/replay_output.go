package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/sync/record"
)

// replayRecords writes call records to a new file. Its first error stays.
type replayRecords struct {
	path string // "" for none
	file *os.File
	buf  *bufio.Writer
	json *json.Encoder
	err  error
}

// open makes the file, once. One that exists is never written over: it may
// well be a capture.
func (r *replayRecords) open() error {
	if r.path == "" || r.file != nil {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("writing call records: %s exists; name another file with --records", r.path)
	case err != nil:
		return fmt.Errorf("writing call records: %w; name another file with --records", err)
	}
	r.file, r.buf = f, bufio.NewWriterSize(f, 1<<16)
	r.json = json.NewEncoder(r.buf)
	return nil
}

func (r *replayRecords) add(call *record.Call) {
	if r.err == nil {
		r.err = r.json.Encode(call)
	}
}

func (r *replayRecords) close() error {
	if r.file == nil {
		return nil
	}
	if r.err == nil {
		r.err = r.buf.Flush()
	}
	if err := errors.Join(r.err, r.file.Close()); err != nil {
		return fmt.Errorf("writing call records: %w", err)
	}
	return nil
}

// bar shows progress on a terminal.
type bar struct {
	in  *capture.Files
	bar *progressbar.ProgressBar // nil without a terminal
}

func newBar(in *capture.Files) *bar {
	b := &bar{in: in}
	if _, total := in.Progress(); total > 0 && term.IsTerminal(int(os.Stderr.Fd())) { // a file descriptor fits
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("reading"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(1e8))
	}
	return b
}

func (b *bar) show() {
	if b.bar != nil {
		read, _ := b.in.Progress()
		_ = b.bar.Set64(read) // a terminal that went away is no reason to stop
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
