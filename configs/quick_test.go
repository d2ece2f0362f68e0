package configs

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares what the two readers make of a text, if quick does not give up.
func same(t *testing.T, text string) (taken bool) {
	t.Helper()
	got, ok := quick(text)
	if !ok {
		return false
	}
	d := &decoder{name: "f"}
	if !d.readYAML([]byte(text)) {
		t.Errorf("quick reads what is an error: %v\n%s", d.errs, text)
		return true
	}
	nowhere(&got)
	nowhere(&d.root)
	if diff := cmp.Diff(d.root, got, cmp.AllowUnexported(node{}, pair{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("quick (+) and the library (-) differ:\n%s\n%s", diff, text)
	}
	return true
}

// nowhere takes the lines of what is nothing away: no message names them.
func nowhere(n *node) {
	if n.kind == null {
		n.line = 0
	}
	for i := range n.items {
		nowhere(&n.items[i])
	}
	for i := range n.pairs {
		nowhere(&n.pairs[i].value)
	}
}

// quickTexts are read by quick, or given up.
var quickTexts = []struct {
	text  string
	taken bool
}{
	{"", true},
	{"# only a comment\n\n", true},
	{"node: sw1", true},
	{"a:\nb:\n", true},
	{"a:\n  b: 1\n  c: 2\nd: x\n", true},
	{"a:\n- b: 1\n  c: 2\n- d: 3\n", true},
	{"a:\n  - b: 1\n    c: 2\n  - d: 3\nb:\n", true},
	{"a:\n  - b:\n      - c: 0100\n        d: \"0199\"\n    e: x\n", true},
	{"a:\n  - b:\n    - c: 1\n    - c: 2\n    e: x\n", true},
	{"a:\n  - x\n  - 'y z'\n  - \"u # v\"\n", true},
	{"a: [b, 'c', \"d e\", 192.0.2.0/24, \"2001:db8::1\"]", true},
	{"a: []\nb: {}\nc: [ ]\nd: { }", true},
	{"a: [{first: 1000, last: 1999}, {first: 0100, last: 0199}]", true},
	{"a: {first: 1000, last: 1999}", true},
	{"a:\n  # said of b\n  b: c\n# of d\nd: e", true},
	{"a:  b  \n", true},
	{"- a\n- b\n", true},
	{"- a: 1\n- b: 2\n", true},
	{"a: 1e3\nb: 0x10\nc: 0o17\nd: 1_000\ne: 1.50\nf: true\ng: 2026-01-31", true},
	{"a: ''\nb: \"\"\n", true},
	{"a: 2026-01-31T12:00:00Z\nb: 1:2\n", true},
	{"a:\n- 12:30\n- 1:20\n", true},

	{"a: b\na: c", false},
	{"a: b # c", false},
	{"a: null", false},
	{"a: ~", false},
	{"a: b c", false},
	{"a: 2001:db8::1", false},
	{"a: 12:", false},
	{"a: \"x\\ty\"", false},
	{"a: 'it''s'", false},
	{"a: &x b", false},
	{"a: !!str b", false},
	{"a: |\n  b\n", false},
	{"a: b\n  c\n", false},
	{"a:\n    b: 1\n  c: 2\n", false},
	{"a: [b,\n  c]", false},
	{"a: [b,c]", false},
	{"a:b", false},
	{"a: b: c", false},
	{"- - a\n", false},
	{"-\n  a: 1\n", false},
	{"---\na: b", false},
	{"a: b\r\n", false},
	{"\ta: b", false},
	{"a: ü", false},
	{"A: b", false},
	{"? a", false},
	{"a: {b: c", false},
	{"a: }", false},
	{"a: -1", false},
	{"a: .5", false},
}

// TestQuick: the quick reader reads what tables look like, and gives up in time.
func TestQuick(t *testing.T) {
	for _, tt := range quickTexts {
		if taken := same(t, tt.text); taken != tt.taken {
			t.Errorf("taken is %v: %q", taken, tt.text)
		}
	}
	for name, text := range map[string]string{"agent.yaml": reference(t), "examples": example.ReplaceAllString(reference(t), "$1$2"), "collector.yaml": collectorReference(t)} {
		if same(t, text); t.Failed() {
			t.Fatal(name)
		}
	}
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	if same(t, "a: "+deep) || !same(t, "a: "+deep[1:17]) {
		t.Error("depth")
	}
}

// TestQuickAtRandom puts lines together that look like YAML, most of them with
// indents that do not fit.
func TestQuickAtRandom(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	scalar := func() string {
		return pick("x", "0100", "1e3", "0x1F", "1_0", "true", "no", "y", "10.0.0.0/8", "a.b-c", "1.2.3", "1:2", `"2001:db8::/32"`, `'q r'`, `""`, `" s "`, `"#"`, "'a: b'", "Null", "nULL", "1.", "0b1", "+1", "12e", "\"a'b\"")
	}
	value := func() string {
		switch r.IntN(8) {
		case 0:
			return "[" + scalar() + ", " + scalar() + pick("]", " ]", "] ", "]]", "")
		case 1:
			return "{first: " + scalar() + pick(", ", ",  ", ",", " ,", "}") + "last: " + scalar() + "}"
		case 2:
			return pick("[]", "{}", "[ ]", "[[], {}]", "[{a: [b]}, c]", "[a, ]", "[, a]")
		case 3:
			return ""
		}
		return scalar() + pick("", "", "", " ", " # note", ":", ",")
	}
	taken := 0
	for range 6000 {
		var text strings.Builder
		for range 1 + r.IntN(7) {
			text.WriteString(pick("", "", "  ", "  ", "    ", "    ", "      ", " ", "   "))
			text.WriteString(pick("", "", "", "- ", "- ", "-  ", "-", "#", "- - "))
			text.WriteString(pick("a:", "b:", "c: ", "d: ", "e: ", "first: ", "a_b:  ", "", "", "A: ") + value() + "\n")
		}
		if same(t, text.String()) {
			taken++
		}
		if t.Failed() {
			return
		}
	}
	if taken < 300 {
		t.Errorf("only %d texts were taken", taken)
	}
}

func FuzzQuick(f *testing.F) {
	for _, tt := range quickTexts {
		f.Add(tt.text)
	}
	b, err := os.ReadFile("agent.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example.ReplaceAllString(string(b), "$1$2"))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			t.Skip("deep nesting takes the square of its length")
		}
		same(t, text)
	})
}
