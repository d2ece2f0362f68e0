package promtool

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Query is an expression of a rule or of a panel.
type Query struct {
	Of   string // the rule's or panel's name
	Expr string
}

// Queries returns every expression of the rules and dashboards in a folder. The
// rules are read by line, as they are written here: a key a line, and blocks
// indented deeper than their key.
func Queries(t *testing.T, dir string) []Query {
	t.Helper()
	var all []Query
	for _, file := range files(t, dir, "*.rules.yml") {
		all = append(all, ruleQueries(read(t, file))...)
	}
	return append(all, Panels(t, dir)...)
}

// Panels returns every expression of the dashboards in a folder.
func Panels(t *testing.T, dir string) []Query {
	t.Helper()
	var all []Query
	for _, file := range files(t, dir, "*.json") {
		var board any
		if err := json.Unmarshal([]byte(read(t, file)), &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, boardQueries(filepath.Base(file), board)...)
	}
	return all
}

func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, dir, err)
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	nameLine = regexp.MustCompile(`^ +- (?:record|alert): (\S+)$`)
	exprLine = regexp.MustCompile(`^( +)expr: (.+)$`)
)

func ruleQueries(text string) []Query {
	var all []Query
	name, block := "", "" // block is the indent of the lines that belong to the last expression
	for line := range strings.SplitSeq(text, "\n") {
		if block != "" && strings.HasPrefix(line, block) {
			all[len(all)-1].Expr += strings.TrimPrefix(line, block) + "\n"
			continue
		}
		block = ""
		if m := nameLine.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if m := exprLine.FindStringSubmatch(line); m != nil {
			q := Query{Of: name, Expr: m[2]}
			if q.Expr == "|" {
				q.Expr, block = "", m[1]+"  "
			}
			all = append(all, q)
		}
	}
	return all
}

// boardQueries looks for "expr" at any depth, and for what variables ask for.
func boardQueries(title string, node any) []Query {
	var all []Query
	switch n := node.(type) {
	case []any:
		for _, x := range n {
			all = append(all, boardQueries(title, x)...)
		}
	case map[string]any:
		if s, ok := n["title"].(string); ok {
			title = s
		}
		if s, ok := n["expr"].(string); ok {
			all = append(all, Query{title, s})
		}
		if s, ok := n["definition"].(string); ok {
			all = append(all, Query{title, variable.ReplaceAllString(s, "$1")})
		}
		for _, x := range n {
			all = append(all, boardQueries(title, x)...)
		}
	}
	return all
}

// variable is how a dashboard asks for the values of a label; the metric is what is
// looked at.
var variable = regexp.MustCompile(`^label_values\((.*), *\w+\)$`)

// Use is one metric that a query reads, and what it asks of its labels.
type Use struct {
	Metric string
	Labels map[string]string // as regular expressions
}

var (
	useOf   = regexp.MustCompile(`\b((?:\w+:)?sipward[\w:]*)(?:\{([^}]*)\})?`)
	matcher = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	quoted  = regexp.MustCompile(`"[^"]*"`)
)

// Uses returns the metrics of a query that are ours.
func (q Query) Uses() []Use {
	var all []Use
	for _, m := range useOf.FindAllStringSubmatchIndex(q.Expr, -1) {
		if inString(q.Expr, m[0]) {
			continue
		}
		u := Use{q.Expr[m[2]:m[3]], map[string]string{}}
		if m[4] >= 0 {
			for _, l := range matcher.FindAllStringSubmatch(q.Expr[m[4]:m[5]], -1) {
				u.Labels[l[1]] = l[3]
			}
		}
		all = append(all, u)
	}
	return all
}

func inString(text string, at int) bool {
	for _, s := range quoted.FindAllStringIndex(text, -1) {
		if s[0] < at && at < s[1] {
			return true
		}
	}
	return false
}
