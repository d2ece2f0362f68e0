package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made makes the record of a call; leg and Call-ID follow from its number.
func made(node string, epoch, seq uint64) entry {
	e := entry{key: key{sequence{node, epoch, streamCalls}, seq}, kind: kindCall, callID: fmt.Sprintf("%s-%d-%d", node, epoch, seq)}
	e.call = call{node, epoch, seq}
	e.details = &dumpCall{facts: facts{Kind: "call", CallID: e.callID, Customer: "acme", Answered: true, Outcome: true, DurationMs: 1500}}
	return e
}

func minuteOf(node string, epoch, seq uint64, minute string) entry {
	return entry{key: key{sequence{node, epoch, streamTelemetry}, seq}, kind: kindMinute, minute: minute}
}

// inStore is how a collector has records: without what only agents know.
func inStore(in []entry) []entry {
	out := slices.Clone(in)
	for i := range out {
		out[i].call, out[i].details, out[i].minute = call{}, nil, ""
	}
	return out
}

func TestAudit(t *testing.T) {
	base := []entry{made("a", 1, 1), made("a", 1, 2), made("a", 9, 1), minuteOf("a", 1, 1, "10 total"), made("b", 5, 1)}
	without := func(i int) []entry { return slices.Delete(slices.Clone(base), i, i+1) }
	with := func(extra ...entry) []entry { return append(slices.Clone(base), extra...) }
	changed := slices.Clone(base)
	changed[1].callID = "another"
	sameLeg := made("a", 9, 2)
	sameLeg.call = base[0].call
	sameID := made("a", 9, 2)
	sameID.callID = base[0].callID
	refused, joined := made("a", 9, 2), made("a", 9, 3)
	joined.callID = refused.callID
	refused.details.Answered, refused.details.Status, joined.details.Midcall = false, 407, true
	whole := made("a", 9, 3) // refused, and then seen from its INVITE on
	whole.callID = refused.callID

	for _, c := range []struct {
		name                   string
		sure, accepted, stored []entry
		want                   []string // kind and a part of the text
	}{
		{"all is well", base, base, base, nil},
		{"missing", base, base, without(1), []string{"missing: a 0000000000000001 calls 2"}},
		{"not sure, on disk", without(2), base, without(2), nil},
		{"stored twice", base, base, with(base[4]), []string{"duplicate: b 0000000000000005 calls 1 (call) is stored twice"}},
		{"stored and never accepted", base, base, with(made("b", 6, 1)), []string{"wrong: b 0000000000000006 calls 1"}},
		{"stored under another name", base, base, changed, []string{"wrong: a 0000000000000001 calls 2"}},
		{"gone from the agent's disk", base, without(4), without(4), []string{"lost by the agent: b"}},
		{"a hole on the agent's disk", with(made("b", 5, 3)), with(made("b", 5, 3)), with(made("b", 5, 3)), []string{"lost by the agent: b epoch 0000000000000005 calls: 3 comes after 1"}},
		{"the first is not there", without(0), without(0), without(0), []string{"lost by the agent: a epoch 0000000000000001 calls: 2 comes after 0"}},
		{"one call in two records", with(sameLeg), with(sameLeg), with(sameLeg), []string{"duplicate: call 0000000000000001/1"}},
		{"one Call-ID in two records", with(sameID), with(sameID), with(sameID), []string{"duplicate: Call-ID a-1-1"}},
		{"the two ends of a call", with(refused, joined), with(refused, joined), with(refused, joined), nil},
		{"refused and counted", with(refused, whole), with(refused, whole), with(refused, whole), []string{"duplicate: Call-ID a-9-2"}},
		{"a minute that was said again", with(minuteOf("a", 1, 2, "10 total")), with(minuteOf("a", 1, 2, "10 total")),
			append(without(3), minuteOf("a", 1, 2, "10 total")), nil},
		{"the same minute of two runs", with(minuteOf("a", 9, 1, "10 total")), with(minuteOf("a", 9, 1, "10 total")), base,
			[]string{"missing: a 0000000000000009 telemetry 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := audit(c.sure, c.accepted, inStore(c.stored))
			check(t, got, c.want)
		})
	}
}

// check compares findings with the beginnings of what they must say.
func check(t *testing.T, got []finding, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("found %+v, want %q", got, want)
	}
	for i, f := range got {
		if text := fmt.Sprintf("%s: %s", f.kind, f.text); !strings.HasPrefix(text, want[i]) {
			t.Errorf("found %q, want %q", text, want[i])
		}
	}
}

