package admin

import (
	"strings"
	"testing"

	"github.com/sipward/sipward/internal/metric/metrictest"
	"github.com/sipward/sipward/internal/testkit/promtool"
)

// A collector exports every metric that is described, as it is described, and no other.
func TestMetricsAreAsDescribed(t *testing.T) {
	_, page := get(t, sample(), "/metrics") // a bad day: it has all of them
	metrictest.Check(t, []string{page}, Reference())
}

// The rules and the dashboard for Prometheus read nothing that does not exist.
func TestMonitoringReadsWhatIsExported(t *testing.T) {
	_, page := get(t, sample(), "/metrics")
	is := promtool.Exported{}
	is.Add(page)
	is.CheckQueries(t, "../../monitoring", func(metric string) bool { return strings.HasPrefix(metric, "sipward_collector_") })
}
