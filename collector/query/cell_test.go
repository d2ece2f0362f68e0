package query

import (
	"encoding/json"
	"os"
	"testing"
)

// TestCellText holds the collector to the table that the pages are held to.
func TestCellText(t *testing.T) {
	b, err := os.ReadFile("../ui/test/cells.json")
	if err != nil {
		t.Fatal(err)
	}
	var cells [][2]string
	if err := json.Unmarshal(b, &cells); err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, c := range cells {
		if got := CellText(c[0]); got != c[1] {
			t.Errorf("%q became %q, want %q", c[0], got, c[1])
		}
		if c[0] != c[1] {
			quoted++
		}
	}
	if quoted < 10 || quoted == len(cells) {
		t.Errorf("%d of %d texts are quoted: the table is not what it was", quoted, len(cells))
	}
}
