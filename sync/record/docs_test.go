package record

import (
	"maps"
	"os"
	"reflect"
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

// TestProtocolPage: docs/protocol.md names every key of the JSON that nodes
// write, and its examples are read.
func TestProtocolPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []any{State{}, SpoolState{}, TableState{}, GuardState{}, Live{}, LiveParty{}, Question{}, Answer{}, Binding{}, LiveCall{}} {
		typ := reflect.TypeOf(of)
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), `"`+key+`"`) {
				t.Errorf("docs/protocol.md does not name %s of %s", key, typ.Name())
			}
		}
	}
	example := func(name string) []byte {
		_, rest, _ := strings.Cut(string(page), "<!-- example "+name+" -->\n```json\n")
		shown, _, _ := strings.Cut(rest, "```\n")
		return []byte(shown)
	}
	if q, err := DecodeQuestion(example("question")); err != nil || q.Last != "1999" || q.Limit != 100 {
		t.Errorf("%+v, %v", q, err)
	}
	if a, err := DecodeAnswer(example("answer")); err != nil || len(a.Bindings) != 1 || a.Bindings[0].ExpiresUnixMs != 1_700_003_600_000 {
		t.Errorf("%+v, %v", a, err)
	}
}
