package guard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/heap"
	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// TestJudgeAllocates nothing, unless there is something new to report.
func TestJudgeAllocates(t *testing.T) {
	g := testGuard(t, Config{Ban: Ban{Refusals: 1 << 30}})
	(&wire{g: g}).register("1005", acme, 3600, t0)
	for name, tt := range map[string]struct {
		q  *register.Request
		id string
	}{
		"allowed":       {ask("1005", acme), ""},
		"sent again":    {ask("1005", acme), "a"},
		"refused":       {ask("2005", acme), ""},
		"refused again": {ask("2005", acme), "b"},
	} {
		g.Judge(tt.q, at(t0, tt.id, 1))
		if n := testing.AllocsPerRun(1000, func() { g.Judge(tt.q, at(t0, tt.id, 1)) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestAllAtOnce: edges, the pipeline, reloads, pages and all jobs at the same
// time; -race looks on.
func TestAllAtOnce(t *testing.T) {
	var heard atomic.Uint64
	g := testGuard(t, Config{Dir: t.TempDir(), Ban: Ban{Refusals: 50, Time: 10 * time.Millisecond}, Bans: &fakeKernel{}, Report: func(*register.Report) { heard.Add(1) }})
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	g.disk.every = time.Millisecond
	stop := start(t, g)
	const each = 2000
	var group sync.WaitGroup
	for e := range 3 {
		group.Go(func() {
			for n := range uint32(each) {
				now := time.Now().UnixNano()
				g.Judge(ask(fmt.Sprint(1000+n%2000), acme), at(now, fmt.Sprint("edge ", e), n))
				if n%10 == 0 {
					g.Judge(ask(fmt.Sprint(n), none), at(0, "", 0))
				}
			}
		})
	}
	group.Go(func() {
		w := &wire{g: g}
		for n := range each {
			w.register(fmt.Sprint(1000+n%1000), acme, int32(n%2*3600), time.Now().UnixNano()) // 0 or 3600
		}
	})
	group.Go(func() {
		for range 50 {
			book, err := g.book.Next(parties(), []netip.Addr{local})
			if err != nil {
				t.Error(err)
			}
			g.SetBook(book, []netip.Addr{local})
			g.Stats()
			g.BannedSources()
			_, _ = g.Lift(none)
			_, _, _ = g.Bindings("", "1000", "1999", 10)
			g.Check(ask("1005", acme))
		}
	})
	group.Wait()
	stop()
	s := g.Stats()
	all := uint64(0)
	for _, v := range s.Verdicts {
		all += v.Count
	}
	if s.Saves == 0 {
		t.Error("nothing was saved")
	}
	if want := uint64(3 * (each + each/10)); all != want || s.Panics != 0 || s.Discarded != 0 || heard.Load() != s.Reports {
		t.Errorf("%d verdicts of %d, %d panics, %d reports discarded, %d of %d heard", all, want, s.Panics, s.Discarded, heard.Load(), s.Reports)
	}
}

// benchGuard has a binding for each of a number of phones.
func benchGuard(b *testing.B, phones int) *Guard {
	b.Helper()
	g := testGuard(b, Config{Dir: b.TempDir(), Ban: Ban{Refusals: 100}})
	if err := g.Open(); err != nil {
		b.Fatal(err)
	}
	w, now := &wire{g: g}, time.Now().UnixNano()
	for n := range phones {
		w.register(fmt.Sprint(1_000_000+n), netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 3600, now)
	}
	b.ResetTimer()
	return g
}

func BenchmarkJudge(b *testing.B) {
	for name, q := range map[string]*register.Request{"allowed": ask("1005", acme), "refused": ask("2005", acme), "banned": ask("2005", none)} {
		b.Run(name, func(b *testing.B) {
			g := benchGuard(b, 100_000)
			b.ReportAllocs()
			about := at(0, "a", 0)
			for range b.N {
				about.CSeq++
				g.Judge(q, about)
				if len(g.reports.out) > 0 {
					g.said()
				}
			}
		})
	}
}

// BenchmarkJudgeBesideSeen: verdicts for two edges while the pipeline shows
// 3,000 registrations a second, with disk, reports and time passing. The metric
// is the time that a verdict takes, waiting for the lock as well.
func BenchmarkJudgeBesideSeen(b *testing.B) {
	g := benchGuard(b, 100_000)
	stop := start(b, g)
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		w := &wire{g: g, n: 1 << 20}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			for range 3 {
				w.register(fmt.Sprint(1_000_000+w.n%100_000), acme, 3600, time.Now().UnixNano())
			}
		}
	})
	var worst atomic.Int64
	var late atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		q, about := ask("1005", acme), at(0, "parallel", 0)
		for p.Next() {
			about.CSeq++
			began := time.Now()
			g.Judge(q, about)
			took := int64(time.Since(began))
			if took > 100_000 {
				late.Add(1)
			}
			for w := worst.Load(); took > w && !worst.CompareAndSwap(w, took); w = worst.Load() {
			}
		}
	})
	b.StopTimer()
	cancel()
	group.Wait()
	b.ReportMetric(float64(worst.Load())/1e3, "worst-µs")
	b.ReportMetric(float64(late.Load())*1e6/float64(b.N), "over-100µs/million")
}

