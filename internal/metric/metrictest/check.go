// Package metrictest holds what a program exports against what it says of it.
package metrictest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/internal/metric"
)

var (
	typeLine   = regexp.MustCompile(`^# TYPE (\w+) (\w+)$`)
	sampleLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
	labelPart  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// Check complains of every metric of the pages, as Prometheus reads them, that is not
// described, has another type, other labels or a value that its label cannot have; and
// of every metric that is described and on no page, but those of never.
func Check(t testing.TB, pages []string, groups []metric.Group, never ...string) {
	t.Helper()
	defs := map[string]*metric.Def{}
	for _, g := range groups {
		for i := range g.Defs {
			defs[g.Defs[i].Name] = &g.Defs[i]
		}
	}
	seen := map[string]bool{}
	for _, page := range pages {
		checkPage(t, page, defs, seen)
	}
	for name, d := range defs {
		if !seen[name] && !slices.Contains(never, name) {
			t.Errorf("%s is described and not exported", name)
		}
		if d.Help == "" || d.Kind.String() == "invalid" {
			t.Errorf("%s has no text or no type", name)
		}
	}
}

// checkPage looks at all metrics of ours, and notes their names.
func checkPage(t testing.TB, page string, defs map[string]*metric.Def, seen map[string]bool) {
	t.Helper()
	var of *metric.Def
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if m := typeLine.FindStringSubmatch(line); m != nil {
			of = defs[m[1]]
			switch {
			case !strings.HasPrefix(m[1], "sipward_"):
			case of == nil:
				t.Errorf("%s is exported and not described", m[1])
			case of.Kind.String() != m[2]:
				t.Errorf("%s is a %s, described as a %s", m[1], m[2], of.Kind)
			default:
				seen[m[1]] = true
			}
			continue
		}
		if m := sampleLine.FindStringSubmatch(line); m != nil && of != nil && strings.HasPrefix(m[1], of.Name) {
			checkLabels(t, of, m[2])
		}
	}
}

func checkLabels(t testing.TB, of *metric.Def, text string) {
	t.Helper()
	var names []string
	for _, l := range labelPart.FindAllStringSubmatch(text, -1) {
		if l[1] == "le" { // a bucket's
			continue
		}
		names = append(names, l[1])
		for i := range of.Labels {
			if d := &of.Labels[i]; d.Name == l[1] && !d.Allows(l[2]) {
				t.Errorf("%s has the %s %s, which is not described", of.Name, l[1], l[2])
			}
		}
	}
	want := of.Names()
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("%s has the labels %v, described are %v", of.Name, names, want)
	}
}
