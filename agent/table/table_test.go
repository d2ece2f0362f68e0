package table

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

func keyOf(c byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{c}, ed25519.SeedSize))
}

func keysOf(letters string) (out []ed25519.PublicKey) {
	for i := range len(letters) {
		out = append(out, seal.Public(keyOf(letters[i])))
	}
	return out
}

// text is a table of one customer, in which line 5 can be another.
func text(version int, line5 string) string {
	return fmt.Sprintf("version: %d\nissued: 2026-01-31T12:00:00Z\ncustomers:\n- id: acme\n  %s\n", version, line5)
}

func signed(t testing.TB, text string, by byte) []byte {
	t.Helper()
	b, err := seal.Sign([]byte(text), keyOf(by))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const fine = "blocks: [{first: 1000, last: 1999}]"

// rig is a keeper, what it put in force and what it said.
type rig struct {
	*Keeper
	t    *testing.T
	used []uint64
	log  bytes.Buffer
	fail error
}

func open(t *testing.T, dir, keys string) (*rig, *configs.Table) {
	t.Helper()
	r := &rig{t: t}
	c := Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Use: func(x *configs.Table) error {
		if r.fail == nil {
			r.used = append(r.used, x.Version)
		}
		return r.fail
	}}
	c.Keys = keysOf(keys)
	r.Keeper = New(c)
	x, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	return r, x
}

// is checks which version is in force, and which was put there last.
func (r *rig) is(version, used uint64) {
	r.t.Helper()
	last := uint64(0)
	if n := len(r.used); n > 0 {
		last = r.used[n-1]
	}
	if s := r.Status(time.Now()); s.Version != version || last != used {
		r.t.Errorf("version %d is in force, %d was put there, want %d and %d: %+v", s.Version, last, version, used, s)
	}
}

func (r *rig) take(b []byte) {
	r.t.Helper()
	if err := r.Offer(b); err != nil {
		r.t.Errorf("%v", err)
	}
}

