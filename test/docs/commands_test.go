package docs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/test/peers"
)

// Programs whose commands are run as they stand on the pages.
var runs = []string{"sipward-agent", "sipward-collector", "curl", "openssl", "install", "read", "make", "grep", "cp", "promtool"}

// elsewhere are commands that are not run here, each with the reason. What is run by
// another test names a file of it, which has to exist.
var elsewhere = []struct{ pattern, reason, file string }{
	{`^(systemctl|journalctl) `, "needs systemd: run on a booted Debian", "test/packages/packages_test.go"},
	{`^apt `, "installs packages: run on a booted Debian", "test/packages/packages_test.go"},
	{`^install (-o root|-D) `, "writes into /etc as root: run on a booted Debian", "test/packages/packages_test.go"},
	{`^(editor|\$EDITOR) `, "is for a person", ""},
	{`^tar -xzf |^cp -r? ?.*sipward-\*|^cp -n |^mkdir -p /etc/sipward|^systemd-sysusers|^sha256sum `, "needs the archive of a release", "scripts/reproduce"},
	{`^setcap `, "changes what a file may do on this machine", ""},
	{`^sipward-agent top`, "needs a terminal: run in tmux", "test/e2e/top_test.go"},
	{`^sipward-agent guard (rules --|bans)`, "changes the machine's firewall: run in a network namespace", "test/e2e/nfqueue_test.go"},
	{`^ssh `, "needs another host", ""},
	{`^chrt |^go test `, "is a measurement, not a check", "agent/guard/authorize/bench_test.go"},
	{`^asterisk -rx |^fs_cli -x |^kamailio -c|^kamcmd `, "is a command of the switch", ""},
	{`^apt-get |^nginx |^psql `, "is a program of others", ""},
	{`^mv |^kill -HUP|^rm |^chown `, "is a program of others", ""},
}

// endless are commands that go on until they are stopped.
var endless = []string{`curl -sSN `}

// others are blocks that are no commands, by how they begin.
var others = []struct{ lang, pattern, what string }{
	{"indented", `^loadmodule "`, "Kamailio"},
	{"indented", `^\[general\]`, "Asterisk"},
	{"indented", `^<param `, "FreeSWITCH"},
	{"indented", `^location / \{`, "nginx"},
	{"indented", `^import hashlib`, "Python"},
	{"indented", `^sum\(`, "an expression for Prometheus"},
	{"indented", `^\{"`, "JSON"},
	{"indented", `^HTTP/1.1 `, "an answer"},
	{"indented", `^X-Sipward-Signature`, "a header"},
	{"indented", `^default-src`, "a header"},
	{"", `(?s).`, "a drawing, or an example that a test of its page compares"},
	{"json", `^\{`, "JSON"},
	{"promql", `(?s).`, "an expression for Prometheus"},
}

var yamlKey = regexp.MustCompile(`^(#.*\n)*[a-z_]+:( |\n|$)`)

// Every block of a page is a command, a snippet of configuration, or known to be else.
func TestCommands(t *testing.T) {
	programs := t.TempDir()
	for name, build := range map[string]func(context.Context, string) (string, error){"agent": peers.BuildAgent, "collector": peers.BuildCollector} {
		at, err := build(t.Context(), programs)
		if err != nil {
			t.Fatal(err)
		}
		if to := filepath.Join(programs, "sipward-"+name); at != to {
			if err := os.Symlink(at, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	pages := readPages(t)
	agent := firstYAML(t, pages[0])
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, programs, agent)
			lines := s.sort(p)
			if slices.ContainsFunc(lines, func(l shown) bool { return strings.Contains(l.line, "sipward-") || strings.Contains(l.line, "curl ") }) {
				s.open()
			}
			for _, l := range lines {
				s.command(l)
			}
			s.spans(p)
		})
	}
}

