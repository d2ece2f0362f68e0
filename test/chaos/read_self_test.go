package chaos

import (
	"strings"
	"testing"
)

const madeDump = `{"epoch":"00000000000000ff","stream":"calls","seq":1,"kind":"call","record":{"node":"a","kind":"call","call_id":"x@y","customer":"acme","answered":true,"duration_ms":1500,"invited_unix_ms":1000,"answered_unix_ms":2000,"ended_unix_ms":3500,"counted_unix_ms":3500,"pdd_ms":900,"opened_epoch":18446744073709551615,"leg_id":7,"attempts":[{"carrier":"telco","answered_unix_ms":2000}]}}
{"epoch":"00000000000000ff","stream":"calls","seq":2,"kind":"hour_mark","record":{"hour_unix_s":3600}}
{"epoch":"00000000000000ff","stream":"telemetry","seq":1,"kind":"minute","record":{"minute_unix_s":60,"kind":"customer","party":"acme"}}
`

const madeExport = `{"node":"a","epoch":"00000000000000ff","seq":1,"counted":"1970-01-01T00:00:03.500Z","kind":"call","customer":"acme","invited":"1970-01-01T00:00:01.000Z","ringing":null,"answered_at":"1970-01-01T00:00:02.000Z","ended":"1970-01-01T00:00:03.500Z","answered":true,"duration_ms":1500,"pdd_ms":900,"attempts":1,"call_id":"x@y"}
`

// TestReadDump also shows that both programs' ways to say the same are told to
// be the same.
func TestReadDump(t *testing.T) {
	got, err := readDump("a", strings.NewReader(madeDump))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].epoch != 255 || got[0].callID != "x@y" || got[0].call != (call{"a", 1<<64 - 1, 7}) || got[1].kind != kindMark || got[2].minute == "" {
		t.Fatalf("read %+v", got)
	}
	exported, err := readExport(strings.NewReader(madeExport))
	if err != nil {
		t.Fatal(err)
	}
	if len(exported) != 1 {
		t.Fatalf("read %+v", exported)
	}
	check(t, compareFacts(got, exported), nil)
	if have := exported[got[0].key]; have.CallID != "x@y" || have.PddMs != 900 || have.EndedMs != 3500 {
		t.Errorf("exported %+v", have)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"no JSON", `{"epoch":"x","stream":"calls","seq":1,"kind":"call"}`, `{"epoch":"1","stream":"calls","seq":1,"kind":"news"}`} {
		if got, err := readDump("a", strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
	if _, err := readExport(strings.NewReader(madeExport + madeExport)); err == nil {
		t.Error("a call that is exported twice was not noticed")
	}
}

func TestCallID(t *testing.T) {
	message := []byte("INVITE sip:1@2 SIP/2.0\r\nVia: x\r\nCall-ID: 5-1-ab@customer\r\nCSeq: 1 INVITE\r\n\r\n")
	if got := callID(message); got != "5-1-ab@customer" {
		t.Errorf("read %q", got)
	}
	if got := callID([]byte("INVITE sip:1@2 SIP/2.0\r\n\r\n")); got != "" {
		t.Errorf("read %q where there is none", got)
	}
}
