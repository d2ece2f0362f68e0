package main

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sipward/sipward/agent/capture"
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
		r := newReplay(&replayCmd{Digits: digits}, cfg, book, nil)
		for n := range 2 {
			feed(t, r, "../test/captures/digits.pcap", time.Duration(n)*time.Hour)
		}
		r.core.Finish()
		got := r.result("")
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

// feed replays a capture, all of it later by some time.
func feed(t *testing.T, r *replay, file string, later time.Duration) {
	t.Helper()
	in, err := capture.OpenFiles([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var frame packet.Frame
	for {
		err := in.Next(&frame)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		frame.Time += int64(later)
		r.core.Frame(&frame)
	}
}
