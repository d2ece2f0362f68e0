package top

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/sipward/sipward/agent/admin"
)

// maxFilter bounds what is typed, in bytes.
const maxFilter = 64

// press takes a key.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	}
	if m.typing {
		return m.typed(k)
	}
	if m.help { // any key closes it
		m.help = false
		return nil
	}
	if m.move(k.String()) {
		return nil
	}
	return m.command(k.String())
}

// command does what a key stands for.
func (m *model) command(key string) tea.Cmd {
	switch key {
	case "q":
		return tea.Quit
	case "?", "h":
		m.help = true
	case "1":
		return m.show(admin.ByCustomers)
	case "2":
		return m.show(admin.ByCarriers)
	case "tab", "shift+tab":
		if m.by == admin.ByCustomers {
			return m.show(admin.ByCarriers)
		}
		return m.show(admin.ByCustomers)
	case "left", "<":
		m.order(-1)
	case "right", ">":
		m.order(1)
	case "r":
		m.reverse()
	case "/":
		m.typing = true
	case "enter":
		if m.of == "" {
			return m.open()
		}
	case "esc", "backspace":
		return m.back()
	case "space", "p":
		if m.paused = !m.paused; !m.paused {
			return m.ask()
		}
	}
	return nil
}

// move moves the cursor and reports whether key does so.
func (m *model) move(key string) bool {
	if m.of != "" {
		return moveIn(m.calls, key)
	}
	return moveIn(m.parties[m.by], key)
}

func moveIn[T any](g *grid[T], key string) bool {
	switch key {
	case "up", "k":
		g.moveTo(g.at - 1)
	case "down", "j":
		g.moveTo(g.at + 1)
	case "pgup":
		g.moveTo(g.at - g.page)
	case "pgdown":
		g.moveTo(g.at + g.page)
	case "home", "g":
		g.moveTo(0)
	case "end", "G":
		g.moveTo(len(g.rows) - 1)
	default:
		return false
	}
	return true
}

// order sorts by the next column, or the one before.
func (m *model) order(step int) {
	if m.of != "" {
		m.calls.order(step)
		return
	}
	m.parties[m.by].order(step)
}

// reverse turns the order round.
func (m *model) reverse() {
	if m.of != "" {
		m.calls.reverse = !m.calls.reverse
		m.calls.sort()
		return
	}
	g := m.parties[m.by]
	g.reverse = !g.reverse
	g.sort()
}

// typed takes a key while the filter is being typed.
func (m *model) typed(k tea.KeyPressMsg) tea.Cmd {
	before := m.filter
	switch k.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	case "ctrl+u":
		m.filter = ""
	default:
		if k.Text != "" && len(m.filter)+len(k.Text) <= maxFilter {
			m.filter = strings.ToValidUTF8(m.filter+k.Text, "")
		}
	}
	if m.filter == before {
		return nil
	}
	m.refill()
	if m.paused || m.of != "" { // calls are filtered here alone
		return nil
	}
	return m.ask()
}