func firstYAML(t *testing.T, p page) string {
	t.Helper()
	for _, b := range p.blocks {
		if b.lang == "yaml" {
			return b.text()
		}
	}
	t.Fatal("README.md shows no configuration")
	return ""
}

// shown is a command of a page, and what the page says that it prints.
type shown struct{ line, prints string }

// sort parses a page's configurations and returns its commands.
func (s *site) sort(p page) (lines []shown) {
	for _, b := range p.blocks {
		text := b.text()
		switch {
		case slices.ContainsFunc(others, func(o struct{ lang, pattern, what string }) bool {
			return o.lang == b.lang && regexp.MustCompile(o.pattern).MatchString(text)
		}):
		case b.lang == "text" && len(lines) > 0:
			lines[len(lines)-1].prints = text
		case b.lang == "yaml" && strings.Contains(text, "\nscrape_configs:"): // promtool reads it
			s.write("prometheus.yml", s.ports.Replace(text))
		case b.lang == "yaml" && fileName.MatchString(text):
			s.write(fileName.FindStringSubmatch(text)[1], text)
			fallthrough
		case b.lang == "yaml" || b.lang == "indented" && yamlKey.MatchString(text):
			for file := range strings.SplitSeq(text, "\n# /etc/") { // several files in one block
				if i := strings.Index(file, ".yaml\n"); i >= 0 {
					file = file[i+len(".yaml\n"):] // the rest of its name
				}
				if err := parses(file); err != nil {
					s.Errorf("%s:%d: %v", p.name, b.line, err)
				}
			}
		case b.lang == "sh" || b.lang == "indented":
			for _, line := range join(b.lines) {
				lines = append(lines, shown{line: line})
			}
		default:
			s.Errorf("%s:%d: a block of %q, which this test does not know", p.name, b.line, b.lang)
		}
	}
	return lines
}

// fileName is how a configuration says under which name the commands after it read it.
var fileName = regexp.MustCompile(`^# ([a-z]+\.yaml)\n`)

// parses reads a snippet as a configuration of the agent, of the collector, or a table.
func parses(text string) error {
	_, agent := configs.Parse("agent.yaml", []byte(text))
	_, collector := configs.ParseCollector("collector.yaml", []byte(text))
	_, table := configs.ParseTable("table.yaml", []byte(text))
	if agent == nil || collector == nil || table == nil {
		return nil
	}
	return errors.Join(agent, collector)
}

// join makes one of lines that a backslash or an open quotation mark ends.
func join(in []string) (out []string) {
	now := ""
	for _, line := range in {
		now += line
		if strings.HasSuffix(line, "\\") || strings.Count(now, "'")%2 == 1 {
			now += "\n"
			continue
		}
		if now = strings.TrimSpace(now); now != "" && !strings.HasPrefix(now, "#") {
			out = append(out, now)
		}
		now = ""
	}
	return out
}

var assignment = regexp.MustCompile(`^[A-Z]+=\S+$`)

// command runs one line of a page, or finds it among those that are not run.
func (s *site) command(l shown) {
	s.Helper()
	line := l.line
	switch {
	case assignment.MatchString(line):
		s.prelude += s.ports.Replace(line) + "\n"
		return
	case strings.HasPrefix(line, "read "):
		s.do(line, s.token()+"\n")
		return
	}
	for part := range strings.SplitSeq(line, " && ") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "sudo ")
		if skipped(s.T, part) {
			continue
		}
		program, _, _ := strings.Cut(part, " ")
		if !slices.Contains(runs, program) {
			s.Errorf("%s: neither run nor in the list of what is not", line)
			continue
		}
		if _, err := exec.LookPath(program); err != nil && program == "promtool" && os.Getenv("CI") == "" {
			s.Logf("not run: %s: %v", line, err)
			continue
		}
		s.one(program, part, l.prints)
	}
}

var runLine = regexp.MustCompile(`^sipward-(agent|collector) run\b`)

