package record

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at parses "day hour:minute:second" into nanoseconds since the Unix epoch; day
// 0 is 20,000 days after it.
func clockAt(t *testing.T, s string) int64 {
	t.Helper()
	day, clock, _ := strings.Cut(s, " ")
	var d int64
	if _, err := fmt.Sscan(day, &d); err != nil {
		t.Fatal(err)
	}
	c, err := time.Parse("15:04:05", clock)
	if err != nil {
		t.Fatal(err)
	}
	return (20_000+d)*24*hour + int64(c.Sub(c.Truncate(24*time.Hour)))
}

func written(m *HourMark) string {
	at := time.Unix(m.GetHourUnixS(), 0).UTC()
	day := m.GetHourUnixS()/86400 - 20_000
	return fmt.Sprintf("%d %02d: observed %v, %d calls, %d answered, %d ms", day, at.Hour(),
		time.Duration(m.GetObservedMs())*time.Millisecond, m.GetCalls(), m.GetAnswered(), m.GetDurationMs())
}

// TestHours plays ends of calls and ticks. A step is "tick TIME", "watch FROM
// TO" with a tick every second, or "call END LENGTH [KIND]", of which the hour
// under which it is counted is told.
func TestHours(t *testing.T) {
	for _, tt := range []struct {
		name   string
		marked string // the last hour that was
		steps  string
		want   string
	}{
		{"an hour is closed when its calls have settled", "",
			`watch 0 10:59:50,0 11:00:13; call 0 10:59:59,5000; tick 0 11:00:14; tick 0 11:00:15`,
			`0 10; 0 10: observed 10s, 1 calls, 1 answered, 5000 ms`},
		{"a call at the boundary is in the hour that begins", "",
			`watch 0 10:59:59,0 11:00:00; call 0 11:00:00,1000; tick 0 11:00:20`,
			`0 11; 0 10: observed 1s, 0 calls, 0 answered, 0 ms`},
		{"a call that settled too late", "",
			`tick 0 10:59:59; tick 0 11:00:14; call 0 10:59:58,7000; tick 0 12:00:14`,
			`0 10: observed 0s, 0 calls, 0 answered, 0 ms; 0 11 moved; 0 11: observed 0s, 1 calls, 1 answered, 7000 ms`},
		{"an end that was dated back for hours", "0 13:00:00",
			`tick 0 15:30:00; call 0 14:59:00,1000; call 0 15:10:00,2000; tick 0 16:00:14`,
			`0 14: observed 0s, 0 calls, 0 answered, 0 ms; 0 15 moved; 0 15; 0 15: observed 0s, 2 calls, 2 answered, 3000 ms`},
		{"what is counted and what is in the sums", "",
			`tick 0 10:00:00; call 0 10:10:00,0; call 0 10:10:00,100,midcall; call 0 10:10:00,100,carrier; call 0 10:10:00,100; tick 0 11:00:14`,
			`0 10; 0 10; 0 10; 0 10; 0 10: observed 0s, 2 calls, 1 answered, 100 ms`},
		{"after an absence", "0 20:00:00", `watch 1 00:30:00,1 00:30:20`,
			`0 21: observed 0s, 0 calls, 0 answered, 0 ms; 0 22: observed 0s, 0 calls, 0 answered, 0 ms; 0 23: observed 0s, 0 calls, 0 answered, 0 ms`},
		{"the last run marked this hour's forerunner", "0 09:00:00", `tick 0 10:30:00; tick 0 10:59:00`, ``},
		{"a clock set back", "",
			`tick 0 10:30:00; tick 0 12:00:14; tick 0 10:40:00; call 0 10:45:00,1000; call 0 12:30:00,500; tick 0 12:59:00; tick 0 13:00:14`,
			`0 10: observed 0s, 0 calls, 0 answered, 0 ms; 0 11: observed 0s, 0 calls, 0 answered, 0 ms; 0 12 moved; 0 12; 0 12: observed 0s, 2 calls, 2 answered, 1500 ms`},
		{"set back within an open hour", "", `watch 0 10:00:00,0 10:10:00; watch 0 10:05:00,0 10:15:00; tick 0 11:00:14`,
			`0 10: observed 20m0s, 0 calls, 0 answered, 0 ms`},
		{"ends to come", "", `tick 0 10:30:00; call 0 12:00:01,1000; tick 0 12:30:00; tick 0 13:00:14`,
			`0 12; 0 10: observed 0s, 0 calls, 0 answered, 0 ms; 0 11: observed 0s, 0 calls, 0 answered, 0 ms; 0 12: observed 0s, 1 calls, 1 answered, 1000 ms`},
		{"a last mark that is still to come", "1 10:00:00", `tick 0 10:30:00; call 0 10:40:00,1000; tick 1 11:30:00; tick 1 12:00:14`,
			`1 11 moved; 1 11: observed 0s, 1 calls, 1 answered, 1000 ms`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var marked int64
			if tt.marked != "" {
				marked = clockAt(t, tt.marked) / second
			}
			h := NewHours(Closed{HourUnixS: marked}, 0)
			h.steady = 0 // ticks are hours apart
			var got []string
			tick := func(now int64) {
				for _, m := range h.Tick(now) {
					got = append(got, written(m))
				}
			}
			for step := range strings.SplitSeq(tt.steps, "; ") {
				what, rest, _ := strings.Cut(step, " ")
				args := strings.Split(rest, ",")
				from := clockAt(t, args[0])
				switch what {
				case "tick":
					tick(from)
				case "watch":
					for now := from; now <= clockAt(t, args[1]); now += second {
						tick(now)
					}
				case "call":
					got = append(got, count(t, h, from, args[1:]))
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHoursBelieveNoLeap: a clock that is wrong for a moment closes nothing, and
// one that stays where it leapt is believed after a minute.
func TestHoursBelieveNoLeap(t *testing.T) {
	h := NewHours(Closed{HourUnixS: clockAt(t, "0 09:00:00") / second}, 0)
	marks := 0
	watch := func(from, to string) {
		for now := clockAt(t, from); now <= clockAt(t, to); now += second {
			marks += len(h.Tick(now))
		}
	}
	watch("0 10:30:00", "0 10:31:00")
	watch("400 00:00:00", "400 00:00:59")
	watch("0 10:32:00", "0 10:40:00")
	c := &Call{Kind: "call", EndedUnixMs: clockAt(t, "0 10:35:00") / 1e6}
	if h.Count(c); marks != 0 || c.CountedUnixMs != c.EndedUnixMs {
		t.Errorf("after a leap: %d hours are closed, and a call is counted at %v", marks, time.UnixMilli(c.CountedUnixMs).UTC())
	}
	watch("0 10:40:00", "0 11:00:14")
	if marks != 1 {
		t.Errorf("%d hours are closed at 11", marks)
	}
	watch("1 11:10:00", "1 11:10:59")
	if marks != 1 {
		t.Errorf("a leap was believed at once: %d", marks)
	}
	if watch("1 11:11:00", "1 11:11:00"); marks != 25 {
		t.Errorf("a day later: %d hours are closed", marks)
	}
}

// TestHoursOfShortRuns: the hour in which an agent ran for less than a minute is closed by
// the next run, unless its clock must have been wrong.
func TestHoursOfShortRuns(t *testing.T) {
	for _, tt := range []struct{ name, first, then, want string }{
		{"over a full hour", "0 09:59:50", "0 10:00:20", "0 09"},
		{"in one hour", "0 10:10:00", "0 10:20:00", ""},
		{"a day away", "0 10:59:50", "1 10:00:00", "0 10 to 1 09"},
		{"before the clock was set", "-20000 01:00:00", "0 10:59:30", "0 10"},
		{"after the clock was set back", "3 10:00:00", "0 10:59:30", "0 10"},
	} {
		run := func(h *Hours, from int64, length time.Duration) (marks []*HourMark) {
			for now := from; now < from+int64(length); now += second {
				marks = append(marks, h.Tick(now)...)
			}
			return marks
		}
		h := NewHours(Closed{}, 0)
		if marks := run(h, clockAt(t, tt.first), 15*time.Second); len(marks) > 0 || !h.Closed().Tentative {
			t.Fatalf("%s: %d marks, %+v", tt.name, len(marks), h.Closed())
		}
		h = NewHours(h.Closed(), 0) // and this one ends before its first tick
		h = NewHours(h.Closed(), 0)
		marks := run(h, clockAt(t, tt.then), 2*time.Minute)
		got := ""
		if n := len(marks); n > 0 {
			first, last := written(marks[0])[:4], written(marks[n-1])[:4]
			if got = first; last != first {
				got += " to " + last
			}
		}
		if got != tt.want || h.Closed().Tentative {
			t.Errorf("%s: closed %q, want %q; %+v", tt.name, got, tt.want, h.Closed())
		}
	}
}

// count counts a call and says in which hour.
func count(t *testing.T, h *Hours, end int64, args []string) string {
	t.Helper()
	c := &Call{Kind: "call", EndedUnixMs: end / 1e6}
	if _, err := fmt.Sscan(args[0], &c.DurationMs); err != nil {
		t.Fatal(err)
	}
	c.Answered = c.DurationMs > 0
	if len(args) > 1 {
		c.SeenMidcall = args[1] == "midcall"
		c.Kind = map[bool]string{true: "carrier_leg", false: "call"}[args[1] == "carrier"]
	}
	h.Count(c)
	hours := c.CountedUnixMs / 3_600_000
	out := fmt.Sprintf("%d %02d", hours/24-20_000, hours%24)
	if c.CountedUnixMs != c.EndedUnixMs {
		out += " moved"
		if c.CountedUnixMs%3_600_000 != 0 {
			out += " to within an hour"
		}
	}
	return out
}

// TestHoursKeepTheirPromise: however the clock leaps and whenever the agent is
// restarted, no call is counted in an hour after its mark, every hour has one
// mark, and the marks have the sums of their hours.
func TestHoursKeepTheirPromise(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 6))
		now, last := int64(20_000)*24*hour, int64(0)
		h := NewHours(Closed{}, 4*time.Second)
		h.steady = 0
		counted, marks := map[int64]uint64{}, map[int64]uint64{}
		for range 200 {
			switch now += r.Int64N(20 * int64(time.Minute)); r.IntN(15) {
			case 0:
				now -= r.Int64N(5 * hour)
			case 1:
				now += r.Int64N(50 * hour)
			}
			for _, m := range h.Tick(now) {
				at := m.GetHourUnixS()
				if last != 0 && at != last+3600 {
					t.Fatalf("seed %d: the mark of %d follows that of %d", seed, at, last)
				}
				last, marks[at] = at, m.GetCalls()
			}
			c := &Call{Kind: "call", EndedUnixMs: (now - r.Int64N(2*hour) + r.Int64N(hour)) / 1e6}
			h.Count(c)
			at := c.CountedUnixMs / 3_600_000 * 3600
			if _, closed := marks[at]; closed || at <= last {
				t.Fatalf("seed %d: a call is counted in the hour %d, which was closed", seed, at)
			}
			counted[at]++
			if r.IntN(20) == 0 {
				for at := range counted { // the sums are those of one run
					if at > last {
						delete(counted, at)
					}
				}
				h = NewHours(Closed{HourUnixS: last}, 4*time.Second)
				h.steady = 0
			}
		}
		for at, n := range counted {
			if got, closed := marks[at]; closed && got != n {
				t.Errorf("seed %d: the mark of %d has %d calls, want %d", seed, at, got, n)
			}
		}
		if len(marks) < 10 {
			t.Fatalf("seed %d: only %d marks", seed, len(marks))
		}
	}
}

// TestHoursAreBounded: neither an absence of years nor calls of every hour to
// come fill the memory.
func TestHoursAreBounded(t *testing.T) {
	h := NewHours(Closed{HourUnixS: 3600}, time.Second)
	h.steady = 0
	if n := len(h.Tick(50 * 365 * 24 * hour)); n != maxAway {
		t.Errorf("%d marks of 50 years, want %d", n, maxAway)
	}
	for i := range int64(10 * maxAhead) {
		h.Count(&Call{Kind: "call", EndedUnixMs: (51*365*24 + i) * 3_600_000})
	}
	if len(h.sums) > maxAhead {
		t.Errorf("%d hours are kept", len(h.sums))
	}
	now := 50 * 365 * 24 * hour
	if n := testing.AllocsPerRun(100, func() {
		now += second
		h.Tick(now)
	}); n != 0 {
		t.Errorf("%v allocations a second", n)
	}
}
