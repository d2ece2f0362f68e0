package accounts

import (
	"fmt"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)

var testPolicy = policy{free: 3, window: time.Minute, lock: time.Minute, most: 5 * time.Minute, calm: time.Hour}

// TestLimiter plays tries on a virtual clock: f fails, s succeeds, u is undone,
// a number waits for so many seconds. The last try must wait for so long.
func TestLimiter(t *testing.T) {
	type ev = any
	tests := []struct {
		name  string
		plays []ev
		wait  time.Duration
	}{
		{"free ones", []ev{"f", "f"}, 0},
		{"too many", []ev{"f", "f", "f"}, time.Minute},
		{"some time later", []ev{"f", "f", "f", 20}, 40 * time.Second},
		{"the end of a lock", []ev{"f", "f", "f", 60}, 0},
		{"just before it", []ev{"f", "f", "f", 59}, time.Second},
		{"slow ones", []ev{"f", "f", 60, "f", "f", 60}, 0},
		{"success forgets", []ev{"f", "f", "s", "f", "f"}, 0},
		{"undone ones", []ev{"u", "u", "u", "u", "u", "u"}, 0},
		{"an undone one that locked", []ev{"f", "f", "u"}, 0},
		{"and the next fails", []ev{"f", "f", "u", "f"}, time.Minute},
		{"a second lock", []ev{"f", "f", "f", 60, "f", "f", "f"}, 2 * time.Minute},
		{"the longest", []ev{"f", "f", "f", 60, "f", "f", "f", 120, "f", "f", "f", 240, "f", "f", "f", 300, "f", "f", "f"}, 5 * time.Minute},
		{"after a calm time", []ev{"f", "f", "f", 60, "f", "f", "f", 120 + 3600, "f", "f", "f"}, time.Minute},
		{"almost calm", []ev{"f", "f", "f", 60, "f", "f", "f", 120 + 3599, "f", "f", "f"}, 4 * time.Minute},
		{"the clock goes back", []ev{"f", "f", -3600, "f", "f"}, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			l, now := newLimiter(testPolicy, 10), start
			for i, e := range tc.plays {
				if s, ok := e.(int); ok {
					now = now.Add(time.Duration(s) * time.Second)
					continue
				}
				if wait := l.begin("k", now); wait != 0 {
					t.Fatalf("play %d: has to wait for %v", i, wait)
				}
				switch e {
				case "s":
					l.success("k")
				case "u":
					l.undo("k")
				}
			}
			if wait := l.begin("k", now); wait != tc.wait {
				t.Errorf("has to wait for %v, want %v", wait, tc.wait)
			}
			if wait := l.begin("other", now); wait != 0 {
				t.Errorf("another key has to wait for %v", wait)
			}
		})
	}
}

// TestLimiterIsBounded: a flood of keys does not free who is locked while there
// is anybody else to forget.
func TestLimiterIsBounded(t *testing.T) {
	l, now := newLimiter(testPolicy, 100), start
	for range 3 {
		l.begin("locked", now)
	}
	for i := range 10_000 {
		l.begin(fmt.Sprint(i), now.Add(time.Duration(i)*time.Millisecond))
		if len(l.entries) > 100 {
			t.Fatalf("%d keys", len(l.entries))
		}
	}
	if l.begin("locked", now.Add(20*time.Second)) != 40*time.Second {
		t.Error("a flood of others freed it")
	}
	keys, locks, discarded := l.stats()
	if keys < 80 || locks != 1 || discarded != uint64(10_001-keys) {
		t.Errorf("%d keys, %d locks, %d discarded", keys, locks, discarded)
	}
	if l.undo("gone"); len(l.entries) != keys {
		t.Error("undoing what was forgotten made a key")
	}
}

func TestLimiterForgets(t *testing.T) {
	l, now := newLimiter(testPolicy, 3), start
	for range 3 {
		l.begin("locked", now)
	}
	l.begin("a", now)
	l.begin("b", now.Add(30*time.Second))
	l.begin("c", now.Add(61*time.Second)) // a is over and makes room
	if keys, _, discarded := l.stats(); keys != 3 || discarded != 0 {
		t.Errorf("%d keys, %d discarded", keys, discarded)
	}
	l.sweep(now.Add(10 * time.Minute))
	if keys, _, _ := l.stats(); keys != 1 {
		t.Errorf("%d keys after ten minutes, want the one that was locked", keys)
	}
	l.sweep(now.Add(62 * time.Minute))
	if keys, _, _ := l.stats(); keys != 0 {
		t.Errorf("%d keys after an hour", keys)
	}
}

// TestAllLocked: where everybody is locked, the lock that ends first gives way.
func TestAllLocked(t *testing.T) {
	l := newLimiter(testPolicy, 3)
	for i := range 4 {
		for range 3 {
			l.begin(fmt.Sprint(i), start.Add(time.Duration(i)*time.Second))
		}
	}
	if _, ok := l.entries["0"]; ok || len(l.entries) != 3 {
		t.Errorf("entries %v", l.entries)
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := newLimiter(addressPolicy, 10_000)
	keys := make([]string, 20_000) // twice as many as fit
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		l.begin(keys[i%len(keys)], start)
		i++
	}
}
