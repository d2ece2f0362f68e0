package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/media"
	"github.com/sipward/sipward/sip/packet"
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
	groups := [][]string{c.Files}
	if !c.Merge {
		groups = nil
		for _, f := range c.Files {
			groups = append(groups, []string{f})
		}
	}
	for i, files := range groups {
		r := newReplay(c, cfg, book, records)
		if err := r.read(files); err != nil {
			return errors.Join(err, out.Flush(), records.close())
		}
		result := r.result(strings.Join(files, ","))
		if c.JSON {
			err = json.NewEncoder(out).Encode(result)
		} else {
			if i > 0 {
				fmt.Fprintln(out)
			}
			err = writeReplay(out, result, r.core.Snapshot(), c.Config != "")
		}
		if err = errors.Join(err, out.Flush()); err != nil {
			return errors.Join(fmt.Errorf("printing: %w", err), records.close())
		}
	}
	return records.close()
}

func (c *replayCmd) load() (*configs.Agent, error) {
	if c.Config == "" {
		return configs.Defaults(), nil
	}
	cfg, err := configs.Load(c.Config)
	if err != nil {
		return nil, explainConfig(c.Config, err)
	}
	return cfg, cfg.FindLocal()
}

// replayRecords writes call records; nil writes none.
type replayRecords struct {
	lines *lines
	err   error
}

func (c *replayCmd) openRecords() (*replayRecords, error) {
	if c.Records == "" {
		return nil, nil //nolint:nilnil // no file is no error
	}
	f, err := os.Create(c.Records)
	if err != nil {
		return nil, fmt.Errorf("writing call records: %w; name another file with --records", err)
	}
	return &replayRecords{lines: &lines{f: f, w: bufio.NewWriterSize(f, 1<<16)}}, nil
}

func (r *replayRecords) add(call *record.Call) {
	if r != nil && r.err == nil {
		r.err = r.lines.write(call)
	}
}

func (r *replayRecords) close() error {
	if r == nil {
		return nil
	}
	if err := errors.Join(r.err, r.lines.close()); err != nil {
		return fmt.Errorf("writing call records: %w", err)
	}
	return nil
}

// replay is one capture being read.
type replay struct {
	cmd   *replayCmd
	core  *pipeline.Core
	tally *counters.Tally
	dtmf  []dtmfResult
	keys  map[flowKey]int // of dtmf
	info  []infoResult
	calls map[string]int // of info, by Call-ID
}

type flowKey struct {
	src, dst packet.Endpoint
	ssrc     uint32
}

// Bounds of a replay: a whole day of a large switch fits.
const (
	replayStreams   = 1 << 24
	replayEndpoints = 1 << 22
	replayLegs      = 1 << 22
)

// replaySettle is 64*T1 (RFC 3261 section 17): nobody waits for a record of a
// replay, so that a call keeps what is still repeated of its end.
const replaySettle = 32 * time.Second

func newReplay(c *replayCmd, cfg *configs.Agent, book *party.Book, records *replayRecords) *replay {
	r := &replay{cmd: c, tally: counters.NewTally(), keys: map[flowKey]int{}, calls: map[string]int{}}
	policy := cfg.DTMF.Digits
	if c.Digits {
		policy = dtmf.Store
	}
	p := coreConfig(cfg, book)
	p.Dialog.KeepDigits = policy.Keeps()
	p.Dialog.MaxLegs = max(p.Dialog.MaxLegs, replayLegs)
	p.Dialog.Settle = replaySettle
	p.Media = media.Options{
		Endpoints: replayEndpoints, Owners: 2 * replayEndpoints, Streams: replayStreams,
		KeepClosed: true, Learn: c.RTPWithoutSDP,
		Digits: true, // to tell presses apart; what is shown of them is another matter
	}
	p.Flows = r.flow
	p.Finished = func(l *dialog.Leg, m *counters.MediaResult) {
		r.leg(l)
		if records != nil {
			records.add(record.NewCall(cfg.Node, l, m, book, policy))
		}
	}
	r.core = pipeline.New(p)
	return r
}

// read reads a capture to its end, closes what is open then, and warns of what
// was damaged.
func (r *replay) read(files []string) error {
	in, err := capture.OpenFiles(files)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := newBar(in)
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
			bar.show()
		}
	}
	bar.end()
	r.core.Finish()
	r.warn(in)
	return nil
}

func (r *replay) warn(in *capture.Files) {
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, "sipward-agent: "+format+"\n", args...) }
	for _, i := range in.Info() {
		if i.Damage != nil {
			say("%s is damaged: %v; what is before that was read", i.Path, i.Damage)
		} else if i.Cut {
			say("%s ends inside a packet; all before it was read", i.Path)
		}
		if i.Skipped > 0 {
			say("%s: %d packets could not be read", i.Path, i.Skipped)
		}
	}
	s := r.core.Snapshot()
	if n := s.Core.Panics; n > 0 {
		say("%d packets met a fault in this program and were left out (%v); please report it", n, s.Core.LastPanic)
	}
	if n := s.Dialogs.Refused + s.Media.RefusedEndpoints; n > 0 {
		say("%d calls or media addresses did not fit the tables; split the capture", n)
	}
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
