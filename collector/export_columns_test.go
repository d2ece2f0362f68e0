package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// notExported are the fields of a call that have no column, and why.
var notExported = map[string]string{
	"from_caller_dtmf":      "digits may be card numbers, and an export is handed on",
	"from_callee_dtmf":      "digits may be card numbers, and an export is handed on",
	"from_caller_dtmf_info": "digits may be card numbers, and an export is handed on",
	"from_callee_dtmf_info": "digits may be card numbers, and an export is handed on",
}

// TestEveryFieldIsExported sets each field of a call alone, and looks for it in
// the column of its name and nowhere else.
func TestEveryFieldIsExported(t *testing.T) {
	left := maps.Clone(notExported)
	have := map[string]bool{"epoch": true, "seq": true} // of the record's place
	without := exportedCall(t, heard())
	fields(heard().ProtoReflect(), "", func(name string, set func(protoreflect.Message)) {
		call := heard()
		set(call.ProtoReflect())
		with := exportedCall(t, call)
		_, is := with[name]
		have[name] = is
		switch why := left[name]; {
		case why != "" && is:
			t.Errorf("%s is exported: %s", name, why)
		case why == "" && !is:
			t.Errorf("%s has no column, and no reason to have none", name)
		case is && with[name] == without[name]:
			t.Errorf("%s is %q whatever it is", name, with[name])
		}
		delete(left, name)
		for column, v := range with {
			if column != name && v != without[column] {
				t.Errorf("%s shows in column %s", name, column)
			}
		}
	})
	for column := range without {
		if !have[column] {
			t.Errorf("column %s is of no field", column)
		}
	}
	if len(without) != len(callColumns) {
		t.Errorf("%d columns have %d names", len(callColumns), len(without))
	}
	if len(left) > 0 {
		t.Errorf("left out, and in no record: %v", left)
	}
}

// What is not there is blank and not 0.
func TestBlankCells(t *testing.T) {
	row := exportedCall(t, new(record.Call))
	for _, name := range []string{"sip_status", "q850_cause", "pdd_ms", "ringing", "answered_at", "opened_epoch", "from_caller_mos", "from_callee_jitter_ms"} {
		if row[name] != "" {
			t.Errorf("%s is %q", name, row[name])
		}
	}
	if row = exportedCall(t, heard()); row["from_caller_jitter_ms"] != "0" || row["from_caller_mos"] != "" {
		t.Errorf("jitter %q, MOS %q", row["from_caller_jitter_ms"], row["from_caller_mos"])
	}
}

// heard is a call of which both sides sent a packet: without one, there is
// no jitter.
func heard() *record.Call {
	return &record.Call{FromCaller: &record.Side{RtpPackets: 1}, FromCallee: &record.Side{RtpPackets: 1}}
}

// exportedCall is a row of CSV by the names of its columns.
func exportedCall(t *testing.T, call *record.Call) map[string]string {
	t.Helper()
	var out bytes.Buffer
	w := newRowWriter(&out, "csv", false, callColumns)
	row := &callRow{&query.CallRow{Key: query.Key{Node: call.GetNode()}, CountedUnixMs: call.GetCountedUnixMs()}, call}
	if err := errors.Join(w.head(), w.row(row), w.flush()); err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	byName := make(map[string]string)
	for i, name := range all[0] {
		byName[name] = all[1][i]
	}
	return byName
}

// fields visits the fields of a call and of its sides, by the names of their
// columns; set gives one a value.
func fields(of protoreflect.Message, prefix string, visit func(name string, set func(protoreflect.Message))) {
	list := of.Descriptor().Fields()
	for i := range list.Len() {
		f := list.Get(i)
		if f.Message() != nil && !f.IsList() {
			fields(of.NewField(f).Message(), prefix+string(f.Name())+"_", func(name string, set func(protoreflect.Message)) {
				visit(name, func(m protoreflect.Message) { set(m.Mutable(f).Message()) })
			})
			continue
		}
		name := string(f.Name())
		if name == "answered_unix_ms" {
			name = "answered_at" // answered says whether
		}
		visit(prefix+strings.TrimSuffix(name, "_unix_ms"), func(m protoreflect.Message) { setAny(m, f) })
	}
}

func setAny(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsList():
		m.Mutable(f).List().AppendMutable()
	case f.Kind() == protoreflect.BoolKind:
		m.Set(f, protoreflect.ValueOfBool(true))
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString("x"))
	case f.Kind() == protoreflect.Int64Kind:
		m.Set(f, protoreflect.ValueOfInt64(7))
	case f.Kind() == protoreflect.Uint32Kind:
		m.Set(f, protoreflect.ValueOfUint32(7))
	case f.Kind() == protoreflect.Uint64Kind, f.Kind() == protoreflect.Fixed64Kind:
		m.Set(f, protoreflect.ValueOfUint64(7))
	case f.Kind() == protoreflect.DoubleKind:
		m.Set(f, protoreflect.ValueOfFloat64(7))
	default:
		panic("no value for a field of kind " + f.Kind().String())
	}
}
