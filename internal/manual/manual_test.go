package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

type line struct {
	Show struct {
		Files []string `arg:"" help:"What is shown."`
		Color string   `enum:"auto,always,never" default:"auto" help:"When to color: it's [yours]."`
		Long  bool     `short:"l" help:"More of it."`
	} `cmd:"" help:"Show files. All of them."`
	Key struct {
		Dir string `help:"Where keys are."`
		Add struct {
			Kind string `arg:"" enum:"rsa,ed25519" help:"Its kind."`
		} `cmd:"" help:"Add a key."`
		List   struct{} `cmd:"" help:"List the keys."`
		Hidden struct{} `cmd:"" hidden:"" help:"Not to be seen."`
	} `cmd:"" help:"Handle keys."`
	Secret string `hidden:"" help:"Not to be seen either."`
}

func app(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&line{}, kong.Name("some-thing"), kong.Description("Does things.\n\n  some-thing show x   as -this\n\nAnd more."))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model
}

func TestPage(t *testing.T) {
	page := Page(app(t), About{Version: "v1", Date: "2026-01-02", Config: "/etc/x.yaml", SeeAlso: []string{"a.yaml(5)", "b(1)"}})
	for _, want := range []string{
		`.TH "SOME\-THING" "1" "2026\-01\-02" "some\-thing v1"`, `some-thing \- does things`,
		".nf\nsome\\-thing show x   as \\-this\n.fi", `.SS "show"`, `.SS "key add"`, `.SS "key list"`,
		`\fB\-l\fR, \fB\-\-long\fR`, `\fB\-\-color\fR=\fIauto\fR`, "One of: auto, always, never.", "/etc/x.yaml", ".BR b (1)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "Not to be seen") {
		t.Error("what is hidden is shown")
	}
	readable(t, page)
}

// readable holds a page to what man itself warns of.
func readable(t *testing.T, page string) {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		t.Log("groff is not there: nobody else read the page")
		return
	}
	cmd := exec.Command("groff", "-man", "-ww", "-z", "-K", "utf8")
	cmd.Stdin = strings.NewReader(page)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("%v: %s\n%s", err, said, page)
	}
}

func TestKeys(t *testing.T) {
	const reference = "# The file.\n\n# Who.\n#node: x-1\n\n# Where.\na:\n  # B is\n  # b.\n  b: [1]\n  #list:\n    # Its id.\n    #- id: one\n      #size: 3\n    #- id: two\n      #port: 5\nempty:\n"
	want := []Key{
		{"node", "x-1", "Who.", true}, {"a", "", "Where.", false}, {"a.b", "[1]", "B is\nb.", false}, {"a.list", "", "", true},
		{"a.list[].id", "one", "Its id.", true}, {"a.list[].size", "3", "", true}, {"a.list[].port", "5", "", true}, {"empty", "", "", false},
	}
	if diff := cmp.Diff(want, Keys(reference)); diff != "" {
		t.Error(diff)
	}
}

// The reference files are read whole: every line with a key is found, and every
// one of their keys has a text.
func TestReferences(t *testing.T) {
	key := regexp.MustCompile(`^ *#?(- )?[a-z_]+:`)
	for _, program := range []string{"agent", "collector"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "configs", program+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		lines, names := 0, map[string]bool{}
		for l := range strings.SplitSeq(string(text), "\n") {
			if key.MatchString(l) {
				lines++
				names[strings.Trim(strings.SplitN(l, ":", 2)[0], " #-")] = true
			}
		}
		keys := Keys(string(text))
		for _, k := range keys {
			delete(names, k.Path[strings.LastIndexAny(k.Path, ".]")+1:])
		}
		if len(keys) < 20 || len(keys) > lines || len(names) > 0 {
			t.Errorf("%s: %d keys of %d lines; missing %v", program, len(keys), lines, names)
		}
		page := ConfigPage("sipward-"+program, "/etc/x", string(text), About{Version: "v1", Date: "2026-01-02"})
		for _, k := range keys {
			if !strings.Contains(page, `\fB`+escape(k.Path)+`\fR`) {
				t.Errorf("%s: %s is not on the page", program, k.Path)
			}
			if k.Text == "" && k.Value == "" {
				t.Errorf("%s: no text says what the keys of %s are about", program, k.Path)
			}
		}
		if strings.Contains(page, ".PP\nAs above.") {
			t.Errorf("%s: a text does not stand below its key:\n%s", program, page)
		}
		readable(t, page)
	}
}

func script(t *testing.T, shell string) string {
	t.Helper()
	s, err := Completion(app(t), shell)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s, "hidden") || strings.Contains(s, "secret") {
		t.Errorf("%s: what is hidden is offered", shell)
	}
	return s
}

func TestUnknownShell(t *testing.T) {
	if _, err := Completion(app(t), "csh"); err == nil {
		t.Error("no error")
	}
}

// Bash itself is asked what it would offer.
func TestBash(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "completion")
	if err := os.WriteFile(file, []byte(script(t, "bash")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"some-thing ":                   "show key",
		"some-thing k":                  "key",
		"some-thing key ":               "add list",
		"some-thing key a":              "add",
		"some-thing key add ":           "rsa ed25519",
		"some-thing key add --":         "--dir --help",
		"some-thing key --dir x add e":  "ed25519",
		"some-thing show --color ":      "auto always never",
		"some-thing show --color al":    "always",
		"some-thing show f":             "f1",
		"some-thing show --":            "--color --long --help",
		"some-thing key --dir f":        "f1",
		"some-thing show --color never": "never",
	} {
		cmd := exec.Command("bash", "-c", `source "$1"; read -ra COMP_WORDS <<<"$2"; [[ $2 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _some_thing; echo "${COMPREPLY[*]}"`, "bash", file, words)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", words, got, err, want)
		}
	}
}

// The other shells may be missing: then it is only seen that everything is there.
func TestOtherShells(t *testing.T) {
	for shell, wants := range map[string][]string{
		"zsh": {"#compdef some-thing", "'show:Show files'", "'--color=[When to color\\: it'\\''s (yours)]:color:(auto always never)'", "'-l[More of it]'",
			"'*:files:_files'", "'1:kind:(rsa ed25519)'", "add) _some-thing_key_add ;;"},
		"fish": {"'__some_thing_at' -f -a show -d 'Show files'", "'__some_thing_at show' -l color -x -a 'auto always never'",
			"'__some_thing_at show' -l long -s l", "'__some_thing_at key add' -l dir -r", "'__some_thing_at key add' -f -a 'rsa ed25519'"},
	} {
		s := script(t, shell)
		for _, want := range wants {
			if !strings.Contains(s, want) {
				t.Errorf("%s: missing %q in\n%s", shell, want, s)
			}
		}
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(s)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", shell, err, said)
			}
		}
	}
}
