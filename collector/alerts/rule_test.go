package alerts

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/query"
)

func TestCheck(t *testing.T) {
	for _, v := range []struct {
		name, area, kind string
		edit             func(*query.Rule)
		field, says      string
	}{
		{"fine", AreaASR, query.KindCarrier, nil, "", ""},
		{"no name", AreaASR, query.KindTotal, func(r *query.Rule) { r.Name = " " }, "name", "must not be empty"},
		{"a header in the name", AreaASR, query.KindTotal, func(r *query.Rule) { r.Name = "a\r\nBcc: b@example.org" }, "name", "control characters"},
		{"a long name", AreaASR, query.KindTotal, func(r *query.Rule) { r.Name = strings.Repeat("ü", maxName+1) }, "name", "longer than 100"},
		{"a name of just so many", AreaASR, query.KindTotal, func(r *query.Rule) { r.Name = strings.Repeat("ü", maxName) }, "", ""},
		{"no area", AreaASR, query.KindTotal, func(r *query.Rule) { r.Area = "mos" }, "area", `"mos" is none of acd, asr, channels`},
		{"no level", AreaASR, query.KindTotal, func(r *query.Rule) { r.Level = "fatal" }, "level", `"fatal" is neither`},
		{"a node's ASR", AreaASR, KindNode, nil, "kind", "about total, customer, carrier"},
		{"the total of one", AreaASR, query.KindTotal, func(r *query.Rule) { r.Party = "a" }, "party", "the total has no party"},
		{"no operator", AreaASR, query.KindTotal, func(r *query.Rule) { r.Operator = "=" }, "operator", "neither above nor below"},
		{"a node is up too long", AreaNodeDown, KindNode, func(r *query.Rule) { r.Operator = Below }, "operator", "of area node_down it must be above"},
		{"not a number", AreaASR, query.KindTotal, func(r *query.Rule) { r.Threshold = math.NaN() }, "threshold", "NaN is not from 0 to 100%"},
		{"beyond all", AreaASR, query.KindTotal, func(r *query.Rule) { r.Threshold = 101 }, "threshold", "101 is not from 0 to 100%"},
		{"above all", AreaASR, query.KindTotal, func(r *query.Rule) { r.Threshold = 100 }, "threshold", "nothing is above 100%"},
		{"below nothing", AreaASR, query.KindTotal, func(r *query.Rule) { r.Operator, r.Threshold = Below, 0 }, "threshold", "nothing is below 0"},
		{"more channels than allowed", AreaChannels, query.KindTotal, func(r *query.Rule) { r.Threshold = 100 }, "", ""},
		{"reset beyond below", AreaASR, query.KindTotal, func(r *query.Rule) { r.Operator, r.Reset = Below, ptr(40.0) }, "reset", "40 lies below the threshold 50"},
		{"reset beyond above", AreaASR, query.KindTotal, func(r *query.Rule) { r.Reset = ptr(60.0) }, "reset", "60 lies above the threshold 50"},
		{"reset of no size", AreaASR, query.KindTotal, func(r *query.Rule) { r.Reset = ptr(-1.0) }, "reset", "-1 is not from 0"},
		{"a sample of nothing", AreaSpool, KindNode, func(r *query.Rule) { r.MinSample = 1 }, "min_sample", "has no sample"},
		{"a sample below 0", AreaASR, query.KindTotal, func(r *query.Rule) { r.MinSample = -1 }, "min_sample", "-1 is not from 0"},
		{"half minutes", AreaASR, query.KindTotal, func(r *query.Rule) { r.PeriodS = 90 }, "period_s", "whole minutes"},
		{"no period", AreaASR, query.KindTotal, func(r *query.Rule) { r.PeriodS = 0 }, "period_s", "whole minutes"},
		{"at once", AreaSpool, KindNode, func(r *query.Rule) { r.PeriodS = 0 }, "", ""},
		{"for ever", AreaSpool, KindNode, func(r *query.Rule) { r.PeriodS = maxPeriodS + 60 }, "period_s", "is not from 0 to 86400"},
		{"a storm", AreaASR, query.KindTotal, func(r *query.Rule) { r.RepeatS = 59 }, "repeat_s", "neither 0"},
		{"no address", AreaASR, query.KindTotal, func(r *query.Rule) { r.Mail = []string{"a@example.org", "Bob <b@example.org>"} }, "mail", `"Bob <b@example.org>" is no e-mail address`},
		{"a header in an address", AreaASR, query.KindTotal, func(r *query.Rule) { r.Mail = []string{"a@example.org\r\nBcc: b@example.org"} }, "mail", "is no e-mail address"},
		{"too many addresses", AreaASR, query.KindTotal, func(r *query.Rule) { r.Mail = slices.Repeat([]string{"a@example.org"}, maxMail+1) }, "mail", "at most 20"},
		{"a file", AreaASR, query.KindTotal, func(r *query.Rule) { r.Webhooks = []string{"file://host/etc/passwd"} }, "webhooks", `"file": a webhook goes over https`},
		{"no host", AreaASR, query.KindTotal, func(r *query.Rule) { r.Webhooks = []string{"https:///x"} }, "webhooks", "is no URL"},
		{"a password", AreaASR, query.KindTotal, func(r *query.Rule) { r.Webhooks = []string{"https://a:b@example.org"} }, "webhooks", "signed instead"},
		{"a webhook", AreaASR, query.KindTotal, func(r *query.Rule) { r.Webhooks = []string{"https://example.org/x?y=z"} }, "", ""},
	} {
		r := rule(v.area, v.kind, v.edit)
		err := Check(&r)
		var x Invalid
		if v.field == "" {
			if err != nil {
				t.Errorf("%s: %v", v.name, err)
			}
			continue
		}
		if !errors.As(err, &x) || len(x) != 1 || !strings.Contains(x[v.field], v.says) {
			t.Errorf("%s: %v, want %q of %s alone", v.name, err, v.says, v.field)
		}
	}
}

func TestAllAreas(t *testing.T) {
	if a, n := Areas(), slices.Sorted(maps.Keys(names)); !slices.Equal(a, n) {
		t.Errorf("areas %v, names %v", a, n)
	}
	for _, word := range Areas() {
		for _, kind := range areas[word].Kinds {
			r := rule(word, kind, func(r *query.Rule) { r.Party = map[string]string{query.KindTotal: ""}[kind] })
			if err := Check(&r); err != nil {
				t.Errorf("%s of %s: %v", word, kind, err)
			}
			if got := new(figures).read(&r, party{kind, r.Party}, noon); got.blank == "" || got.blank == "the area is not known" {
				t.Errorf("%s of %s without figures: %+v", word, kind, got)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Defaults() {
		if err := Check(&r); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if seen[r.Name] || len(r.Mail) > 0 || r.Party != "" {
			t.Errorf("%s: a double, or not for everybody", r.Name)
		}
		seen[r.Name] = true
	}
}

func FuzzCheckMail(f *testing.F) {
	for _, s := range []string{"a@example.org", "Bob <b@example.org>", "a@b\r\nc: d", `"a b"@example.org`, "ü@example.org"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkMail(s) == nil && (strings.ContainsAny(s, "\r\n\x00") || !strings.Contains(s, "@") || len(s) > maxMailLength) {
			t.Errorf("%q was taken", s)
		}
	})
}
