package top

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/internal/testkit/golden"
	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sync/record"
)

// TestScreens compares whole screens with files.
func TestScreens(t *testing.T) {
	for name, keys := range map[string][]string{
		"customers": nil, "carriers": {"2"}, "calls": {"enter", "down", "down"}, "help": {"?"}, "filter": {"/", "o"},
	} {
		for _, size := range [][2]int{{80, 24}, {120, 40}} {
			t.Run(fmt.Sprintf("%s %dx%d", name, size[0], size[1]), func(t *testing.T) {
				m := view(t, busy(), size[0], size[1])
				press(m, keys...)
				golden.Check(t, filepath.Join("testdata", fmt.Sprintf("%s-%d.txt", name, size[0])), []byte(text(m)))
			})
		}
	}
}

// TestNothingCut: at 80 columns no figure, unit or key is cut, also where figures
// are as great as they get.
func TestNothingCut(t *testing.T) {
	f := busy()
	f.top.Total.Started, f.top.Refused, f.top.KernelLost, f.top.OtherLost = 123_456_789, 1_234_567, 12_345_678, 9_876_543
	f.top.Total.Setup, f.top.Total.Answered, f.top.Total.Peak, f.top.Total.Channels = 12_345, 98_765, 123_456, 250_000
	f.top.Sync.Records, f.top.Sync.Bytes, f.top.Sync.Answered = 98_765_432, 1<<40, false
	f.top.Parties[0] = f.top.Total
	f.top.Parties[0].Name = "acme"
	for _, keys := range [][]string{nil, {"2"}, {"enter"}} {
		m := view(t, f, 80, 24)
		press(m, keys...)
		for l := range strings.SplitSeq(strings.ReplaceAll(text(m), "umbrella-co…", ""), "\n") {
			if strings.Contains(l, "…") {
				t.Errorf("cut: %s", l)
			}
		}
	}
}

// hostile are texts that somebody may send.
var hostile = []string{
	"", "a", "\x1b[2J\x1b]0;owned\x07", "x\r\n\x00\x7f\u009b31m", strings.Repeat("日本語", 40), "e\u0301\u0301\u0301\u0301", "👩‍👩‍👧‍👦🇩🇪", "\u202eevil\u2066",
	"\xff\xfe\x80", "한국어 \u1112\u1161\u11ab", "אבג عربي", strings.Repeat("W", 5000), "a\tb", "\ufeff\u200b\u00ad", "ｆｕｌｌ", "नमस्ते", "ก็", "\u0600\u0700", "☎️⚠", "e\u20dd", "⣿█━", "\U000e0041",
}

// wild fills every text of an answer with what strangers may write.
func wild(r *rand.Rand) *fake {
	any := func() string {
		s := ""
		for range r.IntN(3) + 1 {
			s += hostile[r.IntN(len(hostile))]
		}
		return s
	}
	number := func() uint64 { return r.Uint64() >> r.IntN(64) }
	line := func() admin.TopParty {
		p := admin.TopParty{
			Name: any(), Channels: int(number() >> 1), Setup: number() >> 2, Answered: number() >> 2, Peak: number(), Rate: number(), Started: number(),
			ASR: ratio(number(), number()), ACD: ratio(number(), number()), NER: ratio(number(), number()), PDD: ratio(number(), number()), DTMF: ratio(number(), number()),
		}
		for range r.IntN(100) {
			p.Recent = append(p.Recent, uint32(number())) // any will do
		}
		return p
	}
	f := &fake{top: admin.Top{
		Node: any(), Version: any(), Mode: any(), StartedAt: int64(number()), TakenAt: int64(number()), Now: int64(number()), // any will do
		NotReady: []string{any()}, Suspect: []string{any()}, Total: line(), Unlimited: r.IntN(2), Refused: number(), KernelLost: number(), OtherLost: number(),
		Counts: [2]int{int(number() >> 1), 0}, Sum: line(), More: r.IntN(3), // any will do
		Sync: &admin.TopSync{Records: number(), Bytes: int64(number()), OldestUnackedMs: int64(number()), Full: r.IntN(2) == 0, Connected: r.IntN(2) == 0}, // any will do
	}}
	for range r.IntN(40) {
		f.top.Parties = append(f.top.Parties, line())
		f.calls = append(f.calls, record.LiveCall{
			Leg: any(), Customer: any(), Carrier: any(), CallID: any(), Caller: any(), Called: any(), Src: any(), Dst: any(), Transport: any(), State: any(),
			Codec: any(), MediaClass: any(), StartedUnixMs: int64(number()), AnsweredUnixMs: int64(number()), Digits: [2]int{int(number()), 5}, SeenMidcall: true, // any will do
		})
	}
	return f
}

