package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"
)

var testCost = Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

// FuzzParseHash: whatever is stored, parsing neither panics nor lets a cost
// through that takes the machine; what parses is written back as it was.
func FuzzParseHash(f *testing.F) {
	f.Add(newHash("a quiet river in may", testCost).String())
	for _, tc := range badHashes {
		f.Add(tc)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHash(s)
		if err != nil {
			if !errors.Is(err, errHash) {
				t.Errorf("err = %v", err)
			}
			return
		}
		if err := h.cost.valid(); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if len(h.salt) < 8 || len(h.salt) > maxPart || len(h.key) < 16 || len(h.key) > maxPart {
			t.Errorf("%q: %d bytes of salt, %d of key", s, len(h.salt), len(h.key))
		}
		if h.String() != s {
			t.Errorf("%q is written back as %q", s, h)
		}
	})
}

const goodSalt, goodKey = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

var badHashes = []string{
	"", "$", "$$$$$", "plain",
	"$argon2i$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=16$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=4294967295,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=4294967295,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=0,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=0$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=257$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=7,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,p=1,t=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=064,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=+64,t=1,p=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=1,x=1$" + goodSalt + "$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt,
	"$argon2id$v=19$m=64,t=1,p=1$$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$",
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$AAAA",
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey[:42] + "=",
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey[:42] + "B",
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt[:10] + "\n" + goodSalt[10:] + "$" + goodKey,
	"$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + strings.Repeat("A", 200),
	"x$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey,
}

func TestParseHashRefuses(t *testing.T) {
	if _, err := parseHash("$argon2id$v=19$m=64,t=1,p=1$" + goodSalt + "$" + goodKey); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, s := range badHashes {
		if _, err := parseHash(s); !errors.Is(err, errHash) {
			t.Errorf("%q: err = %v", s, err)
		}
	}
}

// TestKnownHash is a hash that the reference implementation made:
// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24
func TestKnownHash(t *testing.T) {
	h, err := parseHash("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches("password") || h.matches("Password") {
		t.Error("it does not match its own password, or another one too")
	}
}

func TestHashes(t *testing.T) {
	a, b := newHash("a quiet river in may", testCost), newHash("a quiet river in may", testCost)
	if a.String() == b.String() {
		t.Error("two hashes of a password are the same")
	}
	for _, p := range []string{"", "a quiet river in ma", "a quiet river in may ", "A quiet river in may"} {
		if a.matches(p) {
			t.Errorf("%q matches", p)
		}
	}
	if !a.matches("a quiet river in may") {
		t.Error("its own password does not match")
	}
}

func TestWeaker(t *testing.T) {
	want := Cost{MemoryKiB: 100, Passes: 3, Lanes: 4}
	for _, tc := range []struct {
		c    Cost
		weak bool
	}{
		{want, false}, {Cost{99, 3, 4}, true}, {Cost{100, 2, 4}, true}, {Cost{200, 3, 1}, false}, {Cost{200, 2, 4}, true},
	} {
		if got := tc.c.weaker(want); got != tc.weak {
			t.Errorf("%+v: %v", tc.c, got)
		}
	}
}

func TestCostIsChecked(t *testing.T) {
	for _, c := range []Cost{{MemoryKiB: 1 << 21, Passes: 1, Lanes: 1}, {MemoryKiB: 64}, {MemoryKiB: 7, Passes: 1, Lanes: 1}, {Passes: 1, Lanes: 1}} {
		if _, err := New(nil, Options{Cost: c}); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := DefaultCost.valid(); err != nil {
		t.Error(err)
	}
}

// TestHasherIsBounded: so many work, so many wait, and the next one is told so;
// who gives up makes room.
func TestHasherIsBounded(t *testing.T) {
	h := newHasher(testCost, 1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	if err := h.enter(ctx); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() { waited <- h.enter(ctx) }()
	for len(h.inside) < 2 { // until it waits
		select {
		case err := <-waited:
			t.Fatalf("two work at once: %v", err)
		default:
		}
	}
	if _, _, err := h.check(context.Background(), "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("a third one: %v", err)
	}
	if _, err := h.make(context.Background(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("a third one: %v", err)
	}
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	h.leave()
	if _, err := h.make(context.Background(), "x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if len(h.inside) != 0 || len(h.working) != 0 {
		t.Error("a place is taken by nobody")
	}
}

func BenchmarkHash(b *testing.B) {
	h := newHash("a quiet river in may", DefaultCost)
	b.ReportAllocs()
	for b.Loop() {
		if !h.matches("a quiet river in may") {
			b.Fatal("no match")
		}
	}
}
