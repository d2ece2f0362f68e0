package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the module, seen from this package.
const root = "../.."

// block is a piece of a page that is no prose.
type block struct {
	line  int    // of its first line, from 1
	lang  string // of a fence; "indented" without one
	lines []string
}

func (b *block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// page is one file of the documentation.
type page struct {
	name, text string
	blocks     []block
	prose      []string // lines outside of blocks
}

// readPages returns README.md and all of docs.
func readPages(t *testing.T) []page {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(names) < 10 {
		t.Fatalf("%d pages in docs: %v", len(names), err)
	}
	var out []page
	for _, name := range append([]string{filepath.Join(root, "README.md")}, names...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		p := page{name: short, text: string(text)}
		p.split()
		out = append(out, p)
	}
	return out
}

// split finds fenced blocks, and those that four blanks indent after an empty line.
func (p *page) split() {
	var now *block
	fenced, empty := false, true
	for i, line := range strings.Split(p.text, "\n") {
		switch fence := strings.HasPrefix(line, "```"); {
		case fence && !fenced:
			p.blocks = append(p.blocks, block{line: i + 2, lang: strings.TrimPrefix(line, "```")})
			now, fenced = &p.blocks[len(p.blocks)-1], true
		case fence:
			now, fenced = nil, false
		case fenced:
			now.lines = append(now.lines, line)
		case strings.HasPrefix(line, "    ") && (now != nil || empty):
			if now == nil {
				p.blocks = append(p.blocks, block{line: i + 1, lang: "indented"})
				now = &p.blocks[len(p.blocks)-1]
			}
			now.lines = append(now.lines, line[4:])
		case line == "" && now != nil:
			now.lines = append(now.lines, line)
		default:
			now = nil
			p.prose = append(p.prose, line)
		}
		empty = line == ""
	}
}

// Links lead to files that exist, and to headings that they have.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	seen := 0
	for _, p := range readPages(t) {
		for _, m := range link.FindAllStringSubmatch(strings.Join(p.prose, "\n"), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			seen++
			at := filepath.Join(root, p.name)
			if file != "" {
				at = filepath.Join(filepath.Dir(at), file)
			}
			text, err := os.ReadFile(at)
			if info, dir := os.Stat(at); dir == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: (%s): %v", p.name, m[1], err)
			} else if anchor != "" && !headings(string(text))[anchor] {
				t.Errorf("%s: (%s): there is no such heading", p.name, m[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links were found", seen)
	}
}

// Every page is reached from the index.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range readPages(t) {
		if name := filepath.Base(p.name); filepath.Dir(p.name) == "docs" && name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}

// The lines that operations.md has for Kamailio are those with which the tests run it: a
// module that lacks one does not let it start.
func TestKamailioLines(t *testing.T) {
	config, err := os.ReadFile(filepath.Join(root, "test", "peers", "registrar.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	siptrace := func(text string) (out []string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); strings.Contains(line, `"siptrace`) && !strings.Contains(line, "send_sock_addr") {
				out = append(out, strings.Replace(line, "{{.HEP}}", "127.0.0.1:9060", 1))
			}
		}
		slices.Sort(out)
		return out
	}
	for _, p := range readPages(t) {
		if filepath.Base(p.name) != "operations.md" {
			continue
		}
		want, got := siptrace(string(config)), siptrace(p.text)
		if len(want) < 5 || !slices.Equal(got, want) {
			t.Errorf("the page has\n%s\nand Kamailio is run with\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// headings are the anchors of a page, as forges make them.
func headings(text string) map[string]bool {
	out := map[string]bool{}
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(text) {
		if level := strings.TrimLeft(line, "#"); level != line && strings.HasPrefix(level, " ") {
			out[strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(level)), ""), " ", "-")] = true
		}
	}
	return out
}
