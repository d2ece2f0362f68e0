package promtool

import (
	"regexp"
	"strings"
	"testing"
)

// Exported is the metrics of a program by name, as a page shows them: the values
// that each label has somewhere. A histogram's or summary's parts are there as well.
type Exported map[string]map[string]map[string]bool

var (
	sampleLine = regexp.MustCompile(`^(sipward_\w+)(?:\{(.*)\})? \S+$`)
	labelPart  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// Add takes in a page of metrics.
func (e Exported) Add(page string) {
	for line := range strings.Lines(page) {
		m := sampleLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		if e[m[1]] == nil {
			e[m[1]] = map[string]map[string]bool{}
		}
		for _, l := range labelPart.FindAllStringSubmatch(m[2], -1) {
			if e[m[1]][l[1]] == nil {
				e[m[1]][l[1]] = map[string]bool{}
			}
			e[m[1]][l[1]][l[2]] = true
		}
	}
}

// CheckQueries complains of every query of the folder that reads a metric of ours
// which is not exported, or asks for a label or for a value that it cannot have.
func (e Exported) CheckQueries(t *testing.T, dir string, ours func(metric string) bool) {
	t.Helper()
	seen := 0
	for _, q := range Queries(t, dir) {
		for _, u := range q.Uses() {
			if strings.Contains(u.Metric, ":") || !ours(u.Metric) {
				continue
			}
			seen++
			if said := e.fault(u); said != "" {
				t.Errorf("%s: %s %s", q.Of, u.Metric, said)
			}
		}
	}
	if seen == 0 {
		t.Error("no query reads any metric")
	}
}

// closed are labels whose values the code lists; those of others are the site's own.
var closed = map[string]bool{"stage": true, "event": true, "state": true, "stream": true, "class": true, "against": true, "task": true, "connected": true}

func (e Exported) fault(u Use) string {
	labels := e[u.Metric]
	if labels == nil {
		return "is not exported"
	}
	for name, want := range u.Labels {
		switch {
		case name == "instance" || name == "job": // Prometheus gives these
		case labels[name] == nil:
			return "has no label " + name
		case closed[name]:
			for part := range strings.SplitSeq(want, "|") {
				if !matches(labels[name], part) {
					return "is never " + name + " " + part
				}
			}
		}
	}
	return ""
}

func matches(values map[string]bool, pattern string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return false
	}
	for v := range values {
		if re.MatchString(v) {
			return true
		}
	}
	return false
}
