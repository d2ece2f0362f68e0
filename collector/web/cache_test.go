package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// TestShared: who asks for the same at the same time gets the same answer, made once; a
// failure is told to all of them, and forgotten.
func TestShared(t *testing.T) {
	var c shared[string, int]
	keep := keeping{5 * time.Second, 10}
	made := 0
	ask := func(now time.Time, k string, size int, err error) int {
		v, _ := c.get(t.Context(), now, keep, k, func(context.Context) (int, int, error) { made++; return made, size, err })
		return v
	}
	if a, b := ask(noon, "a", 4, nil), ask(noon.Add(4*time.Second), "a", 4, nil); a != 1 || b != 1 {
		t.Error("made twice", a, b)
	}
	if v := ask(noon.Add(5*time.Second), "a", 4, nil); v != 2 {
		t.Error("too old", v)
	}
	if v := ask(noon.Add(-time.Hour), "a", 4, nil); v != 3 {
		t.Error("of the future", v)
	}
	ask(noon, "b", 4, nil)
	ask(noon, "c", 7, nil) // no room beside the other
	if c.size > 10 || c.kept["c"] != nil || c.kept["b"] == nil {
		t.Error("no bound", c.size)
	}
	ask(noon.Add(time.Minute), "c", 4, nil)
	if len(c.kept) != 1 || c.size != 4 {
		t.Error("old ones are kept", c.size)
	}
	ask(noon.Add(time.Minute), "bad", 1, errors.New("no"))
	if c.kept["bad"] != nil || c.size != 4 {
		t.Error("a failure is kept", c.size)
	}
}

func TestSharedAtOnce(t *testing.T) {
	var c shared[string, int]
	keep := keeping{5 * time.Second, 10}
	begun, go1 := make(chan struct{}), make(chan struct{})
	var made int
	first, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, _ = c.get(first, noon, keep, "a", func(ctx context.Context) (int, int, error) {
			made++
			close(begun)
			<-go1
			return 7, 1, ctx.Err() // who asked first has left
		})
	})
	<-begun
	for range 20 {
		all.Go(func() {
			v, err := c.get(t.Context(), noon, keep, "a", func(context.Context) (int, int, error) { made++; return 8, 1, nil })
			if v != 7 || err != nil {
				t.Error(v, err)
			}
		})
	}
	gone, end := context.WithCancel(t.Context())
	end()
	if _, err := c.get(gone, noon, keep, "a", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	leave()
	close(go1)
	all.Wait()
	if made != 1 {
		t.Error(made)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = c.get(t.Context(), noon, keep, "p", func(context.Context) (int, int, error) { panic("a bug") })
	}()
	if v, err := c.get(t.Context(), noon, keep, "p", func(context.Context) (int, int, error) { return 9, 1, nil }); v != 9 || err != nil {
		t.Error("a panic is kept", v, err)
	}
}

// drawnGraph is a graph as a browser reads it.
type drawnGraph struct {
	Points int     `json:"points"`
	Lines  []drawn `json:"lines"`
}

type drawn struct {
	Party    string     `json:"party"`
	Limit    *int64     `json:"limit"`
	Num      []*float64 `json:"num"`
	Den      []*int64   `json:"den"`
	Answered []*int64   `json:"answered"`
}

// TestLongGraph: a graph of which a part was kept is the one that the store would give, and
// parties that only a node's own file names have lines.
func TestLongGraph(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.Live = func() []Now { return manyNodes(noon, 1) } })
	d.fillMonth(6, 1, 2)
	boss := d.operator()
	to := noon.Unix() / 300 * 300
	for figure := range drawings {
		for _, by := range []string{"total", "carrier:carrier-1", "carrier"} {
			for i, from := range []int64{to - 5*86_400, to - 5*86_400 + 300, to - 5*86_400, to - 3600, to - 4*86_400 - 7200} {
				if by == "carrier" && (i > 0 || figure != "asr") {
					continue // once is enough
				}
				w := boss.ask(http.MethodGet, fmt.Sprintf("/series?figure=%s&by=%s&step=300&from=%d&to=%d", figure, by, from, to), nil)
				var got drawnGraph
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatal(err, w.Body)
				}
				if by == "carrier" && len(got.Lines) != 51 { // one is in the table
					t.Fatalf("%d lines", len(got.Lines))
				}
				at := slices.IndexFunc(got.Lines, func(l drawn) bool { return l.Party == "" || l.Party == "carrier-1" })
				f := query.SeriesFilter{FromUnixS: from, ToUnixS: to, StepS: 300, Kind: query.KindTotal}
				if by != "total" {
					f.Kind, f.Party = query.KindCarrier, "carrier-1"
				}
				want, err := d.store.Series(t.Context(), f)
				d.must(err)
				line := got.Lines[at]
				second := line.Den
				if figure == "channels" {
					second = line.Answered
					limit := int64(100)
					if by == "total" { // that of all now
						limit = *allLive(d.cfg.Live(), noon).Configured
					}
					if line.Limit == nil || *line.Limit != limit {
						t.Errorf("%s of %s: limit %v, not %d", figure, by, line.Limit, limit)
					}
				}
				if len(line.Num) != len(want.Points) || got.Points != len(want.Points) || len(second) != len(want.Points) {
					t.Fatalf("%s of %s (%d): %d points, not %d", figure, by, i, len(line.Num), len(want.Points))
				}
				for j := range want.Points {
					p := &want.Points[j]
					if p.ObservedMs == 0 != (line.Num[j] == nil) || (second[j] == nil) != (line.Num[j] == nil) {
						t.Fatalf("%s of %s: point %d is %v", figure, by, j, line.Num[j])
					}
					num, den := figureOf(drawings[figure], p)
					if line.Num[j] != nil && (*line.Num[j] != num || *second[j] != den) {
						t.Fatalf("%s of %s: point %d is %v / %v, not %v / %v", figure, by, j, *line.Num[j], *second[j], num, den)
					}
				}
			}
		}
	}
}

// TestSharedSweeps: to keep an answer costs the same however many are kept, old ones go
// nevertheless, and so do those of a clock that was set back.
func TestSharedSweeps(t *testing.T) {
	var c shared[int, int]
	keep := keeping{5 * time.Second, 1 << 30}
	ask := func(now time.Time, k int) {
		_, err := c.get(t.Context(), now, keep, k, func(context.Context) (int, int, error) { return 1, 1, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	const many = 10 * maxSwept
	check := func(what string, want int) {
		t.Helper()
		if len(c.kept) != want || c.made.Len() != want || c.size != want {
			t.Errorf("%s: %d are kept, %d in their order, of the size %d, want %d", what, len(c.kept), c.made.Len(), c.size, want)
		}
	}
	for k := range many {
		ask(noon, k)
	}
	check("of one moment", many)
	ask(noon, 0) // found
	check("the same", many)
	ask(noon.Add(time.Minute), 0) // replaced, and others are swept
	check("a minute later", many-maxSwept)
	for k := range 20 {
		ask(noon.Add(time.Minute), many+k)
	}
	check("and more of then", 1+20)
	ask(noon.Add(time.Minute-handleTimeout), -1) // begun before those, and made after them
	check("a slow one", 1+20+1)
	ask(noon.Add(-time.Hour), -2)
	check("the clock was set back", 1)
}
