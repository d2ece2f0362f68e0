package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/internal/testkit/history"
)

// Two demos at once do not hear one another.
func TestTwoDemosSettleApart(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var all [2]*site
	for i := range all {
		s, err := prepare(t.Context(), &options{web: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close(false)
		all[i] = s
	}
	for _, a := range all[0].switches {
		for _, b := range all[1].switches {
			if a.plan.SwitchIP == b.plan.SwitchIP || a.plan.Customer == b.plan.Customer || a.plan.Carrier == b.plan.Carrier || a.plan.Port == b.plan.Port {
				t.Errorf("%+v and %+v", a.plan, b.plan)
			}
		}
	}
}

// What the facts say of the past is what is laid into the spools.
func TestFacts(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	o := options{web: "127.0.0.1:0", days: 12, perHour: 20, seed: 3, facts: filepath.Join(t.TempDir(), "facts.json")}
	s, err := prepare(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close(false)
	d := &demo{options: o, site: s, access: access{url: "http://127.0.0.1:1/", operator: person{"a", "b", ""}, customer: person{"c", "d", "acme"}}}
	if d.past, err = makePast(t.Context(), s, &o); err != nil {
		t.Fatal(err)
	}
	if err := d.writeFacts(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.facts)
	if err != nil {
		t.Fatal(err)
	}
	var got facts
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	h := got.History
	if h == nil || h.ToUnixS-h.FromUnixS != 12*86400 || h.Gap == nil || h.Gap.ToUnixS-h.Gap.FromUnixS != 90*60 || len(got.Nodes) != 2 {
		t.Fatalf("%+v", got)
	}
	for what, rows := range map[string][]history.Row{"hours": h.Hours, "days": h.Days, "months": h.Months} {
		n := 0
		for _, r := range rows {
			if r.Kind == history.Total {
				n += int(r.Calls)
			}
		}
		if n != d.past.calls() || n < 1000 {
			t.Errorf("%s have %d calls, the spools %d", what, n, d.past.calls())
		}
	}
	for _, r := range h.Hours {
		if at := time.Unix(r.FromUnixS, 0).Unix(); at > h.Gap.FromUnixS && at+3600 <= h.Gap.ToUnixS {
			t.Errorf("calls ended while nobody watched: %+v", r)
		}
	}
	want := facts{URL: "http://127.0.0.1:1/", Operator: &person{"a", "b", ""}, Customer: &person{"c", "d", "acme"}, Config: s.config(),
		Nodes: []string{"switch-1", "switch-2"}, Parties: got.Parties, History: h}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFlags(t *testing.T) {
	for args, ok := range map[string]bool{
		"": true, "-seconds 60 -until-signal": true, "-days 0": true, "-seconds 9": false, "-rate 0": false, "-days 91": false, "-history-calls 0": false, "more": false,
	} {
		o, err := flags(strings.Fields(args))
		if (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
		if err == nil && o.limited != strings.Contains(args, "-seconds") {
			t.Errorf("%q: limited %v", args, o.limited)
		}
	}
}

// A demo that was started by a program that is gone ends.
func TestUntilClosed(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, stop := untilClosed(t.Context(), in)
	defer stop()
	if _, err := out.WriteString("still there\n"); err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}
