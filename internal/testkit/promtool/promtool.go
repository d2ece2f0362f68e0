// Package promtool lets Prometheus' own linter judge the metrics of a program.
package promtool

import (
	"os/exec"
	"strings"
	"testing"
)

// Check runs promtool over a page of metrics, but not over those of the Go
// runtime, which are not ours. Without promtool it skips the rest of the test.
func Check(t *testing.T, page string) {
	t.Helper()
	if said := run(t, page); said != "" {
		t.Errorf("promtool: %s", said)
	}
}

// run returns what promtool finds fault with; "" for nothing.
func run(t *testing.T, page string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus): names and types are not linted")
	}
	var own strings.Builder
	for line := range strings.Lines(page) {
		if strings.Contains(line, "sipward_") {
			own.WriteString(line)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, "check", "metrics")
	cmd.Stdin = strings.NewReader(own.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return err.Error() + "\n" + string(out)
	}
	return string(out)
}
