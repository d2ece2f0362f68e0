package guard

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// someJournal has a few keys, some of them written twice, one gone.
func someJournal() (file []byte, holds map[string]string) {
	b := []byte(journalFormat)
	for n := range 5 {
		b = appendEntry(b, fmt.Sprint("key ", n), []byte(fmt.Sprint("old ", n)))
	}
	b = appendEntry(b, "key 1", nil)
	b = appendEntry(b, "key 2", []byte("new 2"))
	b = appendEntry(b, "key 3", nil)
	b = appendEntry(b, "key 3", []byte("again 3"))
	return b, map[string]string{"key 0": "old 0", "key 2": "new 2", "key 3": "again 3", "key 4": "old 4"}
}

func readAll(file []byte) (holds map[string]string, damaged int, err error) {
	holds = map[string]string{}
	damaged, err = readJournal(bytes.NewReader(file), func(k, v []byte) {
		if _, twice := holds[string(k)]; twice {
			holds["twice"] = string(k)
		}
		holds[string(k)] = string(v)
	})
	return holds, damaged, err
}

func TestJournal(t *testing.T) {
	file, want := someJournal()
	got, damaged, err := readAll(file)
	if diff := cmp.Diff(want, got); diff != "" || damaged != 0 || err != nil {
		t.Error(diff, damaged, err)
	}
}

// TestTornJournal: wherever the end is missing, what is before it is read, and
// that is no damage.
func TestTornJournal(t *testing.T) {
	file, _ := someJournal()
	for n := len(journalFormat); n < len(file); n++ {
		got, damaged, err := readAll(file[:n])
		if damaged != 0 || err != nil {
			t.Fatalf("cut at %d: %d damaged, %v", n, damaged, err)
		}
		if n > len(file)-3 && got["key 3"] == "again 3" {
			t.Errorf("cut at %d: the last entry was read", n)
		}
	}
	if got, damaged, err := readAll(nil); len(got) != 0 || damaged != 0 || err != nil {
		t.Errorf("an empty file: %v, %d, %v", got, damaged, err)
	}
}

// TestDamagedJournal flips every bit: it is noticed, nothing is made up, and one
// entry is lost.
func TestDamagedJournal(t *testing.T) {
	file, want := someJournal()
	wrote := map[string]bool{"old 0": true, "old 1": true, "old 2": true, "old 3": true, "old 4": true, "new 2": true, "again 3": true}
	for at := range file {
		for bit := range 8 {
			broken := bytes.Clone(file)
			broken[at] ^= 1 << bit
			got, damaged, err := readAll(broken)
			if at < len(journalFormat) {
				if err == nil {
					t.Fatalf("byte %d: another format is read", at)
				}
				continue
			}
			if err != nil || damaged != 1 {
				t.Fatalf("byte %d, bit %d: %d damaged, %v", at, bit, damaged, err)
			}
			differ := 0
			for k, v := range got {
				if !wrote[v] {
					t.Fatalf("byte %d: %q has %q", at, k, v)
				}
				if want[k] != v {
					differ++
				}
			}
			if lost := len(want) - len(got); lost > 1 || differ > 1 {
				t.Errorf("byte %d, bit %d: %v", at, bit, got)
			}
		}
	}
}

func TestJournalOfAnotherProgram(t *testing.T) {
	for text, newer := range map[string]bool{"sipward bindings 2\nwhatever": true, "SQLite format 3\000 and more": false, "s": false} {
		if _, _, err := readAll([]byte(text)); err == nil || errors.Is(err, errNewer) != newer {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	file, _ := someJournal()
	f.Add(file)
	f.Add(file[:len(file)-3])
	f.Add(append([]byte(journalFormat), make([]byte, 100)...))
	f.Add([]byte("sipward bindings 2\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		size := 0
		_, err := readJournal(bytes.NewReader(file), func(k, v []byte) {
			size += len(k) + len(v) + entryHeader
		})
		if size > len(file) {
			t.Errorf("%d bytes were read of %d, %v", size, len(file), err)
		}
	})
}
