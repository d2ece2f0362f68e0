package history

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
	"github.com/sipward/sipward/sync/spool"
)

// memory keeps what an agent would put on disk.
type memory struct {
	records [2][]*record.Record
	raw     [2][]byte
	bad     error
}

func (m *memory) Add(st record.Stream, encoded []byte) bool {
	r, err := record.Decode(encoded)
	if err != nil {
		m.bad = err
	}
	m.records[st-1] = append(m.records[st-1], r)
	m.raw[st-1] = append(m.raw[st-1], encoded...)
	return true
}
func (m *memory) AddCall(_ uint64, encoded []byte) bool { return m.Add(record.Calls, encoded) }
func (m *memory) SaveOpen(uint64, []byte)               {}
func (m *memory) DropOpen(uint64)                       {}
func (m *memory) Epoch() uint64                         { return 7 }
func (m *memory) Held() []record.Holding                { return nil }

var begin = time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC) // a Monday

func config() Config {
	at := func(d time.Duration) time.Time { return begin.Add(d) }
	return Config{
		Seed: 5, From: begin, To: at(50 * time.Hour), CallsPerHour: 60,
		Nodes: []Node{
			{Name: "switch-1", Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Share: 3},
			{Name: "switch-2", Addr: netip.MustParseAddrPort("192.0.2.2:5060"), Share: 2, Away: []Span{{at(26 * time.Hour), at(29*time.Hour + 20*time.Minute)}}},
		},
		Customers: []Party{
			{ID: "acme", Channels: 30, Share: 2, Addr: netip.MustParseAddr("192.0.2.10"), First: "1000", Last: "1999"},
			{ID: "bolt", Channels: 20, Share: 1, Addr: netip.MustParseAddr("192.0.2.11"), First: "2000", Last: "2999"},
		},
		Carriers: []Party{
			{ID: "north", Channels: 60, Share: 2, Addr: netip.MustParseAddr("192.0.2.20")},
			{ID: "south", Channels: 40, Share: 1, Addr: netip.MustParseAddr("192.0.2.21")},
		},
		Trouble: []Span{{at(33 * time.Hour), at(36 * time.Hour)}},
	}
}

// twice is what config makes at each node. Tests only read it.
var twice = sync.OnceValues(func() (made [2]*memory, figures [2]*Figures) {
	for n := range made {
		cfg := config()
		made[n] = new(memory)
		f, err := simulate(&cfg, n, made[n])
		if err != nil || made[n].bad != nil {
			panic(fmt.Sprint(err, made[n].bad))
		}
		figures[n] = f
	}
	return made, figures
})

// shared is what config makes at a node, made once for all tests.
func shared(node int) (*memory, *Figures) {
	made, figures := twice()
	return made[node], figures[node]
}

func make2(t *testing.T, cfg Config, node int) (*memory, *Figures) {
	t.Helper()
	m := new(memory)
	f, err := simulate(&cfg, node, m)
	if err != nil || m.bad != nil {
		t.Fatal(err, m.bad)
	}
	return m, f
}

func TestTheSameSeedMakesTheSameHistory(t *testing.T) {
	a, fa := shared(0)
	b, fb := make2(t, config(), 0)
	same := func(a, b *memory) bool { return bytes.Equal(a.raw[0], b.raw[0]) && bytes.Equal(a.raw[1], b.raw[1]) }
	if !same(a, b) || len(a.records[0]) < 1000 {
		t.Errorf("%d records, and not the same ones twice", len(a.records[0]))
	}
	if diff := cmp.Diff(fa, fb); diff != "" {
		t.Error(diff)
	}
	cfg := config()
	cfg.Seed++
	if c, _ := make2(t, cfg, 0); same(a, c) {
		t.Error("another seed makes the same history")
	}
}