func TestFigures(t *testing.T) {
	accepted := []entry{made("a", 1, 1), made("a", 1, 2), made("a", 2, 1), made("a", 2, 2)}
	got, _ := audit(accepted[:3], accepted, inStore([]entry{accepted[0], accepted[2], accepted[2]}))
	want := map[string]*figures{"a": {epochs: 2, accepted: 4, stored: 3, missing: 1, doubled: 1, onDiskOnly: 1}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(figures{})); d != "" {
		t.Error(d)
	}
}

func TestCompareFacts(t *testing.T) {
	accepted := []entry{made("a", 1, 1), made("a", 1, 2)}
	exported := map[key]facts{accepted[0].key: accepted[0].details.facts, accepted[1].key: accepted[1].details.facts}
	check(t, compareFacts(accepted, exported), nil)
	other := exported[accepted[1].key]
	other.DurationMs++
	exported[accepted[1].key] = other
	check(t, compareFacts(accepted, exported), []string{"wrong: a 0000000000000001 calls 2 is exported as"})
}

func TestCompareTraffic(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	alive := []life{{at(0), at(20)}, {at(30), at(40)}}
	stored := []entry{made("a", 1, 1), made("a", 1, 2), made("a", 1, 2), made("b", 1, 1)}
	played := map[string]time.Time{
		"a-1-1": at(10),                                                  // sure
		"a-1-2": at(25),                                                  // while it was down, and seen later
		"early": at(31), "late": at(38), "down": at(28), "after": at(50), // not sure
	}
	tr, got := compareTraffic("a", stored, played, alive)
	check(t, got, nil)
	if tr.played != 6 || tr.seen != 2 || tr.sure != 1 || len(tr.unseen) != 0 {
		t.Errorf("%+v", tr)
	}
	played["lost"] = at(35)
	delete(played, "a-1-2")
	tr, got = compareTraffic("a", stored, played, alive)
	check(t, got, []string{`wrong: a 0000000000000001 calls 2 is of Call-ID "a-1-2"`, `wrong: a 0000000000000001 calls 2 is of Call-ID "a-1-2"`})
	if tr.sure != 2 || len(tr.unseen) != 1 || !strings.HasPrefix(tr.unseen[0], "lost at ") {
		t.Errorf("%+v", tr)
	}
}

func TestSums(t *testing.T) {
	answered, failed, midway := made("a", 1, 1), made("a", 1, 2), made("a", 1, 3)
	answered.details.Attempts = []dumpAttempt{{Carrier: "telco", Outcome: true}, {Carrier: "telco", AnsweredAt: 5, DurationMs: 1400, Outcome: true, Effective: true}}
	failed.details.facts = facts{Kind: "call", Customer: "acme", Outcome: true, Effective: true}
	midway.details.facts = facts{Kind: "call", Customer: "acme", Answered: true, Midcall: true, DurationMs: 70}
	for _, e := range []entry{answered, failed, midway} {
		e.details.Counted = 7_200_000 + 5
	}
	got := addUp([]entry{answered, failed, midway, minuteOf("a", 1, 1, "")})
	calls := sums{Calls: 3, Midcall: 1, NoOutcome: 1, Outcomes: 2, Answered: 1, Effective: 1, Over: 2, Ended: 1, AnsweredMs: 1500}
	want := map[sumKey]sums{
		{7200, "a", "total", ""}:        calls,
		{7200, "a", "customer", "acme"}: calls,
		{7200, "a", "carrier", "telco"}: {Calls: 2, Outcomes: 2, Answered: 1, Effective: 1, Over: 2, Ended: 1, AnsweredMs: 1400},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	check(t, compareSums(want, got), nil)
	delete(got, sumKey{7200, "a", "carrier", "telco"})
	check(t, compareSums(want, got), []string{"wrong: summary 1970-01-01T02:00:00Z a carrier telco"})
}

func TestSpans(t *testing.T) {
	a := made("a", 1, 1).sequence
	s := spans{a: {{1, 3}, {5, 5}}}
	if got := s.lacks([]entry{made("a", 1, 1), made("a", 1, 3), made("a", 1, 4), made("a", 1, 5), made("a", 2, 1)}); got != 2 {
		t.Errorf("%d are not committed, want 2", got)
	}
	if got := s.total(); got != 4 {
		t.Errorf("%d numbers, want 4", got)
	}
}

func TestCompareDone(t *testing.T) {
	accepted := []entry{made("a", 1, 1), made("a", 1, 2), made("a", 1, 3)}
	q := accepted[0].sequence
	check(t, compareDone(accepted, spans{q: {{1, 2}}}), nil)
	check(t, compareDone(accepted, spans{q: {{1, 2}, {3, 4}}}), []string{"wrong: a epoch 0000000000000001 calls: 4 numbers are committed, and 3"})
	check(t, compareDone(accepted, spans{q: {{1, 2}, {2, 3}}}), []string{"wrong: a epoch 0000000000000001 calls: 4 numbers are committed, and 3"})
}
