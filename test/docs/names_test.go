package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Alerts that pages name exist, and so do the metrics: the references of both programs,
// which are checked against the code, have them.
func TestNames(t *testing.T) {
	read := func(name ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, name...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	alerts := read("monitoring", "sipward.rules.yml")
	// What rules record has a colon in its name.
	metrics := alerts + read("docs", "metrics.md") + read("docs", "collector.md")
	alert := regexp.MustCompile("`(Sipward[A-Z][A-Za-z]+)`")
	metric := regexp.MustCompile(`[^a-z$(](sipward_[a-z_]+[a-z])\b`)
	seen := 0
	for _, p := range readPages(t) {
		for _, m := range alert.FindAllStringSubmatch(p.text, -1) {
			if seen++; !strings.Contains(alerts, "alert: "+m[1]+"\n") {
				t.Errorf("%s: there is no alert %s", p.name, m[1])
			}
		}
		for _, m := range metric.FindAllStringSubmatch(p.text, -1) {
			name := strings.TrimSuffix(strings.TrimSuffix(m[1], "_bucket"), "_sum")
			if seen++; !strings.Contains(metrics, name) {
				t.Errorf("%s: there is no metric %s", p.name, m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d names were found", seen)
	}
}
