package metrictest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipward/sipward/internal/metric"
)

// recorder notes what a test would have complained of.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) + "\n" }

func TestCheck(t *testing.T) {
	groups := []metric.Group{{Defs: []metric.Def{
		metric.NewCounter("sipward_a_total", "A.", metric.Open("customer"), metric.Closed("state", "up")),
		metric.NewHistogram("sipward_h", "H."),
	}}}
	good := "# TYPE go_x gauge\ngo_x 1\n# TYPE sipward_a_total counter\nsipward_a_total{customer=\"x\",state=\"up\"} 1\n" +
		"# TYPE sipward_h histogram\nsipward_h_bucket{le=\"1\"} 1\nsipward_h_sum 1\nsipward_h_count 1\n"
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"a_total counter", "a_total gauge", "is a gauge, described as a counter"},
		{"up\"", "down\"", "has the state down"},
		{"customer=\"x\",", "", "has the labels [state]"},
		{"customer=", "carrier=", "has the labels [carrier state]"},
		{"# TYPE go_x", "# TYPE sipward_x", "sipward_x is exported and not described"},
		{"# TYPE sipward_h histogram", "", "sipward_h is described and not exported"},
	} {
		r := &recorder{TB: t}
		Check(r, []string{strings.Replace(good, c.old, c.new, 1)}, groups)
		if (c.want == "") != (r.said == "") || !strings.Contains(r.said, c.want) {
			t.Errorf("%q for %q: %q, want %q", c.new, c.old, r.said, c.want)
		}
	}
	r := &recorder{TB: t}
	if Check(r, nil, groups, "sipward_a_total", "sipward_h"); r.said != "" {
		t.Error(r.said)
	}
	if Check(r, nil, []metric.Group{{Defs: []metric.Def{{Name: "x"}}}}, "x"); !strings.Contains(r.said, "no text or no type") {
		t.Error(r.said)
	}
}
