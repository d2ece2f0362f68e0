package top

import (
	"os"
	"strings"
	"testing"

	"github.com/sipward/sipward/agent/admin"
)

// TestDocs: docs/top.md explains every column, in a row of its own or with others.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/top.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for l := range strings.Lines(string(page)) {
		if cells := strings.Split(l, "|"); len(cells) == 4 {
			for title := range strings.SplitSeq(cells[1], ",") {
				explained[strings.TrimSpace(title)] = true
			}
		}
	}
	for _, by := range []string{admin.ByCustomers, admin.ByCarriers} {
		titles := []string{}
		for _, c := range newParties(by, &fancy).columns[1:] {
			titles = append(titles, c.title)
		}
		for _, c := range newCalls(by, &fancy).columns {
			titles = append(titles, c.title)
		}
		for _, title := range titles {
			if !explained[title] {
				t.Errorf("docs/top.md does not explain %s", title)
			}
		}
	}
}
