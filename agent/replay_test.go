package main

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/agent/replay"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sip/packet"
)

// A stream that plays again, timestamps and all, shows each of its digits once.
func TestReplayTheSameStreamTwice(t *testing.T) {
	for _, digits := range []bool{true, false} {
		cfg := configs.Defaults()
		book, err := cfg.Book(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := replay.New((&replayCmd{Digits: digits}).config(cfg, book, nil))
		if err := r.Read(&twice{t: t, file: "../test/captures/digits.pcap"}, func() {}); err != nil {
			t.Fatal(err)
		}
		got := r.Result("")
		if got.RTP.Packets == 0 || got.Calls.Answered != 1 || len(got.DTMF) != 2 {
			t.Fatalf("%+v", got)
		}
		for _, d := range got.DTMF {
			if digits && (d.Digits == nil || *d.Digits != "0123456789*#") || !digits && (d.Digits != nil || *d.Count != 12) {
				t.Errorf("digits %v: %+v", digits, d)
			}
		}
	}
}

// twice reads a capture, and then again an hour later.
type twice struct {
	t    *testing.T
	file string
	in   *capture.Files
	runs int
}

func (r *twice) Next(f *packet.Frame) error {
	if r.in == nil {
		if r.runs == 2 {
			return io.EOF
		}
		in, err := capture.OpenFiles([]string{r.file})
		if err != nil {
			return err
		}
		r.t.Cleanup(func() { _ = in.Close() })
		r.in = in
		r.runs++
	}
	err := r.in.Next(f)
	if errors.Is(err, io.EOF) {
		r.in = nil
		return r.Next(f)
	}
	f.Time += int64(r.runs) * int64(time.Hour)
	return err
}