// TestRefused: each bad table is refused for its own reason, with a message that
// says what to look at, and the old one stays in force and on the disk.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "table.refused.yaml") + ":"
	good := signed(t, text(6, fine), 'a')
	key, other := seal.KeyID(seal.Public(keyOf('a'))), seal.KeyID(seal.Public(keyOf('b')))
	two := "blocks: [{first: 1000, last: 1999}]\n- id: beta\n  blocks:\n  - "
	tests := []struct {
		name   string
		offer  []byte
		reason Reason
		want   string
	}{
		{"empty", nil, Truncated, "verifying the table: the end is missing: it is empty"},
		{"unsigned", []byte(text(6, fine)), Unsigned, "verifying the table: not signed, or the end is missing: the last line, 5, is no signature"},
		{"wrong signature", bytes.Replace(good, []byte("1999"), []byte("2999"), 1), Changed, "verifying the table: changed after it was signed: the signature of key " + key},
		{"wrong key", signed(t, text(6, fine), 'b'), WrongKey, "signed with a key that is not trusted here: " + other + "; trusted are " + key},
		{"truncated", good[:60], Truncated, "the end is missing: it stops in the middle of line 4"},
		{"truncated signature", good[:len(good)-5], Truncated, "the end is missing: it stops in the middle of line 6"},
		{"malformed", bytes.Replace(good, []byte("ed25519"), []byte("ed448"), 1), Malformed, `its algorithm is "ed448"`},
		{"too large", make([]byte, seal.MaxSize+1), TooLarge, "too large: 67108865 bytes"},
		{"older", signed(t, text(4, fine), 'a'), Older, "table 4, issued 2026-01-31 12:00:00 +0000 UTC, is older than table 5, which was taken before"},
		{"another of that version", signed(t, text(5, "channels: 1"), 'a'), Conflict, "table 5 says something else than the table 5 that was taken before: a change needs a higher version"},
		{"overlap", signed(t, text(6, two+"{first: 1999, last: 2000}"), 'a'), Invalid, bad + "8: block 1999-2000 of beta overlaps block 1000-1999 of acme in line 5"},
		{"reversed", signed(t, text(6, two+"{first: 3000, last: 2000}"), 'a'), Invalid, bad + `8: block "3000" to "2000": write two numbers of equal length without +, the smaller as first`},
		{"unequal widths", signed(t, text(6, two+"{first: 200, last: 2999}"), 'a'), Invalid, bad + `8: block "200" to "2999": write two numbers of equal length`},
		{"unknown key", signed(t, text(6, "blok: []"), 'a'), Invalid, bad + `5: unknown key "blok" in customers[0]; did you mean "blocks"?`},
		{"duplicate id", signed(t, text(6, fine+"\n- id: acme"), 'a'), Invalid, bad + "6: customer acme is listed twice"},
		{"no version", signed(t, "issued: 2026-01-31T12:00:00Z\n", 'a'), Invalid, bad + "1: a table needs a version"},
		{"grid", signed(t, text(6, fine+"\ngrid: {start: 9500, size: 1000}"), 'a'), Invalid, bad + "6: no block of 1000 numbers fits between 9500 and 9999"},
		{"several", signed(t, text(6, two+"{first: 3000, last: 2000}\n- id: acme"), 'a'), Invalid, bad + "9: customer acme is listed twice"},
		{"no YAML", signed(t, "version: [\n", 'a'), Invalid, bad + "1: "},
	}
	r, _ := open(t, dir, "a")
	r.take(signed(t, text(5, fine), 'a'))
	kept, err := os.ReadFile(filepath.Join(dir, "table.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := r.Status(time.Now()).Refused[tt.reason]
			r.log.Reset()
			err := r.Offer(tt.offer)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			s := r.Status(time.Now())
			if s.Refused[tt.reason] != before+1 || err != nil && s.LastError != err.Error() || !strings.Contains(r.log.String(), "reason="+tt.reason.String()) {
				t.Errorf("%+v\n%s", s, r.log.String())
			}
			r.is(5, 5)
			if now, err := os.ReadFile(filepath.Join(dir, "table.yaml")); err != nil || !bytes.Equal(now, kept) {
				t.Errorf("the copy on the disk has changed: %v", err)
			}
		})
	}
	var sum uint64
	for _, reason := range Reasons() {
		sum += r.Status(time.Now()).Refused[reason]
	}
	if sum != uint64(len(tests)) {
		t.Errorf("%d refused, of %d", sum, len(tests))
	}
	r.take(signed(t, text(7, fine), 'a'))
	r.is(7, 7)
	if s := r.Status(time.Now()); s.LastError != "" {
		t.Errorf("a good one, and still: %s", s.LastError)
	}
}

// TestVersions: only upwards, over restarts too, and the same again does no harm.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	r, x := open(t, dir, "a")
	if x != nil || !strings.Contains(r.log.String(), "no table was ever taken") {
		t.Errorf("%+v, %s", x, r.log.String())
	}
	r.is(0, 0)
	five := signed(t, text(5, fine), 'a')
	r.take(five)
	r.take(five)
	if s := r.Status(time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)); len(r.used) != 1 || s.Again != 1 || s.Age != time.Hour || s.Key != seal.KeyID(seal.Public(keyOf('a'))) {
		t.Errorf("%v, %+v", r.used, s)
	}
	if s := r.Status(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)); s.Age != 0 {
		t.Errorf("a clock that is behind: %v", s.Age)
	}
	r, x = open(t, dir, "a")
	if x == nil || x.Version != 5 || x.Customers[0].Blocks[0].Last != "1999" {
		t.Errorf("%+v", x)
	}
	r.is(5, 0)
	if err := r.Offer(signed(t, text(4, fine), 'a')); err == nil {
		t.Error("a restart forgets the version")
	}
	r.take(five)
	r.is(5, 0)
	r.take(signed(t, text(9, fine), 'a'))
	r.is(9, 9)
}