// sumsOf adds up records the way docs/how-it-counts.md says.
func sumsOf(calls []*record.Record, node string) *Figures {
	f := newFigures()
	for _, r := range calls {
		c := r.GetCall()
		if c == nil {
			continue
		}
		hour := c.GetCountedUnixMs() / 3_600_000 * 3600
		s := Sums{Calls: 1}
		trial(&s, c.GetOutcome(), c.GetEffective(), c.GetAnswered(), c.GetDurationMs(), c.PddMs)
		heard := Sums{}
		if c.GetMediaVisible() {
			heard.Heard = 1
			if n := int64(c.GetFromCaller().GetDtmfCount() + c.GetFromCallee().GetDtmfCount()); n > 0 {
				heard.WithDigits, heard.Digits = 1, n
			}
		}
		s.Add(&heard)
		f.at(Key{hour, Total, "", node}).Add(&s)
		f.at(Key{hour, Customer, c.GetCustomer(), node}).Add(&s)
		for _, a := range c.GetAttempts() {
			s := Sums{Calls: 1}
			trial(&s, a.GetOutcome(), a.GetEffective(), a.GetAnsweredUnixMs() != 0, a.GetDurationMs(), a.PddMs)
			if a.GetAnsweredUnixMs() != 0 {
				s.Add(&heard)
			}
			f.at(Key{hour, Carrier, a.GetCarrier(), node}).Add(&s)
		}
	}
	return f
}

func trial(s *Sums, outcome, effective, answered bool, ms int64, pdd *int64) {
	if outcome {
		s.Outcomes++
	}
	if effective {
		s.Effective++
	}
	if answered {
		s.Answered, s.AnsweredMs = 1, ms
	}
	if pdd != nil {
		s.PDDCount, s.PDDSumMs = 1, *pdd
	}
}

// What the agent's code makes of the calls is what was made up.
func TestRecordsAddUpToTheFigures(t *testing.T) {
	for n, node := range config().Nodes {
		m, want := shared(n)
		got := sumsOf(m.records[0], node.Name)
		if diff := cmp.Diff(want.Hours, got.Hours); diff != "" {
			t.Errorf("%s: %s", node.Name, diff)
		}
		refused := map[string]int{}
		for _, r := range m.records[1] {
			if x := r.GetRegistration(); x != nil {
				refused[x.GetCustomer()] += 1 + int(x.GetRepeated()) // small
			}
		}
		if diff := cmp.Diff(want.Refusals, refused); diff != "" || len(refused) < 2 {
			t.Errorf("%s: refusals %v: %s", node.Name, refused, diff)
		}
	}
}

