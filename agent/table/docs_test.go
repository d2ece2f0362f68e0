package table

import (
	"os"
	"strings"
	"testing"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// TestProtocolPage: the table that docs/protocol.md shows is verified by the key
// beside it, and is what the collector would write.
func TestProtocolPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	example := func(name string) []byte {
		_, rest, ok := strings.Cut(string(page), "<!-- example "+name+" -->\n```\n")
		shown, _, ok2 := strings.Cut(rest, "```\n")
		if !ok || !ok2 {
			t.Fatalf("the page has no example %s", name)
		}
		return []byte(shown)
	}
	keys, err := seal.DecodePublic(example("key"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := seal.Open(example("table"), keys)
	if err != nil {
		t.Fatal(err)
	}
	x, err := configs.ParseTable("docs/protocol.md", text)
	if err != nil || string(x.Text()) != string(text) || x.Version != 7 {
		t.Errorf("%v, %+v", err, x)
	}
}
