package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/agent/replay"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

type replayCmd struct {
	Files  []string `arg:"" name:"file" help:"Capture files; - is standard input."`
	Config string   `help:"Configuration with the customers and carriers; without one every call is of an unknown customer."`
	JSON   bool     `name:"json" help:"Print one JSON object a file, each on its own line."`
	Digits bool     `help:"Show the digits that were pressed, not only how many. They can be card numbers."`

	RTPWithoutSDP bool   `name:"rtp-without-sdp" help:"Look for digits in RTP that no session description announced, too."`
	Merge         bool   `help:"Read all files as one capture, in the order of their packets' time, as for the pieces of a rotated one."`
	Records       string `placeholder:"FILE" help:"Write a JSON line for every call to this file."`
}

// Run replays every file by itself, or all of them as one.
func (c *replayCmd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	book, err := cfg.Book(nil)
	if err != nil {
		return err
	}
	records, err := c.openRecords()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for i, files := range c.groups() {
		if i > 0 && !c.JSON {
			fmt.Fprintln(out)
		}
		r := replay.New(c.config(cfg, book, records))
		if err := c.read(r, files); err != nil {
			return errors.Join(err, out.Flush(), records.close())
		}
		if err := errors.Join(c.print(out, r, strings.Join(files, ",")), out.Flush()); err != nil {
			return errors.Join(fmt.Errorf("printing: %w", err), records.close())
		}
	}
	return records.close()
}

// groups lists the files that make one capture each.
func (c *replayCmd) groups() [][]string {
	if c.Merge {
		return [][]string{c.Files}
	}
	var out [][]string
	for _, f := range c.Files {
		out = append(out, []string{f})
	}
	return out
}

func (c *replayCmd) load() (*configs.Agent, error) {
	if c.Config == "" {
		return configs.Defaults(), nil
	}
	cfg, err := configs.Load(c.Config)
	if err != nil {
		return nil, explainConfig(c.Config, err)
	}
	_, err = cfg.FindLocal(net.InterfaceAddrs)
	return cfg, err
}

func (c *replayCmd) config(cfg *configs.Agent, book *party.Book, records *replayRecords) replay.Config {
	policy := cfg.DTMF.Digits
	if c.Digits {
		policy = dtmf.Store
	}
	core := coreConfig(cfg, book)
	core.Dialog.KeepDigits = policy.Keeps()
	if records != nil {
		core.Finished = func(l *dialog.Leg, m *counters.MediaResult, book *party.Book) {
			records.add(record.NewCall(cfg.Node, l, m, book, policy))
		}
	}
	return replay.Config{Pipeline: core, ShowDigits: c.Digits, RTPWithoutSDP: c.RTPWithoutSDP}
}

// read reads a capture to its end and warns of what was damaged.
func (c *replayCmd) read(r *replay.Replay, files []string) error {
	in, err := capture.OpenFiles(files)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := newBar(in)
	err = r.Read(in, bar.show)
	bar.end()
	if err != nil {
		return err
	}
	for _, i := range in.Info() {
		if i.Damage != nil {
			warn("%s is damaged: %v; what is before that was read", i.Path, i.Damage)
		} else if i.Cut {
			warn("%s ends inside a packet; all before it was read", i.Path)
		}
		if i.Skipped > 0 {
			warn("%s: %d packets could not be read", i.Path, i.Skipped)
		}
	}
	warnOfLosses(r.Snapshot())
	return nil
}

func warnOfLosses(s *pipeline.Snapshot) {
	if n := s.Core.Panics; n > 0 {
		warn("%d packets met a fault in this program and were left out (%v); please report it", n, s.Core.LastPanic)
	}
	if n := s.Dialogs.Refused + s.Media.RefusedEndpoints; n > 0 {
		warn("%d calls or media addresses did not fit the tables; split the capture", n)
	}
}

func warn(format string, args ...any) { fmt.Fprintf(os.Stderr, "sipward-agent: "+format+"\n", args...) }

// print shows one capture, with the figures of each party when there is a
// configuration.
func (c *replayCmd) print(out *bufio.Writer, r *replay.Replay, name string) error {
	result := r.Result(name)
	if c.JSON {
		return json.NewEncoder(out).Encode(result)
	}
	if err := result.WriteTable(out); err != nil || c.Config == "" {
		return err
	}
	return admin.WriteFigures(out, r.Snapshot().Figures)
}

// replayRecords writes call records; nil writes none. Its first error stays.
type replayRecords struct {
	file *os.File
	buf  *bufio.Writer
	json *json.Encoder
	err  error
}

func (c *replayCmd) openRecords() (*replayRecords, error) {
	if c.Records == "" {
		return nil, nil //nolint:nilnil // no file is no error
	}
	f, err := os.Create(c.Records)
	if err != nil {
		return nil, fmt.Errorf("writing call records: %w; name another file with --records", err)
	}
	buf := bufio.NewWriterSize(f, 1<<16)
	return &replayRecords{file: f, buf: buf, json: json.NewEncoder(buf)}, nil
}

func (r *replayRecords) add(call *record.Call) {
	if r.err == nil {
		r.err = r.json.Encode(call)
	}
}

func (r *replayRecords) close() error {
	if r == nil {
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
	if _, total := in.Progress(); total > 0 && term.IsTerminal(int(os.Stderr.Fd())) { //nolint:gosec // a file descriptor fits
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
