package top

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/sipward/sipward/agent/admin"
)

const (
	interval = time.Second     // between an answer and the next question
	patience = 5 * time.Second // for an answer
	listed   = 500             // most customers, carriers or calls at a time
)

// model is the state of the view. Update changes it and View draws it, as
// bubbletea wants; it is not safe for concurrent use.
type model struct {
	source Source
	now    func() time.Time
	glyphs *glyphs
	w, h   int

	by      string // customers or carriers
	parties map[string]*grid[admin.TopParty]
	calls   *grid[call]
	of      string // whose calls are shown; "" while parties are

	head   *admin.Top       // the latest
	list   *admin.Top       // the latest with parties
	page   *admin.CallsPage // the latest of whose calls are shown
	seen   time.Time        // when the latest came
	failed time.Time        // since when none comes; zero while they do
	why    string           // clean

	filter  string
	typing  bool // the filter
	paused  bool
	help    bool
	turn    int // questions and answers of an earlier one are forgotten
	waiting bool
}

// newModel returns a view of what source answers. now is the clock on the wall, and
// getenv the environment of the terminal; ascii insists on plain signs.
func newModel(source Source, now func() time.Time, getenv func(string) string, ascii bool) *model {
	g := glyphsFor(getenv)
	if ascii {
		g = &simple
	}
	return &model{
		source: source, now: now, glyphs: g, w: 80, h: 24, by: admin.ByCustomers,
		parties: map[string]*grid[admin.TopParty]{
			admin.ByCustomers: newParties(admin.ByCustomers, g), admin.ByCarriers: newParties(admin.ByCarriers, g),
		},
		calls: newCalls(admin.ByCustomers, g),
	}
}

// Messages of the view to itself.
type (
	tick   struct{ turn int }
	answer struct {
		turn int
		by   string
		of   string
		top  *admin.Top
		page *admin.CallsPage
		err  error
	}
)

// Init asks for the first time.
func (m *model) Init() tea.Cmd { return m.ask() }

// ask asks anew; answers to earlier questions are forgotten.
func (m *model) ask() tea.Cmd {
	m.turn++
	m.waiting = true
	a, source, match, limit := answer{turn: m.turn, by: m.by, of: m.of}, m.source, m.filter, listed
	if m.of != "" {
		match, limit = "", 1 // the head alone
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if a.top, a.err = source.Top(ctx, a.by, match, limit); a.err == nil && a.of != "" {
			a.page, a.err = source.Calls(ctx, a.by, a.of)
		}
		return a
	}
}

// Update takes what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = max(msg.Width, 0), max(msg.Height, 0)
	case tick:
		if msg.turn == m.turn && !m.paused {
			return m, m.ask()
		}
	case answer:
		if msg.turn == m.turn {
			m.take(&msg)
			turn := m.turn
			return m, tea.Tick(interval, func(time.Time) tea.Msg { return tick{turn} })
		}
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

// take shows an answer, or keeps what there is and says since when nothing new came.
func (m *model) take(a *answer) {
	m.waiting = false
	if a.err != nil {
		if m.failed.IsZero() {
			m.failed = m.now()
		}
		m.why = clean(a.err.Error(), m.glyphs.ascii)
		return
	}
	m.failed, m.why, m.seen = time.Time{}, "", m.now()
	m.head = a.top
	if a.of == "" {
		m.list = a.top
	} else {
		m.page = a.page
	}
	m.refill()
}

// refill puts what came into the tables, as far as it matches the filter.
func (m *model) refill() {
	text := strings.ToLower(m.filter)
	if m.of != "" {
		if m.page != nil {
			m.calls.set(slices.DeleteFunc(lasting(m.page), func(c call) bool { return !c.matches(text) }))
		}
		return
	}
	if m.list != nil && m.list.By == m.by {
		m.parties[m.by].set(slices.DeleteFunc(slices.Clone(m.list.Parties), func(p admin.TopParty) bool {
			return !strings.Contains(strings.ToLower(p.Name), text)
		}))
	}
}

// show turns to customers or carriers.
func (m *model) show(by string) tea.Cmd {
	m.by, m.of, m.filter = by, "", ""
	return m.ask()
}

// open shows the calls of the party at the cursor.
func (m *model) open() tea.Cmd {
	p := m.parties[m.by].row()
	if p == nil {
		return nil
	}
	m.of, m.page, m.filter = p.Name, nil, ""
	m.calls = newCalls(m.by, m.glyphs)
	return m.ask()
}

// back goes one step back: from the filter, then from the calls.
func (m *model) back() tea.Cmd {
	switch {
	case m.help:
		m.help = false
		return nil
	case m.filter != "":
		m.filter = ""
		m.refill()
		return m.ask()
	case m.of != "":
		m.of = ""
		m.refill()
		return m.ask()
	}
	return nil
}
