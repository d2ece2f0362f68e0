package guard

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sip/register"
)

// open returns a guard whose folder is dir.
func open(t testing.TB, dir string, log *bytes.Buffer) *Guard {
	t.Helper()
	cfg := Config{Dir: dir}
	if log != nil {
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	g := testGuard(t, cfg)
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.disk.close)
	return g
}

// saveNow is what happens once a second.
func saveNow(t testing.TB, g *Guard) {
	t.Helper()
	if _, err := g.disk.save(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

func (g *Guard) numbers(t testing.TB) string {
	t.Helper()
	list, _, err := g.Bindings("", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, b := range list {
		out += b.Number + " "
	}
	return out
}

// TestRestart: what was saved is there again, after kill -9 too, and nothing that
// has gone or is over meanwhile.
func TestRestart(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UnixNano()
	g := open(t, dir, nil)
	w := &wire{g: g}
	saveNow(t, g) // of nothing
	w.register("1001", acme, 3600, now)
	w.register("1002", acme, 3600, now)
	w.register("1003", acme, 3600, now-3599*sec) // all but over
	saveNow(t, g)
	w.register("1002", acme, 0, now+sec)
	w.register("1001", acme, 7200, now+sec) // refreshed
	w.register("1004", acme, 3600, now+sec)
	saveNow(t, g)
	before, _, _ := g.Bindings("", "1001", "1001", 1)
	w.register("1005", acme, 3600, now+2*sec) // within the last second
	g.disk.close()                            // as the kernel does it to whom it kills

	g = open(t, dir, nil)
	if got := g.numbers(t); got != "1001 1003 1004 " && got != "1001 1004 " {
		t.Errorf("after the restart: %s", got)
	}
	after, _, _ := g.Bindings("", "1001", "1001", 1)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if v := g.Judge(ask("1004", bob), at(now, "", 0)); v.Pass() {
		t.Error("bob takes a number of acme")
	}
	for g.tick(now + 3700*sec) {
	}
	if s := g.Stats(); s.Registry.Bindings != 1 {
		t.Errorf("%d bindings after an hour", s.Registry.Bindings)
	}
	saveNow(t, g)
	(&wire{g: g, n: 100}).register("1006", acme, 3600, now)
	saveNow(t, g)
	g.disk.close()
	if got := open(t, dir, nil).numbers(t); got != "1001 1006 " {
		t.Errorf("after the second restart: %s", got)
	}
}

// TestInUseSurvives: a number that is in use stays so after a restart.
func TestInUseSurvives(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UnixNano()
	g := open(t, dir, nil)
	(&wire{g: g}).register("9000", none, 3600, now)
	saveNow(t, g)
	g.disk.close()
	free := parties()
	free[1].Blocks = nil
	book, err := g.book.Next(free, nil)
	if err != nil {
		t.Fatal(err)
	}
	g = testGuard(t, Config{Dir: dir, Book: book})
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	defer g.disk.close()
	if v := g.Judge(ask("9000", bob), at(now, "", 0)); v.Reason != register.InUse {
		t.Error(v.Reason)
	}
}

// TestDamagedFile is set aside and never fatal; what is good in it is used.
func TestDamagedFile(t *testing.T) {
	now := time.Now().UnixNano()
	for name, tt := range map[string]struct {
		damage func([]byte) []byte
		want   string
	}{
		"one flipped bit":            {func(b []byte) []byte { b[len(journalFormat)+20] ^= 1; return b }, "1002 1003 "},
		"nonsense":                   {func([]byte) []byte { return []byte(strings.Repeat("nonsense ", 1000)) }, ""},
		"zeros":                      {func(b []byte) []byte { return make([]byte, len(b)) }, ""},
		"zeros at the end":           {func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, "1001 1002 1003 "},
		"newer":                      {func([]byte) []byte { return []byte("sipward bindings 9\nwho knows") }, ""},
		"entries that make no sense": {func(b []byte) []byte { return appendEntry(b, "key", []byte("no binding")) }, "1001 1002 1003 "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			g := open(t, dir, nil)
			for n := range 3 {
				(&wire{g: g, n: n}).register(fmt.Sprint(1001+n), acme, 3600, now)
			}
			saveNow(t, g)
			g.disk.close()
			path := filepath.Join(dir, bindingsName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := tt.damage(b)
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			g = open(t, dir, &log)
			if got := g.numbers(t); got != tt.want || g.Stats().Damaged == 0 || !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("%q of %q; %d damaged; %s", got, tt.want, g.Stats().Damaged, &log)
			}
			if name != "entries that make no sense" {
				if aside, err := os.ReadFile(path + corrupt); err != nil || !bytes.Equal(aside, broken) {
					t.Errorf("set aside: %v", err)
				}
			}
			saveNow(t, g)
			g.disk.close()
			log.Reset()
			if got := open(t, dir, &log).numbers(t); got != tt.want || log.Len() > 0 {
				t.Errorf("the file is not mended: %q, %s", got, &log)
			}
		})
	}
}

// TestDiskFails: verdicts go on, it is counted, and when the disk is back all is
// written, whatever came meanwhile.
func TestDiskFails(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UnixNano()
	var log bytes.Buffer
	g := open(t, dir, &log)
	w := &wire{g: g}
	w.register("1001", acme, 3600, now)
	saveNow(t, g)
	_ = g.disk.out.f.Close() // as a disk that went away
	blocked := filepath.Join(dir, bindingsNew)
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.register("1002", acme, 3600, now)
	g.save(t.Context())
	g.save(t.Context()) // too soon to try again
	g.disk.next = time.Time{}
	g.save(t.Context())
	w.register("1003", acme, 3600, now)
	if s := g.Stats(); s.SaveFails != 2 || s.Unsaved != 0 || !strings.Contains(log.String(), "not kept for a restart") {
		t.Errorf("%d failures, %d unsaved: %s", s.SaveFails, s.Unsaved, &log)
	}
	if v := g.Judge(ask("1004", acme), at(now, "", 0)); !v.Pass() {
		t.Error(v.Reason)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	g.disk.next = time.Time{}
	g.save(t.Context())
	g.disk.close()
	if got := open(t, dir, nil).numbers(t); got != "1001 1002 1003 " {
		t.Error(got)
	}
}

// TestLastSave: at the end all is written, however soon it is after a failure, as the
// one that comes of writing that is cut short by the end itself.
func TestLastSave(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir, nil)
	(&wire{g: g}).register("1001", acme, 3600, time.Now().UnixNano())
	ended, end := context.WithCancel(t.Context())
	end()
	g.save(ended)
	if s := g.Stats(); s.Saves != 0 || s.SaveFails != 0 {
		t.Errorf("%d saves, %d failures", s.Saves, s.SaveFails)
	}
	start(t, g)()
	if got := open(t, dir, nil).numbers(t); got != "1001 " {
		t.Error(got)
	}
}

// TestFileStaysSmall: a few phones that register for ever do not fill the disk.
func TestFileStaysSmall(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UnixNano()
	g := open(t, dir, nil)
	w := &wire{g: g}
	w.register("1001", acme, 3600, now)
	saveNow(t, g)
	g.disk.begun -= slack // as if that much had been written
	for n := range int64(100) {
		w.register("1001", acme, 3600, now+n*sec)
		saveNow(t, g)
	}
	if g.disk.out.size > 2*g.disk.begun+slack || g.disk.begun < 0 {
		t.Errorf("%d bytes, %d when it was begun", g.disk.out.size, g.disk.begun)
	}
	g.disk.close()
	if got := open(t, dir, nil).numbers(t); got != "1001 " {
		t.Error(got)
	}
}

// TestPendingIsBounded: too many changes for the memory are not lost either.
func TestPendingIsBounded(t *testing.T) {
	var p pending
	for n := range maxPending + 10 {
		p.note(fmt.Sprint(n), []byte("x"))
	}
	if len(p.changed) != 0 || !p.whole {
		t.Errorf("%d changes are held, all: %v", len(p.changed), p.whole)
	}
	p.take()
	p.note("a", make([]byte, maxValue+1))
	if len(p.changed) != 0 {
		t.Error("a change that the file cannot hold is pending")
	}
}

// TestFolderIsOneAgents: two cannot share it, and one that cannot be made is an
// error that says what to do.
func TestFolderIsOneAgents(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, nil)
	if err := testGuard(t, Config{Dir: dir}).Open(); err == nil || !strings.Contains(err.Error(), "in use by another agent") {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := testGuard(t, Config{Dir: filepath.Join(file, "x")}).Open(); err == nil || !strings.Contains(err.Error(), "set guard.dir") {
		t.Error(err)
	}
}

// TestManyBindingsRestart shows how long a large table takes.
func TestManyBindingsRestart(t *testing.T) {
	all := 20_000
	if s := os.Getenv("SIPWARD_BINDINGS"); s != "" {
		all, _ = strconv.Atoi(s)
	}
	dir, now := t.TempDir(), time.Now().UnixNano()
	g := open(t, dir, nil)
	w := &wire{g: g}
	for n := range all {
		w.register(fmt.Sprint(1_000_000+n), netip.AddrFrom4([4]byte{192, byte(n >> 16), byte(n >> 8), byte(n)}), 3600, now)
	}
	began := time.Now()
	saveNow(t, g)
	saved := time.Since(began)
	g.disk.close()
	began = time.Now()
	g = open(t, dir, nil)
	t.Logf("%d bindings: saved in %s, read in %s, %d bytes each", all, saved, time.Since(began), fileSize(t, dir)/int64(all))
	if n := g.Stats().Registry.Bindings; n != all {
		t.Errorf("%d of %d bindings", n, all)
	}
	list, more, err := g.Bindings("", "1000000", "1000999", 10)
	if err != nil || len(list) != 10 || more != 990 {
		t.Errorf("%d bindings and %d more, %v", len(list), more, err)
	}
}

func fileSize(t testing.TB, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, bindingsName))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
