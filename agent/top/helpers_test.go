package top

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sync/record"
)

// now is the moment of all tests.
var now = time.Date(2026, 3, 4, 12, 3, 44, 0, time.UTC)

func utf8Terminal(key string) string {
	return map[string]string{"LANG": "C.UTF-8", "TERM": "xterm-256color"}[key]
}

// fake answers as an agent does.
type fake struct {
	top   admin.Top
	calls []record.LiveCall
	err   error
	asked []string
}

func (f *fake) Top(_ context.Context, by, match string, limit int) (*admin.Top, error) {
	f.asked = append(f.asked, fmt.Sprintf("top %s %q %d", by, match, limit))
	if f.err != nil {
		return nil, f.err
	}
	out := f.top
	out.By = by
	out.Parties = nil
	for _, p := range f.top.Parties {
		if strings.HasPrefix(p.Name, "telco") == (by == admin.ByCarriers) && len(out.Parties) < limit {
			out.Parties = append(out.Parties, p)
		}
	}
	return &out, nil
}

func (f *fake) Calls(_ context.Context, by, name string) (*admin.CallsPage, error) {
	f.asked = append(f.asked, "calls "+by+" "+name)
	if f.err != nil {
		return nil, f.err
	}
	return &admin.CallsPage{Now: now.UnixMilli(), Calls: f.calls, More: 1300}, nil
}

func ratio(num, den uint64) counters.Ratio { return counters.Ratio{Num: num, Den: den} }

// busy is an agent in the middle of its day.
func busy() *fake {
	line := func(name string, channels int, setup, answered, started, wave uint64) admin.TopParty {
		p := admin.TopParty{
			Name: name, Channels: channels, Setup: setup, Answered: answered, Peak: (setup + answered) * 3 / 2, Rate: setup / 4, Started: started,
			ASR: ratio(started/2, started), ACD: ratio(started*92_300, started/2), NER: ratio(started*97/100, started),
			PDD: ratio(started*1400, started), DTMF: ratio(started/9, started/2),
		}
		for i := range uint64(60) {
			p.Recent = append(p.Recent, uint32((i*i*wave/17)%(setup+answered+1))) // small
		}
		return p
	}
	f := &fake{top: admin.Top{
		Node: "switch-1.example.net", Version: "v1.4.0", Mode: "ebpf",
		StartedAt: now.Add(-(3*24 + 4) * time.Hour).UnixMilli(), TakenAt: now.UnixMilli(), Now: now.UnixMilli(),
		Total: line("", 1200, 31, 381, 12_345, 3), Refused: 31, GuardMode: "nfqueue", KernelLost: 0, OtherLost: 2,
		Sync:   &admin.TopSync{Records: 12, Bytes: 1_300_000, OldestUnackedMs: 3200, Connected: true, Answered: true},
		Counts: [2]int{7, 2}, Sum: line("", 0, 31, 381, 12_345, 3),
		Parties: []admin.TopParty{
			line("acme", 200, 4, 160, 5100, 3), line("umbrella-corporation", 30, 11, 19, 4000, 5), line("globex", 100, 3, 80, 1800, 7),
			line("initech", 0, 9, 51, 1200, 2), line("wonka", 90, 4, 71, 220, 11), line("hooli", 60, 0, 0, 25, 0),
			{Name: "unknown", Started: 0, Rate: 0}, line("telco-1", 500, 20, 300, 9000, 3), line("telco-2", 300, 11, 81, 3345, 4),
		},
	}}
	at := func(ago time.Duration) int64 { return now.Add(-ago).UnixMilli() }
	call := func(n int, caller, called, carrier string) record.LiveCall {
		return record.LiveCall{
			Leg: fmt.Sprint("1-", n), Kind: "call", Customer: "acme", Carrier: carrier, CallID: fmt.Sprintf("%d-5c4f1aee@192.0.2.%d", 7700+n, n),
			Caller: caller, Called: called, Src: fmt.Sprintf("192.0.2.%d:5060", n), Dst: "198.51.100.1:5060", Transport: "udp",
			State: "setup", StartedUnixMs: at(time.Duration(n*n) * 7 * time.Second), Attempts: 1,
		}
	}
	f.calls = []record.LiveCall{
		call(1, "1001", "+4930123456", "telco-1"), call(2, "1007", "4989555", "telco-2"), call(3, "+4989111222", "1001", ""),
		call(4, "1044", "+12125550100", "telco-1"), call(30, "1002", "00442079460000", "telco-1"),
	}
	f.calls[1].RingingUnixMs = at(20 * time.Second)
	for i, class := range map[int]string{2: "two_way", 3: "one_way", 4: "encrypted"} {
		c := &f.calls[i]
		c.State, c.AnsweredUnixMs, c.MediaClass, c.Codec = "answered", c.StartedUnixMs+3000, class, "PCMA"
	}
	f.calls[2].Digits, f.calls[3].Held, f.calls[4].SeenMidcall = [2]int{4, 0}, true, true
	return f
}

// view is a model of a source at work, of the given size.
func view(t *testing.T, f *fake, w, h int) *model {
	t.Helper()
	m := newModel(f, func() time.Time { return now }, utf8Terminal, false)
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	run(m, m.Init())
	return m
}

// run does what the model wants done, but for waiting.
func run(m *model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if a, ok := cmd().(answer); ok {
		m.Update(a)
	}
}

// keys by the names that bubbletea gives them.
var named = map[string]rune{
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
	"tab": tea.KeyTab, "space": tea.KeySpace, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp,
	"home": tea.KeyHome, "end": tea.KeyEnd,
}

func press(m *model, keys ...string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		if code, ok := named[k]; ok {
			msg = tea.KeyPressMsg{Code: code}
		}
		_, cmd := m.Update(msg)
		run(m, cmd)
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// text is the screen without its colours, and without the spaces at the ends of lines.
func text(m *model) string {
	var out strings.Builder
	for l := range strings.SplitSeq(escape.ReplaceAllString(m.Screen(), ""), "\n") {
		out.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	return out.String()
}

// has checks what is on the screen.
func has(t *testing.T, m *model, want ...string) {
	t.Helper()
	got := text(m)
	for _, w := range want {
		if not, found := strings.CutPrefix(w, "!"); found == strings.Contains(got, not) {
			t.Errorf("%q on the screen:\n%s", w, got)
		}
	}
}
