package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/sipward/sipward/agent/admin"
)

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.Screen())
	v.AltScreen = true
	return v
}

// Screen is the text of the screen: never more lines than it has, and no line wider.
func (m *model) Screen() string {
	lines := m.lines()
	lines = lines[:min(len(lines), m.h)]
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		l.draw(&b, m.w, m.glyphs)
	}
	return b.String()
}

// fewest is how many rows the table keeps on a low screen, before the head gets any
// line.
const fewest = 4

// lines lays the screen out: the head, the table, and the line of keys at the
// bottom.
func (m *model) lines() []*line {
	if m.help {
		return m.helpLines()
	}
	head := m.headLines()
	tail := m.tailLines()
	room := m.h - len(tail) - 2 // titles and sum
	for len(head) > 1 && room-len(head) < fewest {
		head = head[:len(head)-1] // the most important come first
	}
	if room-len(head) < fewest {
		head = nil
	}
	body := m.tabs()
	rows := max(m.h-len(head)-len(tail)-2, 0)
	if rows > fewest {
		rows--
		head = append(head, body)
	}
	out := append(head, m.table(rows)...) //nolint:gocritic // head is done with
	for len(out) < m.h-len(tail) {
		out = append(out, &line{})
	}
	return append(out[:max(m.h-len(tail), 0)], tail...)
}

// table is the titles, rows lines, and the sum.
func (m *model) table(rows int) []*line {
	if m.of != "" {
		c, below := m.calls.row(), []*line(nil)
		if c != nil && m.page != nil && rows > fewest {
			below = flow(detail(c, m.glyphs), m.w)
		}
		rows -= max(len(below)-1, 0) // which has the line of the sum
		out := m.calls.draw(m.w, rows, m.glyphs, nil)
		for len(out) < rows+1 && len(below) > 0 {
			out = append(out, &line{})
		}
		out = append(out, below...)
		switch {
		case m.page == nil:
			out = append(out[:1], m.note("..."))
		case len(m.calls.rows) == 0:
			out = append(out[:1], m.note("no calls in progress"+m.filtered()))
		}
		return out
	}
	g := m.parties[m.by]
	if m.list == nil || m.list.By != m.by {
		return append(g.draw(m.w, 0, m.glyphs, nil), m.note("..."))
	}
	sum := m.list.Sum
	sum.Name = "total"
	if m.by == admin.ByCustomers {
		sum.Recent = m.list.Total.Recent
	}
	if m.filter != "" {
		sum.Recent = nil
		sum.Name = fmt.Sprintf("total of %d", len(m.list.Parties)+m.list.More)
	}
	out := g.draw(m.w, rows, m.glyphs, &sum)
	if len(g.rows) == 0 && len(out) > 2 {
		out[1] = m.note("no " + m.by + m.filtered())
	}
	return out
}

func (m *model) note(text string) *line { return (&line{}).add(quiet, " "+text) }

// filtered says that a filter hides something.
func (m *model) filtered() string {
	if m.filter == "" {
		return ""
	}
	return " that match"
}

// tabs says what the table shows, in which order there are how many, and the
// filter.
func (m *model) tabs() *line {
	l := &line{}
	counts := [2]int{}
	if m.head != nil {
		counts = m.head.Counts
	}
	if m.of != "" {
		l.add(strong, "calls of "+clean(m.of, m.glyphs.ascii))
		if m.page != nil {
			l.add(quiet, fmt.Sprintf("  %s in progress", grouped(len(m.page.Calls)+m.page.More)))
			if m.page.More > 0 {
				l.add(quiet, fmt.Sprintf(", the newest %d", len(m.page.Calls)))
			}
		}
	} else {
		for i, by := range []string{admin.ByCustomers, admin.ByCarriers} {
			text := fmt.Sprintf("%d %s %s", i+1, by, grouped(counts[i]))
			if by == m.by {
				l.add(strong, "["+text+"]")
			} else {
				l.add(quiet, " "+text+" ")
			}
			l.add(plain, " ")
		}
		if m.list != nil && m.list.By == m.by && m.list.More > 0 {
			l.add(quiet, fmt.Sprintf(" the busiest %d of %s", len(m.list.Parties), grouped(len(m.list.Parties)+m.list.More)))
		}
	}
	if m.filter != "" && !m.typing {
		l.add(quiet, "  filter ").add(warn, clean(m.filter, m.glyphs.ascii))
	}
	return l
}

// tailLines is the line of keys, or what is being typed.
func (m *model) tailLines() []*line {
	if m.typing {
		l := &line{}
		l.add(strong, "/"+clean(m.filter, m.glyphs.ascii)+m.glyphs.cursor)
		return []*line{l.add(quiet, "   Enter keeps the filter, Esc ends it")}
	}
	keys := []string{"Tab", "switch", m.glyphs.keys, "sort", "r", "reverse", "/", "filter", "Enter", "calls", "p", "pause", "?", "help", "q", "quit"}
	if m.of != "" {
		keys = append([]string{"Esc", "back"}, keys[2:8]...)
		keys = append(keys, "p", "pause", "?", "help", "q", "quit")
	}
	l := &line{}
	for i := 0; i < len(keys); i += 2 {
		if i > 0 {
			l.add(plain, "  ")
		}
		l.add(strong, keys[i]).add(quiet, " "+keys[i+1])
	}
	return []*line{l}
}

// alerts are what somebody should see first.
func (m *model) alerts() (out []*line) {
	say := func(t tone, text string, most int) {
		for _, s := range wrap(clean(text, m.glyphs.ascii), m.w, most) {
			out = append(out, (&line{}).add(t, s))
		}
	}
	if !m.failed.IsZero() {
		text := "NO ANSWER since " + m.failed.Format(time.TimeOnly)
		if m.head != nil {
			text += ", the figures are those of " + m.seen.Format(time.TimeOnly)
		}
		say(bad, text+"; asking again", 2)
		say(quiet, m.why, 3)
	}
	if m.head == nil {
		return out
	}
	if old := m.head.Now - m.head.TakenAt; old > stuck {
		say(bad, "STUCK: the agent has counted nothing for "+age(old), 2)
	}
	if len(m.head.NotReady) > 0 {
		say(bad, "NOT READY: "+strings.Join(m.head.NotReady, "; "), 2)
	}
	if len(m.head.Suspect) > 0 {
		say(warn, "SUSPECT: "+strings.Join(m.head.Suspect, "; "), 2)
	}
	if s := m.head.Sync; s != nil && s.Full {
		say(bad, "SPOOL FULL: records are being refused", 1)
	}
	return out
}

// stuck is how old the figures of an agent that answers may be, in milliseconds.
const stuck = 15_000
