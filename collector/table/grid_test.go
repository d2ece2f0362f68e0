package table

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/configs"
)

// blocks reads "1000-1999 2000".
func blocks(t testing.TB, words string) (out []configs.Block) {
	t.Helper()
	for _, w := range strings.Fields(words) {
		b, err := ParseRange(w)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func words(list []configs.Block) string {
	var out []string
	for _, b := range list {
		out = append(out, Word(b))
	}
	return strings.Join(out, " ")
}

func TestParseRange(t *testing.T) {
	for in, want := range map[string]string{
		"1000-1999": "1000-1999", "+1000-+1999": "1000-1999", "0100-0199": "0100-0199", "7": "7", "1000-1000": "1000", "1000 - 1999": "1000-1999",
		strings.Repeat("9", 18): strings.Repeat("9", 18),
	} {
		if b, err := ParseRange(in); err != nil || Word(b) != want {
			t.Errorf("%q: %v, %v", in, b, err)
		}
	}
	for in, says := range map[string]string{
		"": "no range of numbers", "-": "no range", "1000-": "no range", "a-b": "no range", "1-2-3": "no range", strings.Repeat("9", 19): "1 to 18 digits",
		"100-1999": "as many digits", "2000-1000": "comes first: 1000-2000",
	} {
		if b, err := ParseRange(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v", in, b, err)
		}
	}
}

func TestGrid(t *testing.T) {
	k := configs.Grid{Start: "1000", Size: 1000}
	tests := []struct {
		name  string
		grid  configs.Grid
		taken string
		count int
		want  string // or what the error says
		free  string
	}{
		{"empty", k, "", 1, "1000-1999", "1000-9999=9"},
		{"the next", k, "1000-1999", 1, "2000-2999", "2000-9999=8"},
		{"two", k, "1000-1999", 2, "2000-2999 3000-3999", "2000-9999=8"},
		{"a gap is filled first", k, "1000-1999 3000-3999", 2, "2000-2999 4000-4999", "2000-2999=1 4000-9999=6"},
		{"one number is enough to take a block", k, "1500", 1, "2000-2999", "2000-9999=8"},
		{"its last number too", k, "1999", 1, "2000-2999", "2000-9999=8"},
		{"across two", k, "1999-2000", 1, "3000-3999", "3000-9999=7"},
		{"several within one", k, "1000-1099 1500-1599 1900-1999", 1, "2000-2999", "2000-9999=8"},
		{"below the grid", k, "0000-0999", 1, "1000-1999", "1000-9999=9"},
		{"from below into it", k, "0900-1000", 1, "2000-2999", "2000-9999=8"},
		{"other widths are other numbers", k, "100-999 10000-99999", 1, "1000-1999", "1000-9999=9"},
		{"the last", k, "1000-8999", 1, "9000-9999", "9000-9999=1"},
		{"none left", k, "1000-9999", 1, "has 0 free blocks of 1000 numbers, not 1", ""},
		{"fewer than asked", k, "1000-8999", 2, "has 1 free blocks", "9000-9999=1"},
		{"leading zeros", configs.Grid{Start: "0000", Size: 100}, "0000-0099", 1, "0100-0199", "0100-9999=99"},
		{"not aligned to its size", configs.Grid{Start: "150", Size: 100}, "200", 2, "250-349 350-449", "250-949=7"},
		{"behind the last whole block", configs.Grid{Start: "150", Size: 100}, "150-949 960", 1, "has 0 free", ""},
		{"single numbers", configs.Grid{Start: "7", Size: 1}, "8", 2, "7 9", "7=1 9=1"},
		{"18 digits", configs.Grid{Start: "100000000000000000", Size: 1_000_000_000}, "100000000000000000-100000000999999999", 1,
			"100000001000000000-100000001999999999", "100000001000000000-999999999999999999=899999999"},
	}
	for _, tt := range tests {
		table := &configs.Table{Grid: tt.grid, Customers: []configs.Customer{{ID: "x", Blocks: blocks(t, tt.taken)}, {ID: "y"}}}
		runs, err := FindFree(table, 100)
		if err != nil {
			t.Fatal(err)
		}
		var free []string
		for _, r := range runs {
			free = append(free, fmt.Sprintf("%s=%d", Word(r.Block), r.Blocks))
		}
		if got := strings.Join(free, " "); got != tt.free {
			t.Errorf("%s: free are %s, want %s", tt.name, got, tt.free)
		}
		got, err := Assign(table, Assignment{Customer: "y", Count: tt.count})
		switch {
		case err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v", tt.name, err)
		case err == nil && (words(got) != tt.want || words(table.Customers[1].Blocks) != tt.want):
			t.Errorf("%s: got %s, has %s, want %s", tt.name, words(got), words(table.Customers[1].Blocks), tt.want)
		}
	}
}

func TestGridsThatAreNone(t *testing.T) {
	for says, g := range map[string]configs.Grid{
		ErrNoGrid.Error(): {}, `start "a"`: {Start: "a", Size: 1}, "needs both": {Start: "1"}, "-1 is out of range": {Start: "1", Size: -1}, "9223372036854775807 is out of range": {Start: "1", Size: math.MaxInt},
		"no block of 1000 numbers fits between 9500 and 9999": {Start: "9500", Size: 1000},
	} {
		if err := CheckGrid(g); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", g, err)
		}
	}
	if _, err := Assign(&configs.Table{Customers: []configs.Customer{{ID: "a"}}}, Assignment{Customer: "a"}); !errors.Is(err, ErrNoGrid) {
		t.Error(err)
	}
}

func TestSubtract(t *testing.T) {
	for _, tt := range []struct{ from, cut, want string }{
		{"", "1-2", ""},
		{"1000-1999", "", "1000-1999"},
		{"1000-1999", "1000-1999", ""},
		{"1000-1999", "0000-9999", ""},
		{"1000-1999", "1500-1999", "1000-1499"},
		{"1000-1999", "1000-1499", "1500-1999"},
		{"1000-1999", "1500", "1000-1499 1501-1999"},
		{"1000-1999", "1100 1200 1999", "1000-1099 1101-1199 1201-1998"},
		{"1000-1999 3000-3999", "1500-3499", "1000-1499 3500-3999"},
		{"1000-1999", "100-199", "1000-1999"},
		{"1000-1999", "10000-19999", "1000-1999"},
		{"000-999", "999", "000-998"},
		{"000-999", "000", "001-999"},
		{"1000-1999 100-199", "150", "100-149 151-199 1000-1999"},
	} {
		if got := words(subtract(blocks(t, tt.from), blocks(t, tt.cut))); got != tt.want {
			t.Errorf("%s without %s: %s, want %s", tt.from, tt.cut, got, tt.want)
		}
	}
}

// TestAnyOrder assigns and releases at random, and compares with a plain list of
// all numbers: nobody ever has a number twice, and a block of the grid is always the
// lowest of which no number is taken.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		g := configs.Grid{Start: fmt.Sprintf("%03d", r.IntN(200)), Size: 1 + r.IntN(60)}
		table := &configs.Table{Grid: g, Customers: []configs.Customer{{ID: "a"}, {ID: "b"}, {ID: "c"}}}
		var owner [1000]string
		start, _ := strconv.Atoi(g.Start)
		for range 60 {
			who := []string{"a", "b", "c"}[r.IntN(3)]
			first := r.IntN(1000)
			last := min(999, first+r.IntN(120))
			b := configs.Block{First: fmt.Sprintf("%03d", first), Last: fmt.Sprintf("%03d", last)}
			switch r.IntN(3) {
			case 0:
				want := -1
				for at := start; at+g.Size <= 1000 && want < 0; at += g.Size {
					if strings.Join(owner[at:at+g.Size], "") == "" {
						want = at
					}
				}
				got, err := Assign(table, Assignment{Customer: who})
				switch {
				case (err == nil) != (want >= 0):
					t.Fatalf("seed %d: %v, want %d", seed, err, want)
				case err == nil && got[0].First != fmt.Sprintf("%03d", want):
					t.Fatalf("seed %d: got %s, want %d", seed, Word(got[0]), want)
				case err == nil:
					for n := range g.Size {
						owner[want+n] = who
					}
				}
			case 1:
				_, err := Assign(table, Assignment{Customer: who, Range: &b})
				if (err == nil) != (strings.Join(owner[first:last+1], "") == "") {
					t.Fatalf("seed %d: %s to %s: %v", seed, Word(b), who, err)
				}
				if err == nil {
					for n := first; n <= last; n++ {
						owner[n] = who
					}
				}
			case 2:
				all := true
				for n := first; n <= last; n++ {
					all = all && owner[n] == who
				}
				if err := Release(table, who, b); (err == nil) != all {
					t.Fatalf("seed %d: %s of %s: %v", seed, Word(b), who, err)
				}
				if all {
					for n := first; n <= last; n++ {
						owner[n] = ""
					}
				}
			}
			var has [1000]string
			for _, h := range Holdings(table) {
				x, _ := strconv.Atoi(h.First)
				y, _ := strconv.Atoi(h.Last)
				for n := x; n <= y; n++ {
					if has[n] != "" {
						t.Fatalf("seed %d: %d is of %s and %s", seed, n, has[n], h.Customer)
					}
					has[n] = h.Customer
				}
			}
			if has != owner {
				t.Fatalf("seed %d: %s", seed, cmp.Diff(owner, has))
			}
		}
	}
}

// FuzzParseRange: what is read is a block that is written and read again as it is.
func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"1000-1999", "+7", "0100 - 0199", "9-8", "-", "", "999999999999999999", "1-99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseRange(s)
		if err != nil {
			return
		}
		if again, err := ParseRange(Word(b)); err != nil || again != b || Size(b) < 1 || len(subtract([]configs.Block{b}, []configs.Block{b})) != 0 {
			t.Errorf("%q is %+v, then %+v, %v", s, b, again, err)
		}
	})
}
