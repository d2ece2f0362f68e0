package chaos

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// print shows what was found, as a table.
func (s *site) print(t *testing.T, r *result) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "node\tkills\tepochs\taccepted\tstored\tmissing\tduplicates\tdeclared\twrong\ton disk\tcalls played\tseen\tsure\tof those seen\t")
	var sum figures
	var all traces
	var kills, declared int
	for _, n := range s.nodes {
		f, tr := r.figures[n.id], r.traces[n.id]
		if f == nil {
			f = &figures{}
		}
		k, _ := n.deaths()
		row(w, n.id, k, f, r.declared[n.id], &tr)
		kills, declared = kills+k, declared+r.declared[n.id]
		sum.add(f)
		all.add(&tr)
	}
	row(w, "all", kills, &sum, declared, &all)
	_ = w.Flush() // a strings.Builder takes everything
	for _, v := range s.others {
		k, exits := v.deaths()
		fmt.Fprintf(&b, "%s: killed %d times, ended by itself %d times\n", v.name, k, len(exits))
	}
	fmt.Fprintf(&b, "%s; longest time between two kills %v; seed %d\n", s.killed(), r.longest.Round(10*time.Millisecond), s.seed)
	fmt.Fprintf(&b, "after the last call nothing waited after %v; calls whose end nobody saw were over, and stored, after %v\n", r.backlog.Round(100*time.Millisecond), r.drain.Round(100*time.Millisecond))
	t.Logf("\n%s", b.String())
}

func row(w *tabwriter.Writer, name string, kills int, f *figures, declared int, tr *traces) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%s\t\n", name, kills, f.epochs, f.accepted, f.stored, f.missing, f.doubled, declared, f.wrong, f.onDiskOnly,
		tr.played, share(tr.seen, tr.played), tr.sure, share(tr.sure-len(tr.unseen), tr.sure))
}

func share(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

func (t *traces) add(o *traces) {
	t.played += o.played
	t.seen += o.seen
	t.sure += o.sure
	t.unseen = append(t.unseen, o.unseen...)
}

func (f *figures) add(o *figures) {
	f.epochs += o.epochs
	f.accepted += o.accepted
	f.stored += o.stored
	f.missing += o.missing
	f.doubled += o.doubled
	f.wrong += o.wrong
	f.onDiskOnly += o.onDiskOnly
}

// mostFindings are shown one by one.
const mostFindings = 20

// judge fails the test for whatever is not as it must be.
func (s *site) judge(t *testing.T, r *result) {
	t.Helper()
	for i, f := range r.findings {
		if i == mostFindings {
			t.Errorf("and %d more", len(r.findings)-i)
			break
		}
		t.Errorf("%s: %s", f.kind, f.text)
	}
	for i, line := range r.ledger {
		if i == mostFindings {
			t.Errorf("and %d more in the ledger", len(r.ledger)-i)
			break
		}
		t.Errorf("the ledger is not empty: %s", line)
	}
	for _, line := range s.logFaults() {
		t.Error(line)
	}
	s.judgeRun(t, r)
}

// mayMiss is the share of calls that began while the agent ran and are not
// stored all the same: of their reports, some can be lost before it reads them.
const mayMiss = 0.02

// tooLong is a time between two kills after which the killing shows little. It
// is more than is asked for: a machine has other things to do.
const tooLong = 4 * time.Second

// judgeRun fails a test that has shown nothing, and programs that end by themselves.
func (s *site) judgeRun(t *testing.T, r *result) {
	t.Helper()
	for _, n := range s.nodes {
		f, tr := r.figures[n.id], r.traces[n.id]
		switch {
		case f == nil || f.stored == 0 || tr.seen == 0:
			t.Errorf("nothing of %s is stored: this shows nothing", n.id)
		case float64(len(tr.unseen)) > mayMiss*float64(tr.sure):
			t.Errorf("%d of the %d calls that %s saw begin are not stored, such as %s", len(tr.unseen), tr.sure, n.id, tr.unseen[:min(3, len(tr.unseen))])
		}
	}
	for _, v := range s.victims() {
		kills, exits := v.deaths()
		if kills == 0 && s.length >= time.Minute {
			t.Errorf("%s was never killed", v.name)
		}
		if v.group == brokers || v.group == databases {
			continue // not ours: what they do when others die is theirs
		}
		for _, e := range exits {
			t.Errorf("%s ended: %s; see %s", v.name, e, v.log)
		}
	}
	if r.longest > tooLong {
		t.Errorf("there was no kill for %v", r.longest)
	}
}

// String returns the word of a finding.
func (k findingKind) String() string {
	switch k {
	case missing:
		return "missing"
	case doubled:
		return "duplicate"
	case invented:
		return "wrong"
	case forgotten:
		return "lost by the agent"
	}
	return "invalid"
}