// TestAnySize: whatever comes and whatever is pressed, nothing panics, no line is
// wider than the screen, there are no more of them than it has, and no sign but
// those of colours controls the terminal.
func TestAnySize(t *testing.T) {
	keys := []string{"up", "down", "left", "right", "enter", "esc", "tab", "1", "2", "/", "a", "日", "\u202e", "r", "?", "space", "backspace", "pgdown", "pgup", "home", "end", "G"}
	rounds := race.Of(80, 20)
	if testing.Short() {
		rounds = 20
	}
	for seed := range uint64(rounds) { // positive
		r := rand.New(rand.NewPCG(seed, 4))
		m := newModel(wild(r), time.Now, utf8Terminal, seed%4 == 0)
		run(m, m.Init())
		for range 30 {
			m.Update(tea.WindowSizeMsg{Width: 1 + r.IntN(200), Height: 1 + r.IntN(60)})
			if r.IntN(3) == 0 {
				m.Update(tea.WindowSizeMsg{Width: 1 + r.IntN(20), Height: 1 + r.IntN(8)})
			}
			switch r.IntN(8) {
			case 0:
				m.source = wild(r)
			case 1:
				m.source = &fake{err: errors.New(hostile[r.IntN(len(hostile))])}
			default:
				press(m, keys[r.IntN(len(keys))])
			}
			run(m, m.ask())
			check(t, m)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// TestEverySize goes through sizes up to 200x60.
func TestEverySize(t *testing.T) {
	for _, f := range []*fake{busy(), wild(rand.New(rand.NewPCG(1, 1)))} {
		m := view(t, f, 80, 24)
		for w := 1; w <= 200 && !t.Failed(); w++ {
			for h := 1; h <= 60; h += race.Of(2+w/8, 3+w/4) { // the narrow ones are the hard ones
				m.Update(tea.WindowSizeMsg{Width: w, Height: h})
				check(t, m)
			}
		}
	}
}

func check(t *testing.T, m *model) {
	t.Helper()
	screen := escape.ReplaceAllString(m.Screen(), "")
	lines := strings.Split(screen, "\n")
	if len(lines) > m.h {
		t.Errorf("%d lines at %dx%d", len(lines), m.w, m.h)
	}
	for _, l := range lines {
		if n := lipgloss.Width(l); n > m.w {
			t.Errorf("%d columns at %dx%d: %q", n, m.w, m.h, l)
		}
		for _, r := range l {
			if unicode.Is(unicode.C, r) || unicode.IsMark(r) || r == unicode.ReplacementChar || m.glyphs.ascii && r > '~' {
				t.Errorf("%U on the screen: %q", r, l)
			}
		}
	}
}

// TestFailure: what is shown while the agent is away, and when it is back.
func TestFailure(t *testing.T) {
	f := busy()
	m := view(t, f, 80, 24)
	f.err = errors.New("no agent answers at /run/sipward/agent.sock: connection refused; is it running (systemctl status sipward-agent)?")
	clock := now
	m.now = func() time.Time { return clock }
	clock = clock.Add(2 * time.Second)
	run(m, m.ask())
	clock = clock.Add(10 * time.Second)
	run(m, m.ask())
	has(t, m, "NO ANSWER since 12:03:46", "figures are those of 12:03:44", "(systemctl status sipward-agent)?", "acme", "umbrella")
	f.err = nil
	run(m, m.ask())
	has(t, m, "!NO ANSWER", "acme")
	f.err = errors.New("asking /run/sipward/agent.sock: permission denied")
	run(m, m.ask())
	press(m, "enter")
	has(t, m, "NO ANSWER since 12:03:56", "permission denied", "calls of acme")
	m = newModel(&fake{err: f.err}, time.Now, utf8Terminal, false)
	run(m, m.Init())
	has(t, m, "NO ANSWER", "!figures are")
	if err := Run(context.Background(), &fake{err: f.err}, false); !errors.Is(err, f.err) {
		t.Errorf("an agent that never answered: %v", err)
	}
}

// TestAlerts: what an operator must see is on the screen, in words.
func TestAlerts(t *testing.T) {
	f := busy()
	f.top.NotReady, f.top.Suspect = []string{"capture: eth7 is missing"}, []string{"7 packets lost"}
	f.top.TakenAt, f.top.Sync.Full, f.top.Sync.Connected, f.top.GuardMode = now.Add(-time.Minute).UnixMilli(), true, false, "monitor"
	has(t, view(t, f, 80, 24), "NOT READY: capture: eth7 is missing", "SUSPECT: 7 packets lost", "STUCK", "60 s", "SPOOL FULL", "uplink DOWN", "would refuse 31", "acme")
	f.top.Sync.Connected, f.top.Sync.Answered = true, false
	has(t, view(t, f, 80, 24), "no collector")
	f.top.Sync = nil
	has(t, view(t, f, 80, 24), "no uplink")
}
