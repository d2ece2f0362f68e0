package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/query"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFormKnowsTheAreas: what the page's form offers is what rules can be, and what it
// begins with is a valid rule.
func TestFormKnowsTheAreas(t *testing.T) {
	var form map[string]struct {
		Kinds                  []string
		Above, Counted, Sample bool
		Unit, Operator         string
		Most, Threshold, Reset float64
		MinSample              int64 `json:"min_sample"`
		PeriodS                int64 `json:"period_s"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "ui/src/lib/areas.json")), &form); err != nil {
		t.Fatal(err)
	}
	for _, word := range alerts.Areas() {
		f, ok := form[word]
		a, _ := alerts.Describe(word)
		if !ok || !slices.Equal(f.Kinds, a.Kinds) || f.Above != a.Above || f.Counted != a.Counted || f.Sample != a.Sample || f.Unit != strings.TrimSpace(a.Unit) || f.Most != a.Most {
			t.Errorf("%s: the form has %+v, the collector %+v", word, f, a)
		}
		for _, kind := range f.Kinds {
			r := &query.Rule{Name: "x", Level: alerts.LevelInfo, Area: word, Kind: kind, Operator: f.Operator, Threshold: f.Threshold, Reset: &f.Reset, MinSample: f.MinSample, PeriodS: f.PeriodS}
			if err := alerts.Check(r); err != nil {
				t.Errorf("%s of %s: the form begins with what is not valid: %v", word, kind, err)
			}
		}
	}
	if len(form) != len(alerts.Areas()) {
		t.Errorf("the form has %d areas, there are %d", len(form), len(alerts.Areas()))
	}
}

// TestAreasAreDescribed: the page's types and texts, the API's description and
// docs/alerts.md name the areas that there are, and no others.
func TestAreasAreDescribed(t *testing.T) {
	want := alerts.Areas()
	check := func(where string, got []string) {
		t.Helper()
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%s has the areas\n%v\nthere are\n%v", where, got, want)
		}
	}
	list := func(text, pattern string) (out []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		return out
	}
	types := readFile(t, "ui/src/api/types/alerts.ts")
	_, types, _ = strings.Cut(types, "export type AlertArea =")
	types, _, _ = strings.Cut(types, ";")
	check("types.ts", list(types, `'(\w+)'`))
	for _, language := range []string{"en", "de"} {
		texts := readFile(t, "ui/src/i18n/"+language+".json")
		check(language, list(texts, `"area\.(\w+)":`))
		check(language+" (about)", list(texts, `"about\.(\w+)":`))
	}
	var api struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "web/openapi.yaml")), &api); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AlertRule", "AlertRuleInput"} {
		check(name, api.Components.Schemas[name].Properties["area"].Enum)
	}
	var documented []string
	for line := range strings.Lines(readFile(t, "../docs/alerts.md")) {
		if cells := strings.Split(line, "|"); len(cells) > 4 {
			documented = append(documented, list(cells[1], "`(\\w+)`")...)
		}
	}
	check("docs/alerts.md", documented)
}