// Minutes come to the same as records: each call in the minute in which it was closed.
func TestMinutesAddUpToTheFigures(t *testing.T) {
	m, f := shared(1)
	got, want := map[string]Sums{}, map[string]Sums{}
	totals, live := 0, uint64(0)
	for _, r := range m.records[1] {
		x := r.GetMinute()
		if x == nil {
			continue
		}
		s := got[x.GetKind()+" "+x.GetParty()]
		s.Add(&Sums{
			Calls: int64(x.GetStarted()), Outcomes: int64(x.GetOutcomes()), Answered: int64(x.GetAnswered()), Effective: int64(x.GetEffective()), // counts
			AnsweredMs: int64(x.GetAnsweredMs()), PDDCount: int64(x.GetPddCount()), PDDSumMs: int64(x.GetPddSumMs()), // counts
			Heard: int64(x.GetMediaVisible()), WithDigits: int64(x.GetCallsWithDigits()), Digits: int64(x.GetDigitsFromCallers()), // counts
		})
		got[x.GetKind()+" "+x.GetParty()] = s
		if x.GetKind() == Total {
			totals, live = totals+1, x.GetLiveSetup()+x.GetLiveAnswered()
		}
	}
	for k, s := range f.Hours {
		sum := want[k.Kind+" "+k.Party]
		sum.Add(s)
		want[k.Kind+" "+k.Party] = sum
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if minutes := (50*60 - 200); totals != minutes || live != 0 {
		t.Errorf("%d minutes, want %d; at the end %d calls go on", totals, minutes, live)
	}
}

// Every hour is closed by a mark, which comes behind all calls that it counts.
func TestHoursAreClosed(t *testing.T) {
	m, f := shared(1)
	closed := map[int64]*record.HourMark{}
	for _, r := range m.records[0] {
		if h := r.GetHourMark(); h != nil {
			closed[h.GetHourUnixS()] = h
		} else if hour := r.GetCall().GetCountedUnixMs() / 3_600_000 * 3600; closed[hour] != nil {
			t.Fatalf("a call comes after the mark of its hour %v", time.Unix(hour, 0).UTC())
		}
	}
	for at := begin; at.Before(begin.Add(49 * time.Hour)); at = at.Add(time.Hour) {
		h, want := closed[at.Unix()], f.Hours[Key{at.Unix(), Total, "", "switch-2"}]
		if want == nil {
			want = new(Sums)
		}
		if h == nil || int64(h.GetCalls()) != want.Calls || int64(h.GetAnswered()) != want.Answered || int64(h.GetDurationMs()) != want.AnsweredMs { // counts
			t.Errorf("the mark of %v: %v, want %+v", at, h, *want)
		}
		away := at.Day() == 31 && at.Hour() >= 2 && at.Hour() <= 4
		if seen := h.GetObservedMs(); (seen == 0) != away {
			t.Errorf("%v: %d ms were watched", at, seen)
		}
	}
}

func TestTablesAddUp(t *testing.T) {
	_, f := make2(t, config(), 0)
	_, g := shared(1)
	f.Join(g)
	sum := func(rows []Row, kind string) (s Sums) {
		for i := range rows {
			if rows[i].Kind == kind {
				s.Add(&rows[i].Sums)
			}
		}
		return s
	}
	hours, days, months := f.ByHour(), f.ByDay(), f.ByMonth()
	total := sum(hours, Total)
	if total.Calls < 1000 || total.WithDigits == 0 || total.Answered*2 < total.Calls || total.Answered == total.Calls {
		t.Errorf("%+v", total)
	}
	for what, s := range map[string]Sums{"days": sum(days, Total), "months": sum(months, Total), "customers": sum(hours, Customer)} {
		if s != total {
			t.Errorf("%s: %s", what, cmp.Diff(total, s))
		}
	}
	if got := sum(days, Carrier); got.Calls <= total.Calls || got.Answered != total.Answered {
		t.Errorf("carriers had %+v of %+v", got, total)
	}
	if len(days) != 5*3 || len(months) != 5*2 {
		t.Errorf("%d rows of days, %d of months", len(days), len(months))
	}
}

// An agent that is started on the folder finds all of it, and knows the last closed hour.
func TestLay(t *testing.T) {
	cfg := config()
	dirs := []string{t.TempDir(), t.TempDir()}
	f, err := Lay(t.Context(), cfg, dirs)
	if err != nil {
		t.Fatal(err)
	}
	for n, dir := range dirs {
		m, want := shared(n)
		s := spool.New(spool.Config{Dir: dir})
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		got := new(memory)
		for i, st := range record.Streams {
			epoch := cfg.Seed<<8 | uint64(n) | 1<<63 // an index
			for from := uint64(1); ; {
				_, list, err := s.Read(epoch, st, from, 500, 1<<20, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(list) == 0 {
					break
				}
				for _, b := range list {
					got.Add(st, b)
				}
				from += uint64(len(list))
			}
			if len(got.records[i]) != len(m.records[i]) {
				t.Errorf("node %d, %s: %d records, want %d", n, st, len(got.records[i]), len(m.records[i]))
			}
		}
		if diff := cmp.Diff(want.Hours, sumsOf(got.records[0], cfg.Nodes[n].Name).Hours); diff != "" {
			t.Error(diff)
		}
		for k, s := range want.Hours {
			if *f.Hours[k] != *s {
				t.Errorf("%+v differs", k)
			}
		}
	}
}

func TestWhatCannotBeMade(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"backwards":     func(c *Config) { c.To = c.From },
		"odd seconds":   func(c *Config) { c.To = c.To.Add(time.Second) },
		"no calls":      func(c *Config) { c.CallsPerHour = 0 },
		"one carrier":   func(c *Config) { c.Carriers = c.Carriers[:1] },
		"no share":      func(c *Config) { c.Nodes[0].Share = 0 },
		"no address":    func(c *Config) { c.Customers[0].Addr = netip.Addr{} },
		"no block":      func(c *Config) { c.Customers[1].First = "" },
		"a folder less": func(c *Config) { c.Nodes = c.Nodes[:1] },
	} {
		cfg := config()
		spoil(&cfg)
		if _, err := Lay(t.Context(), cfg, []string{t.TempDir(), t.TempDir()}); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func BenchmarkMonth(b *testing.B) {
	cfg := config()
	cfg.To, cfg.CallsPerHour, cfg.Nodes[1].Away = begin.Add(30*24*time.Hour), 200, nil
	for b.Loop() {
		f, err := Lay(b.Context(), cfg, []string{b.TempDir(), b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		for _, r := range f.ByMonth() {
			if r.Kind == Total {
				n += r.Calls
			}
		}
		b.ReportMetric(float64(n), "calls")
	}
}
