package admin

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipward/sipward/internal/testkit/promtool"
)

// docs/collector.md has every metric with its type and labels, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(newMetrics(fixed{sample()})) // a bad day: it has all of them
	exported, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	is, said := map[string]bool{}, map[string]bool{}
	for _, f := range exported {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
			is[row(f.GetName(), strings.ToLower(f.GetType().String()), labels)] = true
		}
	}
	b, err := os.ReadFile("../../docs/collector.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.ReplaceAll(strings.Trim(strings.TrimSpace(line), "|"), "`", ""), "|")
		if !strings.HasPrefix(line, "| `sipward_collector_") || len(cells) != 4 {
			continue
		}
		labels := strings.FieldsFunc(cells[2], func(r rune) bool { return r == ' ' || r == ',' })
		said[row(strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), labels)] = true
	}
	for _, x := range slices.Sorted(maps.Keys(is)) {
		if !said[x] {
			t.Errorf("%s is not in docs/collector.md", x)
		}
	}
	for _, x := range slices.Sorted(maps.Keys(said)) {
		if !is[x] {
			t.Errorf("docs/collector.md has %s, which is not exported", x)
		}
	}
	if len(is) < len(families) {
		t.Errorf("%d metrics are exported, of %d", len(is), len(families))
	}
}

func row(name, kind string, labels []string) string {
	slices.Sort(labels)
	return strings.Join(append([]string{name, kind}, labels...), " ")
}

// The rules and the dashboard for Prometheus read nothing that does not exist.
func TestMonitoringReadsWhatIsExported(t *testing.T) {
	_, page := get(t, sample(), "/metrics")
	is := promtool.Exported{}
	is.Add(page)
	is.CheckQueries(t, "../../monitoring", func(metric string) bool { return strings.HasPrefix(metric, "sipward_collector_") })
}
