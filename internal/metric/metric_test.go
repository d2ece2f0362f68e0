package metric

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/internal/tally"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Frames.":                  "Frames.",
		"What `calls.max` allows.": "What calls.max allows.",
		"By [class of their media](how-it-counts.md#media), and [a](b).": "By class of their media, and a.",
		"One [bracket.":     "One [bracket.",
		"No end: [a](b":     "No end: [a](b",
		"No beginning](b).": "No beginning](b).",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table(Group{Name: "g", Defs: []Def{
		{"a_total", Counter, "Of those started, answered: ASR.", nil},
		{"b", Gauge, "SIP messages.", []Label{Open("customer")}},
		{"c", Summary, "A time.", []Label{Open("customer"), Open("reason")}},
		{"d", Histogram, "1 while it is so.", []Label{Open("customer"), Closed("state", "setup", "answered")}},
	}})
	want := "| metric | type | labels | meaning |\n|---|---|---|---|\n" +
		"| `a_total` | counter | | of those started, answered: ASR |\n" +
		"| `b` | gauge | `customer` | SIP messages |\n" +
		"| `c` | summary | `customer`, `reason` | a time |\n" +
		"| `d` | histogram | `customer`; `state`: `setup`, `answered` | 1 while it is so |\n"
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func TestEvents(t *testing.T) {
	got := Events([]tally.Count{{Stage: "tcp", Event: "cut", N: 7, Help: "messages cut"}})
	if want := "| stage | event | meaning |\n|---|---|---|\n| `tcp` | `cut` | messages cut |\n"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

type fixed struct{ Set }

func (f fixed) Collect(ch chan<- prometheus.Metric) {
	out := f.To(ch)
	out.Count("n_total", 3, "acme")
	out.Truth("up", true)
	out.Histogram("h", 2, 0.5, map[float64]uint64{1: 2})
	out.Summary("s", 4, 1.5)
}

func TestSet(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(fixed{NewSet(
		Group{"a", []Def{{"n_total", Counter, "Of [`x`](y).", []Label{Open("customer")}}, {"up", Gauge, "Up.", nil}}},
		Group{"b", []Def{{"h", Histogram, "H.", nil}, {"s", Summary, "S.", nil}}},
	)})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, f.GetName()+" "+strings.ToLower(f.GetType().String())+" "+f.GetHelp())
	}
	if want := "h histogram H., n_total counter Of x., s summary S., up gauge Up."; strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("two metrics may have one name")
		}
	}()
	NewSet(Group{Defs: []Def{{Name: "a"}, {Name: "a"}}})
}

func TestAllows(t *testing.T) {
	open, closed := Open("customer"), Closed("state", "up", "down")
	if !open.Allows("acme") || !closed.Allows("up") || closed.Allows("acme") {
		t.Error("a label allows another value than it should")
	}
}
