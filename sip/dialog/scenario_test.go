package dialog

import (
	"bufio"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata/*.txt")

// TestScenarios plays testdata/*.txt. Above the line "----" stands what was
// seen on the wire, below it what follows. A message is
//
//	SECONDS FROM>TO METHOD|STATUS-METHOD [from=TAG] [to=TAG] [key=value...]
//
// and "SECONDS tick" lets time pass. "SECONDS restart" is the moment when a new
// table takes over what the last one had open; nobody watched since the line
// before it. "blind" says that no media can be seen. The hosts are those of
// testBook.
func TestScenarios(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no scenarios in testdata")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "----\n")
			got := play(t, script)
			if *update {
				if err := os.WriteFile(file, []byte(script+"----\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("effects differ (-want +got); if they are right, run with -update\n%s", diff)
			}
		})
	}
}

var hosts = map[string]string{
	"phone": "10.1.0.1:5060", "phone2": "10.1.0.2:5060", "other": "10.2.0.1:5060", "roamer": "203.0.113.9:5060",
	"switch": "192.0.2.1:5060", "inner": "192.0.2.9:5060", "west": "198.51.100.1:5060", "east": "198.51.100.2:5060", "nobody": "203.0.113.77:5060",
}

func testBook(t testing.TB) *party.Book {
	t.Helper()
	book, err := party.NewBook([]party.Entry{
		{Name: "acme", Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
			Domains: []string{"acme.example"}, Blocks: []party.Block{{First: "1000", Last: "1999"}}},
		{Name: "beta", Kind: party.Customer, Addresses: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}},
		{Name: "west", Kind: party.Carrier, Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")}},
		{Name: "east", Kind: party.Carrier, Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.2/32")}},
	}, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9")})
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func play(t *testing.T, script string) string {
	t.Helper()
	book := testBook(t)
	media, blind := map[uint64]int64{}, false
	cfg := Config{LastMedia: func(l *Leg) int64 { return media[l.ID] }, KeepDigits: true, Changes: true,
		Alive: func(l *Leg) (int64, bool) { return media[l.ID], !blind }}
	table := NewTable(cfg, book)
	var out strings.Builder
	g := newGauges(t)
	lines := bufio.NewScanner(strings.NewReader(script))
	last := int64(0)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		now := seconds(t, words[0])
		if words[1] == "restart" {
			clear(media)
			table = restart(t, table, cfg, last, now, func(e []Effect) { g.show(&out, book, e) })
			last = now
			continue
		}
		for at := last + int64(time.Second); at <= now; at += int64(time.Second) {
			g.show(&out, book, table.Tick(at))
		}
		last = max(last, now)
		switch words[1] {
		case "tick":
		case "blind":
			blind = true
		case "media": // media of leg N was seen
			id, _ := strconv.ParseUint(words[2], 10, 64)
			media[id] = now
		default:
			p, m := message(t, now, words[1:])
			g.show(&out, book, table.Message(p, m))
		}
	}
	g.show(&out, book, table.Finish(last+1))
	g.zero()
	if s := table.Stats(); s.Legs != 0 || len(table.timers) != 0 {
		t.Errorf("after Finish: %d legs, %d timers", s.Legs, len(table.timers))
	}
	return out.String()
}

// restart gives all that table has open to a new one.
func restart(t *testing.T, table *Table, cfg Config, alive, now int64, show func([]Effect)) *Table {
	t.Helper()
	var saved [][]byte
	for _, first := range table.legs {
		for l := first; l != nil; l = l.next {
			saved = append(saved, table.Save(l, nil))
		}
	}
	next := NewTable(cfg, table.book)
	effects, bad := next.Restore(saved, alive, now)
	if len(bad) != 0 || len(saved) != next.Stats().Legs {
		t.Errorf("%v of %d legs were not restored", bad, len(saved))
	}
	show(effects)
	return next
}

func seconds(t *testing.T, s string) int64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("%q is no time", s)
	}
	return int64(f * 1e9)
}

func message(t *testing.T, now int64, words []string) (*packet.Packet, *parse.Message) {
	t.Helper()
	src, dst, _ := strings.Cut(words[0], ">")
	p := &packet.Packet{Time: now, Transport: packet.UDP, Src: endpoint(t, src), Dst: endpoint(t, dst)}
	m := &parse.Message{
		CallID: "c1", FromTag: "a", CSeq: 1, Branch: "b1", Expires: -1,
		From: parse.URI{User: "1001", Host: "192.0.2.1"}, To: parse.URI{User: "4930", Host: "192.0.2.1"},
	}
	method := words[1]
	if status, of, ok := strings.Cut(method, "-"); ok {
		n, err := strconv.ParseUint(status, 10, 16)
		if err != nil {
			t.Fatalf("%q is no status", status)
		}
		m.Status, method = uint16(n), of
	}
	m.Method = map[string]parse.Method{
		"INVITE": parse.INVITE, "ACK": parse.ACK, "BYE": parse.BYE, "CANCEL": parse.CANCEL, "PRACK": parse.PRACK,
		"UPDATE": parse.UPDATE, "REFER": parse.REFER, "INFO": parse.INFO, "OPTIONS": parse.OPTIONS,
	}[method]
	if m.Method == 0 {
		t.Fatalf("%q is no method", method)
	}
	m.RequestURI = m.To
	m.Vias = 1
	if from := map[bool]string{true: src, false: dst}[m.Request()]; from == "switch" {
		m.Vias = 2 // the caller's and the switch's own
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		set(t, m, key, value)
	}
	return p, m
}

func set(t *testing.T, m *parse.Message, key, value string) {
	t.Helper()
	n, _ := strconv.ParseUint(value, 10, 32)
	switch key {
	case "cid":
		m.CallID = value
	case "from":
		m.FromTag = value
	case "to":
		m.ToTag = value
	case "cseq":
		m.CSeq = uint32(n)
	case "branch":
		m.Branch = value
	case "caller":
		m.From.User, m.From.Host, _ = strings.Cut(value, "@")
	case "callee":
		m.RequestURI.User, m.RequestURI.Host, _ = strings.Cut(value, "@")
	case "called":
		m.To.User, m.To.Host, _ = strings.Cut(value, "@")
	case "se":
		m.SessionExpires = uint32(n)
	case "cause":
		m.Cause = uint16(n)
	case "digit":
		m.Digit = value[0]
	case "sdp": // ADDRESS:PORT[,event PT][,srtp][,hold][,video]; again for a further m-line
		if m.SDP == nil {
			m.SDP = new(parse.SDP)
		}
		m.SDP.Media = append(m.SDP.Media, description(t, value))
	default:
		t.Fatalf("%q is no key", key)
	}
}

func description(t *testing.T, value string) parse.Media {
	t.Helper()
	words := strings.Split(value, ",")
	d := parse.Media{
		RTP: packet.EndpointFrom(netip.MustParseAddrPort(words[0])), Kind: parse.Audio,
		Direction: parse.SendRecv, ClockHz: 8000, Codec: "PCMU", EventHz: 8000,
	}
	for _, w := range words[1:] {
		switch w {
		case "video":
			d.Kind, d.ClockHz, d.Codec = parse.Video, 90000, "VP8"
		case "srtp":
			d.Encrypted = true
		case "hold":
			d.Hold = true
		default:
			pt, err := strconv.ParseUint(w, 10, 7)
			if err != nil {
				t.Fatalf("%q is no payload type", w)
			}
			d.Events.Add(uint8(pt))
			d.Formats.Add(uint8(pt))
		}
	}
	return d
}

func endpoint(t *testing.T, name string) packet.Endpoint {
	t.Helper()
	a, ok := hosts[name]
	if !ok {
		t.Fatalf("%q is no host", name)
	}
	return packet.EndpointFrom(netip.MustParseAddrPort(a))
}

// gauges follows the effects as counting does and fails when a gauge goes
// below zero or does not come back to it.
type gauges struct {
	t        testing.TB
	legs     map[uint64]State
	attempts map[[2]uint64]State
}

func newGauges(t testing.TB) *gauges {
	return &gauges{t: t, legs: map[uint64]State{}, attempts: map[[2]uint64]State{}}
}

func (g *gauges) step(e *Effect) {
	switch e.Kind {
	case LegOpened, LegAnswered, LegReleased, LegClosed:
		if e.Leg.Restored && e.Was == 0 {
			delete(g.legs, e.Leg.ID) // of the table before
		}
		if has := g.legs[e.Leg.ID]; has != e.Was && e.Was != 0 {
			g.t.Errorf("leg %d: effect %d says it was %v, the one before %v", e.Leg.ID, e.Kind, e.Was, has)
		}
		g.legs[e.Leg.ID] = e.Now
		if e.Kind == LegClosed {
			delete(g.legs, e.Leg.ID)
			for i := range e.Leg.Attempts {
				key := [2]uint64{e.Leg.ID, uint64(i)}
				if s := g.attempts[key]; s != Ended || e.Leg.Attempts[i].Release == 0 {
					g.t.Errorf("attempt %v of a closed leg is %v, release %v", key, s, e.Leg.Attempts[i].Release)
				}
				delete(g.attempts, key)
			}
			if e.Leg.End < e.Leg.Invited || e.Leg.Release == 0 {
				g.t.Errorf("leg %d closed with end %d, release %v", e.Leg.ID, e.Leg.End, e.Leg.Release)
			}
		}
	case AttemptOpened, AttemptAnswered, AttemptReleased:
		key := [2]uint64{e.Leg.ID, uint64(e.Attempt)}
		if e.Leg.Restored && e.Was == 0 {
			delete(g.attempts, key) // of the table before
		}
		if has := g.attempts[key]; has != e.Was {
			g.t.Errorf("attempt %v: effect %d says it was %v, the one before %v", key, e.Kind, e.Was, has)
		}
		g.attempts[key] = e.Now
	case MediaOpened:
	}
}

func (g *gauges) zero() {
	if len(g.legs) != 0 {
		g.t.Errorf("legs never closed: %v", g.legs)
	}
	if len(g.attempts) != 0 {
		g.t.Errorf("attempts never closed: %v", g.attempts)
	}
}

func (g *gauges) show(out *strings.Builder, book *party.Book, effects []Effect) {
	for i := range effects {
		e := &effects[i]
		g.step(e)
		fmt.Fprintf(out, "%.3f leg %d ", float64(e.Time)/1e9, e.Leg.ID)
		switch e.Kind {
		case MediaOpened:
			fmt.Fprintf(out, "media %v %s side %d hop %d in %v out %v srtp %v\n", e.Endpoint, e.Spec.Codec, e.Spec.Side, e.Spec.Hop,
				members(e.Spec.EventsIn), members(e.Spec.EventsOut), e.Spec.Encrypted)
		case LegOpened:
			fmt.Fprintf(out, "opened %v again %v call %v of %s inbound %v\n", e.Now, e.Again, e.Leg.Call, book.Entry(e.Leg.Customer).Name, e.Leg.Inbound)
		case LegAnswered:
			fmt.Fprintf(out, "answered, was %v\n", e.Was)
		case LegReleased:
			fmt.Fprintf(out, "released, was %v: %v %d\n", e.Was, e.Leg.Release, e.Leg.Status)
		case LegClosed:
			fmt.Fprintf(out, "closed: %s\n", summary(e.Leg))
		case AttemptOpened:
			fmt.Fprintf(out, "attempt %d opened again %v at %s\n", e.Attempt, e.Again, book.Entry(e.Leg.Attempts[e.Attempt].Carrier).Name)
		case AttemptAnswered:
			fmt.Fprintf(out, "attempt %d answered, was %v\n", e.Attempt, e.Was)
		case AttemptReleased:
			a := e.Leg.Attempts[e.Attempt]
			fmt.Fprintf(out, "attempt %d released, was %v: %v %d\n", e.Attempt, e.Was, a.Release, a.Status)
		}
	}
}

func summary(l *Leg) string {
	at := func(ns int64) string {
		if ns == 0 {
			return "never"
		}
		return fmt.Sprintf("%.3f", float64(ns)/1e9)
	}
	s := fmt.Sprintf("%v %d invited %s rang %s answered %s ended %s", l.Release, l.Status, at(l.Invited), at(l.Rang), at(l.Answer), at(l.End))
	if l.Forks > 1 || l.Reinvites > 0 || l.Refers > 0 || l.Canceled || !l.Initial {
		s += fmt.Sprintf(" tags %d reinvites %d refers %d cancel %v initial %v", l.Forks, l.Reinvites, l.Refers, l.Canceled, l.Initial)
	}
	if l.Restored {
		s += " restored"
	}
	if l.Digits != [2]InfoDigits{} {
		s += fmt.Sprintf(" info %q %q", l.Digits[0].Text, l.Digits[1].Text)
	}
	return s
}

func members(s parse.PayloadTypes) []int {
	out := []int{}
	for pt := range uint8(128) {
		if s.Has(pt) {
			out = append(out, int(pt))
		}
	}
	return out
}
