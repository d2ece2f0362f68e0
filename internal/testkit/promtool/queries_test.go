package promtool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRuleQueries(t *testing.T) {
	got := ruleQueries("groups:\n  - name: a\n    rules:\n      - record: x:y\n        expr: sum(a)\n      - alert: B\n        expr: |\n          b\n            > 1\n        for: 1m\n")
	if d := cmp.Diff([]Query{{"x:y", "sum(a)"}, {"B", "b\n  > 1\n"}}, got); d != "" {
		t.Error(d)
	}
}

func TestUses(t *testing.T) {
	q := Query{Expr: `sum by (job) (rate(sipward_a_total{stage=~"x|y", job!="sipward_no"}[5m])) / customer:sipward_b:ratio + up{job="sipward-agent"}`}
	want := []Use{{"sipward_a_total", map[string]string{"stage": "x|y", "job": "sipward_no"}}, {"customer:sipward_b:ratio", map[string]string{}}}
	if d := cmp.Diff(want, q.Uses()); d != "" {
		t.Error(d)
	}
}

func TestFaultsOfQueries(t *testing.T) {
	e := Exported{}
	e.Add("# TYPE sipward_a_total counter\nsipward_a_total{stage=\"x\",event=\"lost\"} 1\nsipward_a_total{stage=\"y\",event=\"late\"} 1\nsipward_b 2\n")
	for _, c := range []struct{ expr, want string }{
		{`sipward_a_total{stage=~"x|y", instance="i"}`, ""},
		{`sipward_a_total{stage=~"x|z"}`, "is never stage z"},
		{`sipward_a_total{node="n"}`, "has no label node"},
		{`sipward_c`, "is not exported"},
		{`sipward_b{job="j"}`, ""},
	} {
		u := Query{Expr: c.expr}.Uses()
		if len(u) != 1 {
			t.Fatalf("%s: %v", c.expr, u)
		}
		if got := e.fault(u[0]); got != c.want {
			t.Errorf("%s: %q, want %q", c.expr, got, c.want)
		}
	}
}
