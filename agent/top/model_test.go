package top

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/agent/admin"
)

// names are the first words of the rows on the screen.
func names(m *model) (out []string) {
	for i := range m.parties[m.by].rows {
		out = append(out, m.parties[m.by].rows[i].Name)
	}
	return out
}

func TestSort(t *testing.T) {
	m := view(t, busy(), 120, 40)
	for _, step := range []struct {
		key, title, order string
	}{
		{"", "in use▼", "acme globex wonka initech umbrella-corporation hooli unknown"},
		{"r", "in use▲", "hooli unknown umbrella-corporation initech wonka globex acme"},
		{"left", "customer▲", "acme globex hooli initech umbrella-corporation unknown wonka"},
		{"r", "customer▼", "wonka unknown umbrella-corporation initech hooli globex acme"},
		{"left", "PDD▼", ""},
		{"right", "customer▲", "acme globex hooli initech umbrella-corporation unknown wonka"},
		{">", "in use▼", "acme globex wonka initech umbrella-corporation hooli unknown"},
		{"right", "setup▼", "umbrella-corporation initech acme wonka globex hooli unknown"},
		{"<", "in use▼", ""},
	} {
		if step.key != "" {
			press(m, step.key)
		}
		has(t, m, step.title)
		if got := strings.Join(names(m), " "); step.order != "" && got != step.order {
			t.Errorf("%s: %s, want %s", step.title, got, step.order)
		}
	}
	for range 40 { // at 80 columns the column of the order is seen, whichever it is
		m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
		press(m, "right")
		if g := m.parties[m.by]; g.fit(80)[g.by] == 0 {
			t.Errorf("column %s is not shown", g.columns[g.by].title)
		}
	}
}

// TestCursor: it stays on its row when rows change places, and on the first line
// until it is moved.
func TestCursor(t *testing.T) {
	f := busy()
	m := view(t, f, 80, 24)
	has(t, m, "▸acme")
	f.top.Parties[2].Answered = 999
	run(m, m.ask())
	has(t, m, "▸globex")
	press(m, "down", "down")
	has(t, m, "▸wonka")
	f.top.Parties[4].Answered = 5000
	run(m, m.ask())
	has(t, m, "▸wonka")
	press(m, "end")
	has(t, m, "▸unknown")
	press(m, "home", "up", "pgdown", "pgup", "down")
	has(t, m, "▸globex")
	f.top.Parties = f.top.Parties[:1]
	run(m, m.ask())
	has(t, m, "▸acme")
	f.top.Parties = nil
	run(m, m.ask())
	press(m, "down", "enter")
	has(t, m, "no customers")
}

// TestScroll: the cursor is always on the screen.
func TestScroll(t *testing.T) {
	f := busy()
	f.top.Parties = nil
	for i := range 300 {
		f.top.Parties = append(f.top.Parties, admin.TopParty{Name: fmt.Sprintf("c%03d", i), Answered: uint64(300 - i)})
	}
	f.top.More = 77
	m := view(t, f, 80, 24)
	has(t, m, "c000", "c013", "!c020", "the busiest 300 of 377")
	press(m, "end")
	has(t, m, "▸c299", "c290", "!c280")
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 10})
	has(t, m, "▸c299")
	press(m, "up", "up", "up", "up", "up", "up", "up", "up")
	has(t, m, "▸c291")
	press(m, "home")
	has(t, m, "▸c000")
}

func TestFilter(t *testing.T) {
	f := busy()
	m := view(t, f, 80, 24)
	press(m, "/", "O", "l")
	has(t, m, "/Ol▏", "▸hooli", "!acme")
	press(m, "backspace", "enter")
	has(t, m, "filter O", "hooli", "globex", "!acme", "total of ")
	press(m, "/", "x", "y", "z", "q")
	has(t, m, "no customers that match", "/Oxyzq")
	press(m, "esc")
	has(t, m, "acme", "!filter O")
	press(m, "/", "w", "enter", "esc")
	has(t, m, "acme")
	press(m, "enter", "/", "1", "0", "4")
	has(t, m, "1044", "!1007")
	press(m, "enter", "tab")
	has(t, m, "telco-1", "telco-2", "!filter 104")
	for _, want := range []string{`top customers "Ol" 500`, `top customers "w" 500`, `top carriers "" 500`, "calls customers acme"} {
		if !strings.Contains(strings.Join(f.asked, "\n"), want) {
			t.Errorf("%s was not asked for: %q", want, f.asked)
		}
	}
}