func (s *site) one(program, line, prints string) {
	s.Helper()
	switch {
	case runLine.MatchString(line):
		s.start(runLine.FindStringSubmatch(line)[1], strings.SplitN(line, "#", 2)[0])
	case program == "make":
		s.dry(line)
	case slices.ContainsFunc(endless, func(p string) bool { return strings.HasPrefix(line, p) }):
		ctx, cancel := context.WithTimeout(s.Context(), 3*time.Second)
		defer cancel()
		if out, _ := s.bash(ctx, "exec "+line).Output(); len(out) == 0 {
			s.Errorf("%s: it prints nothing", line)
		}
	default:
		s.before(line)
		if program == "curl" { // an error of HTTP is one of the command
			line = strings.Replace(line, "curl ", "curl --fail-with-body ", 1)
		}
		out := s.do(line, "")
		for want := range strings.Lines(prints) {
			if !strings.Contains(blanks(out), blanks(want)) { // columns are as wide as a path is long
				s.Errorf("%s: it does not print\n%s\nbut\n%s", line, want, out)
			}
		}
	}
}

func blanks(text string) string { return strings.Join(strings.Fields(text), " ") }

// before brings about what a line takes for granted.
func (s *site) before(line string) {
	switch {
	case strings.Contains(line, "node add switch-"):
		name := strings.Fields(line[strings.Index(line, "node add "):])[2]
		for _, file := range []string{name + ".pem", name + ".password"} {
			s.must(errors.Join(os.RemoveAll(s.path(file))))
		}
		if strings.Contains(s.do("sipward-collector node list", ""), name) {
			s.do("sipward-collector node remove "+name, "")
		}
	case strings.Contains(line, "account link ") && strings.Contains(s.do("sipward-collector account list", ""), "no account yet"):
		s.account(strings.Fields(line[strings.Index(line, "account link "):])[2])
	case strings.Contains(line, "blocks export 7"):
		for s.bash(s.Context(), "sipward-collector blocks export 7").Run() != nil && !s.Failed() {
			s.do("sipward-collector blocks assign acme", "")
		}
	}
}

// dry has make say what it would do.
func (s *site) dry(line string) {
	cmd := exec.CommandContext(s.Context(), "bash", "-c", strings.Replace(line, "make", "make -n -s", 1))
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Errorf("%s: %v\n%s", line, err, out)
	}
}

func skipped(t *testing.T, line string) bool {
	t.Helper()
	for _, e := range elsewhere {
		if !regexp.MustCompile(e.pattern).MatchString(line) {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, e.file)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		t.Logf("not run: %s: %s %s", line, e.reason, e.file)
		return true
	}
	return false
}

var (
	span = regexp.MustCompile("`(sipward-(?:agent|collector) [^`]+)`")
	word = regexp.MustCompile(`^[a-z][a-z-]*$`)
	flag = regexp.MustCompile(`^--[a-z-]+`)
)

// spans asks for the help of each command that prose names: it has to exist, with its flags.
func (s *site) spans(p page) {
	for _, m := range span.FindAllStringSubmatch(strings.Join(p.prose, " "), -1) {
		fields := strings.Fields(m[1])
		words := 1
		for words < len(fields) && word.MatchString(fields[words]) && words < 3 {
			words++
		}
		help, err := s.bash(s.Context(), strings.Join(fields[:words], " ")+" --help").CombinedOutput()
		for err != nil && words > 2 { // the last word was an argument
			words--
			help, err = s.bash(s.Context(), strings.Join(fields[:words], " ")+" --help").CombinedOutput()
		}
		if err != nil {
			s.Errorf("%s: `%s`: %v\n%s", p.name, m[1], err, help)
		}
		for _, f := range fields[words:] {
			if f = flag.FindString(f); f != "" && !strings.Contains(string(help), f) {
				s.Errorf("%s: `%s`: there is no flag %s", p.name, m[1], f)
			}
		}
	}
}
