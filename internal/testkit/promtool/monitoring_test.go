package promtool

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const monitoring = "../../../monitoring"

func tool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The rules are right, and make of examples what is written beside them.
func TestRules(t *testing.T) {
	tool(t, append([]string{"check", "rules"}, files(t, monitoring, "*.rules.yml")...)...)
	tool(t, append([]string{"test", "rules"}, files(t, monitoring, "*_test.yml")...)...)
}

// alertRule is an alert with what docs/monitoring.md must say of it.
var alertRule = regexp.MustCompile(`(?s)- alert: (\w+)\n.*?severity: (\w+)\}.*?description: '(.*?)'\n`)

// Each alert has an example that raises it beside one that does not, and a line in the
// documentation with what to do; and there is no line about others.
func TestAlertsAreTriedAndDocumented(t *testing.T) {
	rules, examples := "", ""
	for _, f := range files(t, monitoring, "*.rules.yml") {
		rules += read(t, f)
	}
	for _, f := range files(t, monitoring, "*_test.yml") {
		examples += read(t, f)
	}
	doc := read(t, "../../../docs/monitoring.md")
	alerts := alertRule.FindAllStringSubmatch(rules, -1)
	if len(alerts) == 0 || len(alerts) != strings.Count(rules, "- alert: ") {
		t.Fatalf("%d alerts with severity and description, of %d", len(alerts), strings.Count(rules, "- alert: "))
	}
	for _, a := range alerts {
		name, severity, do := a[1], a[2], strings.ReplaceAll(a[3], "''", "'")
		quiet := regexp.MustCompile(`- alertname: ` + name + `\n +eval_time: \w+\n +(?:- alertname|- name)`)
		fires := regexp.MustCompile(`- alertname: ` + name + `\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels: \{severity: ` + severity)
		if !quiet.MatchString(examples) || !fires.MatchString(examples) {
			t.Errorf("%s has no example that raises it, or none that does not", name)
		}
		line := regexp.MustCompile("(?m)^\\| `" + name + "` \\| " + severity + " \\| [^|]+ \\| " + regexp.QuoteMeta(do) + ` \|$`)
		if !line.MatchString(doc) {
			t.Errorf("docs/monitoring.md does not say of %s: %s, %s", name, severity, do)
		}
	}
	if said := strings.Count(doc, "\n| `Sipward"); said != len(alerts) {
		t.Errorf("docs/monitoring.md has %d alerts, the rules %d", said, len(alerts))
	}
}

// What is read under a name with a colon is recorded, and documented in short.
func TestRecordedFiguresExist(t *testing.T) {
	recorded := map[string]bool{}
	all := Queries(t, monitoring)
	for _, q := range all {
		recorded[q.Of] = strings.Contains(q.Of, ":")
	}
	all = append(all, Query{"docs/monitoring.md", read(t, "../../../docs/monitoring.md")})
	for _, q := range all {
		for _, u := range q.Uses() {
			if strings.Contains(u.Metric, ":") && !recorded[u.Metric] {
				t.Errorf("%s: %s is not recorded", q.Of, u.Metric)
			}
		}
	}
}

// The configuration in the documentation is one that Prometheus takes.
func TestDocumentedConfiguration(t *testing.T) {
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "../../../docs/monitoring.md"))
	if m == nil || !strings.Contains(m[1], "/etc/prometheus/sipward.rules.yml") {
		t.Fatal("docs/monitoring.md has no configuration with the rules")
	}
	rules, err := filepath.Abs(filepath.Join(monitoring, "sipward.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	text := strings.ReplaceAll(m[1], "/etc/prometheus/sipward.rules.yml", rules)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "check", "config", file)
}

// board is what is judged of a dashboard.
type board struct {
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct{ H, W, X, Y int }
		Targets []struct {
			Expr       string `json:"expr"`
			Datasource struct{ UID string }
		} `json:"targets"`
	} `json:"panels"`
}

// The dashboard is one that Grafana takes: every panel has its own place and asks the
// chosen data source, every variable exists, and Prometheus understands every question.
func TestDashboard(t *testing.T) {
	var d board
	text := read(t, filepath.Join(monitoring, "grafana-sipward.json"))
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.SchemaVersion < 39 {
		t.Errorf("uid %q, schema %d", d.UID, d.SchemaVersion)
	}
	known := map[string]bool{"__rate_interval": true, "__all": true}
	for _, v := range d.Templating.List {
		known[v.Name] = true
	}
	for _, v := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
		if !known[v[1]] {
			t.Errorf("there is no variable %s", v[1])
		}
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || (p.Type != "row" && len(p.Targets) == 0) {
			t.Errorf("panel %d %q of type %s has no id of its own, no title or no question", p.ID, p.Title, p.Type)
		}
		ids[p.ID] = true
		if g := p.GridPos; g.H < 1 || g.W < 1 || g.X+g.W > 24 {
			t.Errorf("%s lies at %+v", p.Title, g)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			if q.Datasource.UID != "${datasource}" {
				t.Errorf("%s asks %q", p.Title, q.Datasource.UID)
			}
		}
	}
	understood(t, Panels(t, monitoring))
}

// understood lets promtool parse queries, as rules of a file.
func understood(t *testing.T, all []Query) {
	t.Helper()
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, q := range all {
		expr := strings.NewReplacer("$__rate_interval", "1m", "$window", "1h").Replace(q.Expr)
		quoted, err := json.Marshal(expr) // a JSON text is a YAML text
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rules, "      - {record: 'panel:%d', expr: %s}\n", i, quoted)
	}
	if len(all) == 0 {
		t.Error("the dashboard asks nothing")
	}
	file := filepath.Join(t.TempDir(), "panels.rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "check", "rules", file)
}