// TestCalls: from a customer to its calls and back.
func TestCalls(t *testing.T) {
	m := view(t, busy(), 80, 24)
	press(m, "enter")
	has(t, m, "calls of acme", "1,305 in progress", "the newest 5", "setup", "ringing", "on hold", "one-way", "SRTP", "+4930123456", "telco-2", "7701-5c4f1aee@192.0.2.1")
	press(m, "down", "r")
	has(t, m, "lasts▼", "Call-ID 7702-5c4f1aee")
	press(m, "end", "esc")
	has(t, m, "[1 customers 7]", "▸acme")
	press(m, "2", "enter")
	has(t, m, "calls of telco-1", "customer")
}

// TestTurns: answers to what is not asked any more, and ticks of it, are forgotten;
// paused, nothing is asked.
func TestTurns(t *testing.T) {
	f := busy()
	m := view(t, f, 80, 24)
	old := m.ask()
	press(m, "2")
	late := old().(answer)
	m.Update(late)
	has(t, m, "telco-1", "!acme")
	if _, cmd := m.Update(tick{late.turn}); cmd != nil {
		t.Error("an old tick asks")
	}
	_, cmd := m.Update(tick{m.turn})
	if cmd == nil {
		t.Fatal("a tick does not ask")
	}
	run(m, cmd)
	press(m, "p")
	before := len(f.asked)
	if _, cmd := m.Update(tick{m.turn}); cmd != nil {
		t.Error("paused, a tick asks")
	}
	has(t, m, "paused 12:03:44")
	press(m, "space")
	if len(f.asked) != before+1 {
		t.Error("nothing is asked after a pause")
	}
	has(t, m, "!paused")
	for _, quit := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		if _, cmd := m.Update(quit); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not quit", quit)
		}
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		percent(ratio(0, 0)): "-", percent(ratio(1, 3)): "33.3%", percent(ratio(3, 3)): "100%", percent(ratio(0, 3)) + " ": "0.0% ",
		average(ratio(185_000, 1)): "3:05", average(ratio(7_000_000, 1)): "1h56", average(ratio(0, 0)) + ".": "-.",
		delay(ratio(1440, 1)): "1.4s", delay(ratio(12_000, 1)): "12s", delay(ratio(12, 1)): "12ms", delay(ratio(99, 1)): "99ms", delay(ratio(101, 1)): "0.1s", delay(ratio(5_000_000, 1)): "999s",
		short(9999, 4): "9999", short(12_345, 4): "12k", short(123_456, 5): "123k", short(1_234_567, 5) + " ": "1234k ", short(1<<63, 4): "9.2E",
		grouped(1_234_567): "1,234,567", grouped(-123): "-123", grouped(uint64(12)): "12",
		clock(now.Sub(now)): "0:00", age(3200): "3.2 s", age(200_000): "3 min", size(1_300_000): "1.2 MiB", size(12): "12 B", size(-1): "0 B",
		cut("abcdef", 4, "…"): "abc…", cut("日本語", 5, "…"): "日本…", cut("日本語", 4, "…"): "日…", cut("x", 0, "…"): "",
		fancy.spark([]uint32{0, 1, 4, 8}, 4): " ▁▄█", fancy.spark([]uint32{1, 8, 2, 2}, 2): "█▂", fancy.spark([]uint32{4}, 3): "  █",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	full, rest := fancy.bar(1, 1000, 4)
	if full+rest != "╸───" {
		t.Errorf("%q %q", full, rest)
	}
	if full, rest = fancy.bar(2000, 1000, 4); full != "━━━━" || rest != "" {
		t.Errorf("%q %q", full, rest)
	}
	if diff := cmp.Diff([]string{"aa bb", "cccccccc"}, wrap("aa bb cccccccc dd", 6, 2)); diff != "" {
		t.Error(diff)
	}
}

func TestGlyphs(t *testing.T) {
	for env, want := range map[string]*glyphs{
		"TERM=xterm LANG=en_US.UTF-8": &fancy, "TERM=xterm LANG=de_DE.utf8": &fancy, "TERM=xterm LANG=en_US.UTF-8 LC_ALL=C": &simple,
		"TERM=xterm": &simple, "TERM=linux LANG=en_US.UTF-8": &simple, "TERM=dumb LANG=C.UTF-8": &simple, "LANG=C.UTF-8": &simple,
		"TERM=xterm LANG=C LC_CTYPE=C.UTF-8": &fancy,
	} {
		got := glyphsFor(func(key string) string {
			for v := range strings.FieldsSeq(env) {
				if after, ok := strings.CutPrefix(v, key+"="); ok {
					return after
				}
			}
			return ""
		})
		if got != want {
			t.Errorf("%s: ascii %v", env, got.ascii)
		}
	}
}
