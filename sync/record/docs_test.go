package record

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

// TestDocs: docs/records.md describes every field, and nothing else.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	described, fields := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if key, ok := strings.CutPrefix(line, "| `"); ok {
			key, _, _ = strings.Cut(key, "`")
			described[key] = true
		}
	}
	for _, of := range []proto.Message{new(Call), new(Side), new(Attempt)} {
		list := of.ProtoReflect().Descriptor().Fields()
		for i := range list.Len() {
			fields[string(list.Get(i).Name())] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(described))); diff != "" {
		t.Errorf("docs/records.md (+) and the records (-) differ:\n%s", diff)
	}
}
