package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

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
	Config string   `placeholder:"FILE" help:"Configuration with the customers and carriers; without one every call is of an unknown customer. The switch is what its local_addresses say: those of this machine mean nothing to a capture."`
	JSON   bool     `name:"json" help:"Print one JSON object a file, each on its own line."`
	Digits bool     `help:"Show the digits that were pressed, not only how many. They can be card numbers. With --config, --records keeps what its dtmf.digits says."`

	RTPWithoutSDP bool   `name:"rtp-without-sdp" help:"Look for digits in RTP that no session description announced, too."`
	Merge         bool   `help:"Read all files as one capture, in the order of their packets' time, as for the pieces of a rotated one."`
	Records       string `placeholder:"FILE" help:"Write a JSON line for every call to this new file."`
}

// Run replays every file by itself, or all of them as one. A file that cannot
// be read does not keep the others from being read; the end says so.
func (c *replayCmd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	book, err := cfg.Book(nil)
	if err != nil {
		return err
	}
	records := &replayRecords{path: c.Records}
	out := bufio.NewWriter(os.Stdout)
	printed := 0
	groups, bad := c.groups()
	for _, files := range groups {
		in, err := capture.OpenFiles(files)
		if err != nil {
			warn("%v", err)
			bad++
			continue
		}
		if err := records.open(); err != nil { // not before a capture is open: it must not take its place
			return errors.Join(err, in.Close(), out.Flush())
		}
		r := replay.New(c.config(cfg, book, records))
		damaged, err := c.read(r, in)
		if err != nil {
			warn("%v", err)
			bad++
			continue
		}
		if printed++; printed > 1 && !c.JSON {
			fmt.Fprintln(out)
		}
		if err := errors.Join(c.print(out, r, strings.Join(files, ","), damaged), out.Flush()); err != nil {
			return errors.Join(fmt.Errorf("printing: %w", err), records.close())
		}
	}
	if err := records.close(); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files could not be read", bad, len(c.Files))
	}
	return nil
}

// groups lists the files that make one capture each. Of those that are merged
// it leaves out, and counts, what cannot be opened. Standard input can be
// opened only once.
func (c *replayCmd) groups() (groups [][]string, bad int) {
	if !c.Merge {
		for _, f := range c.Files {
			groups = append(groups, []string{f})
		}
		return groups, 0
	}
	var good []string
	for _, f := range c.Files {
		if err := readable(f); err != nil {
			warn("%v", err)
			bad++
			continue
		}
		good = append(good, f)
	}
	if len(good) == 0 {
		return nil, bad
	}
	return [][]string{good}, bad
}

func readable(file string) error {
	if file == "-" {
		return nil
	}
	in, err := capture.OpenFiles([]string{file})
	if err != nil {
		return err
	}
	return in.Close()
}

// load reads the parties. What a capture holds does not depend on the machine
// that replays it: the switch's addresses are those that the file names.
func (c *replayCmd) load() (*configs.Agent, error) {
	if c.Config == "" {
		return configs.Defaults(), nil
	}
	cfg, err := configs.Load(c.Config)
	if err != nil {
		return nil, explainConfig(c.Config, err)
	}
	if len(cfg.Local) == 0 && len(cfg.Customers)+len(cfg.Carriers) > 0 {
		warn("%s has no local_addresses: which calls come in and which go out is guessed, and missing media cannot be told; set local_addresses to those of the switch", c.Config)
	}
	return cfg, nil
}

// config sets up one replay. Records keep of digits what the configuration
// says; without one, what is shown.
func (c *replayCmd) config(cfg *configs.Agent, book *party.Book, records *replayRecords) replay.Config {
	policy := cfg.DTMF.Digits
	if c.Digits && c.Config == "" {
		policy = dtmf.Store
	}
	core := coreConfig(cfg, book)
	core.Dialog.KeepDigits = c.Digits || policy.Keeps()
	if c.Records != "" {
		core.Finished = func(l *dialog.Leg, m *counters.MediaResult, book *party.Book) {
			records.add(record.NewCall(cfg.Node, l, m, book, policy))
		}
	}
	return replay.Config{Pipeline: core, ShowDigits: c.Digits, RTPWithoutSDP: c.RTPWithoutSDP}
}

// read reads a capture to its end, closes it, and says what was damaged.
func (c *replayCmd) read(r *replay.Replay, in *capture.Files) (damaged string, err error) {
	defer in.Close()
	bar := newBar(in)
	err = r.Read(in, bar.show)
	bar.end()
	if err != nil {
		return "", err
	}
	damaged = damages(in.Info())
	if damaged != "" {
		warn("%s", damaged)
	}
	warnOfLosses(r.Snapshot())
	return damaged, nil
}

// damages says what could not be read of files; "" when all was.
func damages(files []capture.FileInfo) string {
	var out []string
	for _, i := range files {
		if i.Damage != nil {
			out = append(out, fmt.Sprintf("%s is damaged: %v; what is before that was read", i.Path, i.Damage))
		} else if i.Cut {
			out = append(out, i.Path+" ends inside a packet; all before it was read")
		}
		if i.Skipped > 0 {
			out = append(out, fmt.Sprintf("%s: %d packets could not be read", i.Path, i.Skipped))
		}
	}
	return strings.Join(out, "; ")
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
func (c *replayCmd) print(out *bufio.Writer, r *replay.Replay, name, damaged string) error {
	result := r.Result(name)
	result.Damaged = damaged
	if c.JSON {
		return json.NewEncoder(out).Encode(result)
	}
	if err := result.WriteTable(out); err != nil || c.Config == "" {
		return err
	}
	return admin.WriteFigures(out, r.Snapshot().Figures)
}