// TestAnotherKey: while one key follows another, the table that is in force comes
// again with the new signature, and is kept with it; nobody has to use it anew.
func TestAnotherKey(t *testing.T) {
	dir := t.TempDir()
	r, _ := open(t, dir, "ab")
	r.take(signed(t, text(5, fine), 'a'))
	r.take(signed(t, text(5, fine), 'b'))
	if len(r.used) != 1 || r.Status(time.Now()).Key != seal.KeyID(seal.Public(keyOf('b'))) {
		t.Errorf("%v, %+v", r.used, r.Status(time.Now()))
	}
	_, x := open(t, dir, "b")
	if x == nil || x.Version != 5 {
		t.Errorf("%+v", x)
	}
	r, x = open(t, dir, "a")
	if x != nil || r.Status(time.Now()).Refused[WrongKey] != 1 || !strings.Contains(r.log.String(), "the table on the disk is not believed") {
		t.Errorf("%+v, %s", x, r.log.String())
	}
	r.SetKeys([]ed25519.PublicKey{seal.Public(keyOf('b'))})
	r.take(signed(t, text(5, fine), 'b'))
	r.is(5, 5)
}

// TestTampered: what somebody does to the folder is seen, and said.
func TestTampered(t *testing.T) {
	five, nine := signed(t, text(5, fine), 'a'), signed(t, text(9, fine), 'a')
	tests := []struct {
		name   string
		do     func(dir string) error
		force  uint64 // in force after a restart
		reason Reason
		said   string
		older  bool // version 5 is taken then
	}{
		{"nothing", func(string) error { return nil }, 9, 0, "", false},
		{"table deleted", func(dir string) error { return os.Remove(filepath.Join(dir, "table.yaml")) }, 0, Missing, "version 9 or a higher one is waited for", false},
		{"version deleted", func(dir string) error { return os.Remove(filepath.Join(dir, "table.version")) }, 9, 0, "", false},
		{"both deleted", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "table.yaml")), os.Remove(filepath.Join(dir, "table.version")))
		}, 0, 0, "", true},
		{"older put back", func(dir string) error { return os.WriteFile(filepath.Join(dir, "table.yaml"), five, 0o600) }, 5, Older, "has version 5, and version 9 was in force", false},
		{"table changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "table.yaml"), bytes.Replace(nine, []byte("1999"), []byte("3999"), 1), 0o600)
		}, 0, Changed, "changed after it was signed", false},
		{"table cut", func(dir string) error { return os.Truncate(filepath.Join(dir, "table.yaml"), 70) }, 0, Truncated, "the end is missing", false},
		{"table emptied", func(dir string) error { return os.Truncate(filepath.Join(dir, "table.yaml"), 0) }, 0, Truncated, "it is empty", false},
		{"version spoilt", func(dir string) error { return os.WriteFile(filepath.Join(dir, "table.version"), []byte("x"), 0o600) }, 9, Disk, "expected one line", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r, _ := open(t, dir, "a")
			r.take(five)
			r.take(nine)
			if err := tt.do(dir); err != nil {
				t.Fatal(err)
			}
			r, x := open(t, dir, "a")
			s := r.Status(time.Now())
			if s.Version != tt.force || (x == nil) != (tt.force == 0) || !strings.Contains(s.LastError, tt.said) || (s.LastError == "") != (tt.said == "") {
				t.Errorf("%+v", s)
			}
			if tt.reason != 0 && s.Refused[tt.reason] != 1 || !strings.Contains(r.log.String(), tt.said) {
				t.Errorf("%+v, %s", s, r.log.String())
			}
			if err := r.Offer(five); (err == nil) != tt.older {
				t.Errorf("version 5 offered: %v", err)
			}
			r.take(nine)
			if v := r.Status(time.Now()).Version; v != 9 {
				t.Errorf("version 9 was not taken again: %d", v)
			}
			if _, x := open(t, dir, "a"); x == nil || x.Version != 9 {
				t.Errorf("nor kept: %+v", x)
			}
		})
	}
}

