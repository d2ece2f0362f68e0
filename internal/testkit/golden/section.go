package golden

import (
	"os"
	"strings"
	"testing"
)

// Section fails t unless the part of a page that is called name is text: what
// stands between the lines "<!-- generated: name -->" and "<!-- end -->". With -update
// it writes that part of the page.
func Section(t testing.TB, page, name, text string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	first, last := "<!-- generated: "+name+" -->\n\n", "\n<!-- end -->\n"
	before, rest, found := strings.Cut(string(b), first)
	is, after, ended := strings.Cut(rest, last)
	if !found || !ended {
		t.Fatalf("%s has no generated part %s", page, name)
	}
	if *update && is != text {
		if err := os.WriteFile(page, []byte(before+first+text+last+after), 0o644); err != nil { // a page for everybody
			t.Fatal(err)
		}
		return
	}
	if n, a, b := differ(text, is); n > 0 {
		t.Errorf("%s, %s is out of date (make generate): its line %d is\n%q, want\n%q", page, name, n, b, a)
	}
}
