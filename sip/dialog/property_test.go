package dialog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/race"
	"github.com/sipward/sipward/sip/parse"
)

// scripts are whole lives of calls; the property test cuts, repeats and
// shuffles them.
var scripts = []string{
	`phone>switch INVITE branch=p1
switch>phone 407-INVITE branch=p1 to=x
phone>switch ACK branch=p1 to=x
phone>switch INVITE branch=p2 cseq=2 sdp=10.1.0.1:4000,101
switch>west INVITE branch=s2 cseq=2 sdp=192.0.2.1:6000,101
west>switch 503-INVITE branch=s2 cseq=2 to=w
switch>east INVITE branch=s3 cseq=2 sdp=192.0.2.1:6002,101
east>switch 183-INVITE branch=s3 cseq=2 to=e
switch>phone 183-INVITE branch=p2 cseq=2 to=e
east>switch 200-INVITE branch=s3 cseq=2 to=e sdp=198.51.100.2:7000,96
switch>phone 200-INVITE branch=p2 cseq=2 to=e se=90
phone>switch ACK branch=p3 cseq=2 to=e
switch>phone INVITE from=e to=a cseq=7 branch=s7
phone>switch 200-INVITE from=e to=a cseq=7 branch=s7
phone>switch BYE to=e cseq=3 branch=p4
switch>east BYE to=e cseq=3 branch=s8
east>switch 200-BYE to=e cseq=3 branch=s8`,
	`phone>switch INVITE branch=p1
switch>west INVITE branch=s1
switch>east INVITE branch=s2
west>switch 180-INVITE branch=s1 to=w
east>switch 180-INVITE branch=s2 to=e
west>switch 200-INVITE branch=s1 to=w
east>switch 200-INVITE branch=s2 to=e
phone>switch BYE to=e cseq=2 branch=p5
west>switch BYE from=w to=a cseq=2 branch=p6`,
	`phone>switch INVITE branch=p1
switch>west INVITE branch=s1
phone>switch CANCEL branch=p1
switch>west CANCEL branch=s1
west>switch 487-INVITE branch=s1 to=w
switch>phone 487-INVITE branch=p1 to=w
switch>phone 200-INVITE branch=p1 to=w
phone>switch BYE to=w cseq=2 branch=p3`,
	`west>switch INVITE branch=w1 callee=1001@192.0.2.1
switch>phone INVITE branch=s1 callee=1001@10.1.0.1
phone>switch 486-INVITE branch=s1 to=p
switch>west 486-INVITE branch=w1 to=p
west>switch INVITE branch=w2 callee=1001@192.0.2.1 cseq=2
switch>phone 200-INVITE branch=s1 to=q
phone>switch UPDATE from=p to=a cseq=4 branch=u se=90
switch>phone 481-INVITE to=b cseq=9 branch=p5`,
}

// TestGaugesHold plays the scripts in any order, with loss, repetition and
// time-outs: no state may be left twice, none may stay, and every leg closes.
func TestGaugesHold(t *testing.T) {
	for seed := range race.Of[uint64](2000, 500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := NewTable(Config{MaxLegs: 5, LastMedia: func(*Leg) int64 { return rng.Int64N(2) * 1e9 }}, testBook(t))
		g := newGauges(t)
		now := int64(time.Second)
		var out strings.Builder
		for _, line := range jumble(rng) {
			now += rng.Int64N(int64(3 * time.Second))
			if rng.IntN(40) == 0 {
				now += rng.Int64N(int64(400 * time.Second))
			}
			p, m := message(t, now, strings.Fields(line))
			m.CallID = fmt.Sprint("c", rng.IntN(2))
			g.show(&out, table.book, table.Message(p, m))
			g.show(&out, table.book, table.Tick(now))
		}
		g.show(&out, table.book, table.Finish(now))
		g.zero()
		if s := table.Stats(); s.Legs != 0 || len(table.legs) != 0 || len(table.timers) != 0 {
			t.Errorf("after Finish: %d legs, %d Call-IDs, %d timers", s.Legs, len(table.legs), len(table.timers))
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, out.String())
		}
	}
}

func jumble(rng *rand.Rand) []string {
	var lines []string
	for range 1 + rng.IntN(4) {
		lines = append(lines, strings.Split(scripts[rng.IntN(len(scripts))], "\n")...)
	}
	for i := range lines { // mostly in order: swap near neighbours
		j := min(i+rng.IntN(4), len(lines)-1)
		lines[i], lines[j] = lines[j], lines[i]
	}
	out := lines[:0:0]
	for _, l := range lines {
		for range []int{1, 1, 1, 1, 1, 0, 2}[rng.IntN(7)] {
			out = append(out, l)
		}
	}
	return out
}

// TestBounds fills one leg and one table beyond their bounds.
func TestBounds(t *testing.T) {
	table := NewTable(Config{MaxLegs: 2}, testBook(t))
	for i := range 100 {
		p, m := message(t, int64(i+1), strings.Fields("phone>switch INVITE"))
		m.Branch, m.CSeq = fmt.Sprint(i), uint32(i+1)
		p.Dst.Port = uint16(i)
		m.SDP = &parse.SDP{Media: []parse.Media{description(t, fmt.Sprintf("10.9.0.1:%d", 1000+i))}}
		table.Message(p, m)
		p, m = message(t, int64(i+1), strings.Fields("switch>phone 183-INVITE"))
		m.Branch, m.ToTag = fmt.Sprint(i), fmt.Sprint("t", i)
		table.Message(p, m)
		p, m = message(t, int64(i+1), strings.Fields("switch>west INVITE"))
		m.Branch = fmt.Sprint("s", i)
		table.Message(p, m)
	}
	l := table.legs["c1"]
	if len(l.hops) > maxHops || len(l.txs) > maxTransactions || len(l.toTags) > maxToTags || len(l.Attempts) > maxAttempts || len(l.announced) > maxAnnouncements {
		t.Errorf("a leg holds %d hops, %d transactions, %d tags, %d attempts, %d endpoints", len(l.hops), len(l.txs), len(l.toTags), len(l.Attempts), len(l.announced))
	}
	p, m := message(t, 150, strings.Fields("switch>phone 180-INVITE cid=more0"))
	for i := range 5 {
		if i == 1 {
			table.Message(p, m) // the second call is ringing: nothing gives way to those that follow
		}
		p, m := message(t, 200, strings.Fields("phone>switch INVITE"))
		m.CallID = fmt.Sprint("more", i)
		table.Message(p, m)
	}
	if s := table.Stats(); s.Legs != 2 || s.Refused != 4 || s.Overflow == 0 {
		t.Errorf("stats %+v, want 2 legs, 4 refused, some overflow", s)
	}
}

func BenchmarkCall(b *testing.B) {
	var steps []func(id string)
	table := NewTable(Config{MaxLegs: 1 << 20}, testBook(b))
	now := int64(time.Second)
	for _, line := range strings.Split(scripts[0], "\n") {
		p, m := message(&testing.T{}, now, strings.Fields(line))
		steps = append(steps, func(id string) {
			p.Time, m.CallID = now, id
			table.Message(p, m)
		})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		now += int64(time.Millisecond)
		id := fmt.Sprint("call-", n)
		for _, s := range steps {
			s(id)
		}
		n++
		if n%100 == 0 {
			table.Tick(now)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(steps)), "ns/message")
}