// TestCrash stops the keeper before every step of taking a table. The next run has
// the old table or the new one, and takes the new one when it comes again.
func TestCrash(t *testing.T) {
	seen := map[string]bool{}
	for stop := range 7 {
		dir := t.TempDir()
		r, _ := open(t, dir, "a")
		r.take(signed(t, text(5, fine), 'a'))
		n := 0
		r.step = func(stage string) error {
			if n++; n > stop {
				seen[stage] = true
				return errors.New("crash")
			}
			return nil
		}
		err := r.Offer(signed(t, text(6, fine), 'a'))
		if stop == 6 {
			if err != nil || n != 6 {
				t.Errorf("all steps done, and still %v after %d", err, n)
			}
		} else if s := r.Status(time.Now()); err == nil || s.Version != 5 || s.Refused[Disk] != 1 || len(r.used) != 1 {
			t.Errorf("step %d: %v, %+v", stop, err, s)
		}
		next, x := open(t, dir, "a")
		want := uint64(5)
		if stop >= 2 {
			want = 6
		}
		if x == nil || x.Version != want || next.Status(time.Now()).LastError != "" {
			t.Errorf("step %d: %+v, %s", stop, x, next.log.String())
		}
		if err := next.Offer(signed(t, text(4, fine), 'a')); err == nil {
			t.Errorf("step %d: an older one is taken", stop)
		}
		next.take(signed(t, text(6, fine), 'a'))
		if files, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(files) > 0 || next.Status(time.Now()).Version != 6 {
			t.Errorf("step %d: %v, %v", stop, files, err)
		}
	}
	if len(seen) != 6 {
		t.Errorf("stages: %v", seen)
	}
}

// TestHalfWritten: a file that a crash left half written is none.
func TestHalfWritten(t *testing.T) {
	dir := t.TempDir()
	r, _ := open(t, dir, "a")
	r.take(signed(t, text(5, fine), 'a'))
	half := signed(t, text(6, fine), 'a')[:40]
	if err := os.WriteFile(filepath.Join(dir, "table.yaml.new"), half, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, x := open(t, dir, "a"); x == nil || x.Version != 5 {
		t.Errorf("%+v", x)
	}
}

// TestUseFails: what could not be put in force is tried again with the next copy.
func TestUseFails(t *testing.T) {
	r, _ := open(t, t.TempDir(), "a")
	r.take(signed(t, text(5, fine), 'a'))
	r.fail = errors.New("no time")
	if err := r.Offer(signed(t, text(6, fine), 'a')); err == nil || !strings.Contains(err.Error(), "putting table 6 in force: no time") {
		t.Errorf("%v", err)
	}
	r.is(5, 5)
	r.fail = nil
	r.take(signed(t, text(6, fine), 'a'))
	r.is(6, 6)
}

// TestDisk: a folder that cannot be written to leaves the old table in force.
func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "folder")
	r, _ := open(t, dir, "a")
	r.take(signed(t, text(5, fine), 'a'))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := r.Offer(signed(t, text(6, fine), 'a')); err == nil || !strings.Contains(err.Error(), "keeping the table: open") {
		t.Errorf("%v", err)
	}
	r.is(5, 5)
	if s := r.Status(time.Now()); s.Refused[Disk] != 1 {
		t.Errorf("%+v", s)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: file}).Open(); err == nil || !strings.Contains(err.Error(), "making the folder of the table") {
		t.Errorf("%v", err)
	}
}

// TestTogether: offers, questions and new keys at once.
func TestTogether(t *testing.T) {
	r, _ := open(t, t.TempDir(), "a")
	var all sync.WaitGroup
	for n := range 20 {
		b := signed(t, text(n+1, fine), 'a')
		all.Go(func() { _ = r.Offer(b) })
		all.Go(func() { r.Status(time.Now()) })
		all.Go(func() { r.SetKeys([]ed25519.PublicKey{seal.Public(keyOf('a'))}) })
	}
	all.Wait()
	r.is(20, 20)
	for i := 1; i < len(r.used); i++ {
		if r.used[i] <= r.used[i-1] {
			t.Errorf("went back: %v", r.used)
		}
	}
}

func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		seen[r.String()] = true
	}
	if len(seen) != len(words) || Reason(0).String() != "invalid_reason" {
		t.Errorf("%v", seen)
	}
}

// TestLongError: one wrong line can make many problems; status shows the first.
func TestLongError(t *testing.T) {
	r, _ := open(t, t.TempDir(), "a")
	_ = r.Offer(signed(t, text(1, fine+strings.Repeat("\n- id: acme", 200)), 'a'))
	if s := r.Status(time.Now()); len(s.LastError) > maxProblem+3 || !strings.Contains(s.LastError, ":6: customer acme is listed twice") {
		t.Errorf("%d bytes: %s", len(s.LastError), s.LastError)
	}
}