func BenchmarkSeen(b *testing.B) {
	g := benchGuard(b, 100_000)
	ep := func(a netip.Addr) packet.Endpoint { return packet.EndpointFrom(netip.AddrPortFrom(a, 5060)) }
	m := parse.Message{
		Method: parse.REGISTER, RequestURI: parse.URI{Host: "pbx.example"}, CallID: "seen", Vias: 1, To: parse.URI{User: "1005", Host: "pbx.example"},
		Expires: 3600, Contacts: []parse.Contact{{URI: parse.URI{User: "1005", Host: acme.String()}, Port: 5060, Expires: -1}},
	}
	up, down := packet.Packet{Src: ep(acme), Dst: ep(local), Transport: packet.UDP}, packet.Packet{Src: ep(local), Dst: ep(acme), Transport: packet.UDP}
	b.ReportAllocs()
	now := time.Now().UnixNano()
	for range b.N {
		m.CSeq++
		m.Status, m.Contacts[0].Expires = 0, -1
		up.Time, down.Time = now, now+1e6
		g.Seen(&up, &m)
		m.Status, m.Contacts[0].Expires = 200, 3600
		g.Seen(&down, &m)
	}
}

// BenchmarkJudgeBesideReload: verdicts one by one while a new table is looked
// through, bindings are listed, and the file is written anew, all the time.
func BenchmarkJudgeBesideReload(b *testing.B) {
	g := benchGuard(b, 300_000)
	stop := start(b, g)
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		for ctx.Err() == nil {
			g.SetBook(g.book, nil)
			for g.tick(time.Now().UnixNano()) {
			}
			_, _, _ = g.Bindings("", "", "", 100)
		}
	})
	q, about := ask("1005", acme), at(0, "reload", 0)
	took := make([]time.Duration, 0, 1<<20)
	b.ResetTimer()
	for range b.N {
		about.CSeq++
		began := time.Now()
		g.Judge(q, about)
		if len(took) < cap(took) {
			took = append(took, time.Since(began))
		}
	}
	b.StopTimer()
	cancel()
	group.Wait()
	slices.Sort(took)
	for _, p := range []struct {
		name string
		at   int
	}{{"p50-µs", len(took) / 2}, {"p99-µs", len(took) * 99 / 100}, {"p99.9-µs", len(took) * 999 / 1000}, {"worst-µs", len(took) - 1}} {
		b.ReportMetric(float64(took[min(p.at, len(took)-1)])/1e3, p.name)
	}
}

// TestFloodMemory: numbers that nobody has, of one source and of as many sources,
// leave memory bounded. A million take no more than these.
func TestFloodMemory(t *testing.T) {
	all := race.Of(400_000, 280_000)
	g := testGuard(t, Config{Ban: Ban{Refusals: 100}})
	before := heap.Bytes()
	q := ask("", none)
	for n := range all {
		q.To.User, q.Source = strconv.Itoa(n), none
		if n%2 == 1 {
			q.Source = netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)})
		}
		g.Judge(q, at(t0+int64(n)*sec/10000, q.To.User, 1))
		if len(g.reports.out) > 0 {
			g.said()
		}
	}
	if grown := int64(heap.Bytes()) - int64(before); grown > 40<<20 { // far below 2^63
		t.Errorf("%d MB more", grown>>20)
	} else {
		t.Logf("%d MB more", grown>>20)
	}
	s := g.Stats()
	stood := uint64(0)
	for _, v := range s.Verdicts {
		stood += v.Count
	}
	if stood != uint64(all) || s.Bans != 1 || s.Registry.Bindings != 0 || s.Forgotten == 0 {
		t.Errorf("%d counted, %d bans, %d forgotten", stood, s.Bans, s.Forgotten)
	}
}
