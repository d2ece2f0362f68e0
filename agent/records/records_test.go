package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sync/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs r; stop ends it and returns what Run returned.
func start(t *testing.T, r *Recorder) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	return func() error {
		cancel()
		return <-done
	}
}

func read(t *testing.T, path string) (ids []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return callIDs(t, string(b))
}

// callIDs returns the Call-IDs of whole lines, and TORN for others.
func callIDs(t *testing.T, text string) (ids []string) {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "TORN\n"
	}
	for line := range strings.Lines(text) {
		var c record.Call
		if json.Unmarshal([]byte(line), &c) != nil {
			c.CallId = "TORN"
		}
		ids = append(ids, c.CallId)
	}
	return ids
}

func TestEverythingQueuedIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	r := New(Config{File: path})
	for i := range queueLength + 5 { // nobody writes yet
		r.Add(&record.Call{CallId: strconv.Itoa(i)})
	}
	if err := start(t, r)(); err != nil {
		t.Fatal(err)
	}
	ids := read(t, path)
	if len(ids) != queueLength || ids[len(ids)-1] != strconv.Itoa(queueLength-1) {
		t.Errorf("%d lines", len(ids))
	}
	if got, want := r.Stats(), (Stats{Written: queueLength, Dropped: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A record counts as written when the system has it, not when a buffer has.
func TestSuccessIsCountedAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "calls.jsonl")
		r := New(Config{File: path})
		stop := start(t, r)
		r.Add(&record.Call{CallId: "a"})
		synctest.Wait()
		if n, ids := r.Stats().Written, read(t, path); n != 0 || len(ids) != 0 {
			t.Errorf("%d written, %v in the file", n, ids)
		}
		virtual.Pass(flushInterval)
		if n, ids := r.Stats().Written, read(t, path); n != 1 || len(ids) != 1 {
			t.Errorf("%d written, %v in the file", n, ids)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFullDiskLosesRecordsAndNothingElse(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full: ", err)
	}
	var log bytes.Buffer
	r := New(Config{File: "/dev/full", Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 1000 { // more than the buffer holds, so that it fails more than once
		r.Add(&record.Call{CallId: "a"})
	}
	if err := start(t, r)(); err != nil {
		t.Errorf("the agent ends: %v", err)
	}
	if got, want := r.Stats(), (Stats{Failed: 1000}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := strings.Count(log.String(), "are being lost"); n != 1 {
		t.Errorf("logged %d times: %s", n, log.String())
	}
}

func TestReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "calls.jsonl")
		r := New(Config{File: path})
		stop := start(t, r)
		r.Add(&record.Call{CallId: "before"})
		synctest.Wait()
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		r.Reopen()
		synctest.Wait()
		r.Add(&record.Call{CallId: "after"})
		synctest.Wait()

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil { // where no file can be
			t.Fatal(err)
		}
		r.Reopen()
		synctest.Wait()
		r.Add(&record.Call{CallId: "no place"})
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := read(t, path+".1"); len(got) != 1 || got[0] != "before" {
			t.Error(got)
		}
		if got, want := r.Stats(), (Stats{Written: 3}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestATornLineOfACrashIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	if err := os.WriteFile(path, []byte("{\"call_id\":\"whole\"}\n{\"call_id\":\"to"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		r := New(Config{File: path})
		r.Add(&record.Call{CallId: id})
		if err := start(t, r)(); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(read(t, path), " "); got != "whole TORN a b" {
		t.Error(got)
	}
}

func TestNoFileAtTheStart(t *testing.T) {
	err := New(Config{File: filepath.Join(t.TempDir(), "no", "file")}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "records.file") {
		t.Errorf("%v", err)
	}
}

// disk has room for so many bytes.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	d.room -= n
	d.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errors.New("no space left")
	}
	return n, nil
}

func (*disk) Close() error { return nil }

// Whatever part of a write a disk takes, each line is counted once, by what
// became of it, and lines that come later are whole.
func TestPartialWrites(t *testing.T) {
	const line = `{"call_id":"xx"}` // 17 bytes with its end
	for room := range 3*17 + 2 {
		d := &disk{room: room}
		l := lines{file: file{WriteCloser: d}}
		for range 3 {
			l.add([]byte(line))
		}
		written, failed, err := l.flush()
		if whole := uint64(room / 17); written != whole || written+failed != 3 || (err == nil) != (whole == 3) {
			t.Fatalf("room for %d bytes: %d written, %d failed, %v", room, written, failed, err)
		}
		if room%17 != 0 && err != nil { // still full: not even the end of the torn line fits
			l.add([]byte(line))
			if again, lost, err := l.flush(); again != 0 || lost != 1 || err == nil {
				t.Fatalf("room for %d bytes, full: %d written, %d failed, %v", room, again, lost, err)
			}
		}
		d.room = 1000
		l.add([]byte(line))
		if again, lost, err := l.flush(); again != 1 || lost != 0 || err != nil {
			t.Fatalf("room for %d bytes, later: %d written, %d failed, %v", room, again, lost, err)
		}
		ids := callIDs(t, d.String())
		whole := len(ids)
		for _, id := range ids {
			if id == "TORN" {
				whole--
			}
		}
		if room%17 == 16 {
			whole-- // it lacked its end only, and got it from the next one: counted as failed all the same
		}
		if uint64(whole) != written+1 || ids[len(ids)-1] != "xx" {
			t.Fatalf("room for %d bytes: %d counted, in the file %q", room, written+1, d.String())
		}
	}
}

// At the end all calls that are open end at once: more than the queue holds.
func TestTheLastRecordsWaitForTheDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	r := New(Config{File: path})
	stop := start(t, r)
	r.Last()
	const n = 5 * queueLength
	for i := range n {
		r.Add(&record.Call{CallId: strconv.Itoa(i)})
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Stats(), (Stats{Written: n}); got != want || len(read(t, path)) != n {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A recorder that could not open its file holds up nobody.
func TestTheLastRecordsOfARecorderThatFailed(t *testing.T) {
	r := New(Config{File: filepath.Join(t.TempDir(), "no", "file")})
	r.Last()
	if err := r.Run(t.Context()); err == nil {
		t.Fatal("opened")
	}
	for range queueLength + 3 {
		r.Add(&record.Call{})
	}
	if got := r.Stats(); got.Dropped != 3 {
		t.Errorf("%+v", got)
	}
}
