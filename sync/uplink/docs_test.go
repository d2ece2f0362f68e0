package uplink

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/sync/record"
)

var update = flag.Bool("update", false, "write the examples into docs/protocol.md")

const page = "../../docs/protocol.md"

// examples are the messages that docs/protocol.md shows.
func examples(t *testing.T) map[string][]byte {
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const epoch = 0x0123456789abcdef
	var body []byte
	for _, r := range []*record.Record{
		{Call: &record.Call{Node: "sw1", Kind: "call", CallId: "a84b4c76", Customer: "acme", Answered: true, DurationMs: 61_250}},
		{Loss: &record.Loss{Epoch: epoch, Stream: 2, First: 7, Last: 9, Count: 3, Reason: record.LossShed}},
	} {
		body = record.AppendToBody(body, must(record.Encode(r)))
	}
	batch := append(make([]byte, record.HeaderSize), body...)
	h := record.Header{Version: record.Version, Codec: record.Plain, Stream: record.Calls, Epoch: epoch, First: 41, Count: 2,
		BodySize: uint32(len(body)), SentUnixMs: 1_700_000_000_000}
	h.Seal(batch)
	return map[string][]byte{
		"batch": batch,
		"hello": must(record.EncodeMessage(&record.Hello{Version: 1, Epoch: epoch, Program: "1.0", SentUnixMs: 1_700_000_000_000,
			Held: []*record.Held{{Epoch: epoch, Stream: 1, First: 41, Last: 42}}, Released: []*record.Held{{Epoch: epoch, Stream: 1, First: 1, Last: 30}}, StoreId: "7c0f"})),
		"ack": must(record.EncodeMessage(&record.Ack{Version: 1, StoreId: "7c0f", CreditBytes: 1_000_000, SentUnixMs: 1_700_000_000_012, HelloUnixMs: 1_700_000_000_000,
			Cursors: []*record.Cursor{{Epoch: epoch, Stream: 1, Contiguous: 40}, {Epoch: epoch, Stream: 2}}})),
	}
}

func dump(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); i += 16 {
		row := b[i:min(i+16, len(b))]
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, latin(row))
		fmt.Fprintf(&s, "%04x  %-47s  %s\n", i, fmt.Sprintf("% x", row), text)
	}
	return s.String()
}

// latin makes one character of each byte.
func latin(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// undump reads what a reader would copy from the page.
func undump(t *testing.T, s string) []byte {
	var out []byte
	for line := range strings.Lines(s) {
		if at, err := strconv.ParseUint(line[:4], 16, 32); err != nil || int(at) != len(out) {
			t.Fatalf("offset %q after %d bytes", line[:4], len(out))
		}
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line[6:min(53, len(line))]), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// TestProtocolPage: the dumps of docs/protocol.md are what the code makes, and
// are read by it.
func TestProtocolPage(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for name, want := range examples(t) {
		before, rest, ok := strings.Cut(text, "<!-- example "+name+" -->\n```\n")
		shown, after, ok2 := strings.Cut(rest, "```\n")
		if !ok || !ok2 {
			t.Fatalf("the page has no example %s", name)
		}
		if *update {
			text = before + "<!-- example " + name + " -->\n```\n" + dump(want) + "```\n" + after
			continue
		}
		got := undump(t, shown)
		if diff := cmp.Diff(dump(want), shown); diff != "" {
			t.Errorf("%s: the page (+) and the code (-) differ; see -update:\n%s", name, diff)
		}
		readExample(t, name, got)
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil { // a page for everybody
			t.Fatal(err)
		}
	}
}

func readExample(t *testing.T, name string, b []byte) {
	t.Helper()
	switch name {
	case "batch":
		h, packed, err := record.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.DecodeBody("sw1", &h, packed)
		if err != nil || got.Range() != (record.Range{First: 41, Last: 42}) || got.Records[0].GetCall().GetDurationMs() != 61_250 || got.Records[1].GetLoss().GetReason() != "shed" {
			t.Errorf("batch: %v %+v", err, got)
		}
	case "hello":
		if h, err := record.DecodeHello(b); err != nil || h.GetHeld()[0].GetLast() != 42 || h.GetReleased()[0].GetLast() != 30 {
			t.Errorf("hello: %v %v", err, h)
		}
	case "ack":
		if a, err := record.DecodeAck(b); err != nil || a.GetCursors()[0].GetContiguous() != 40 || a.GetCreditBytes() != 1_000_000 {
			t.Errorf("ack: %v %v", err, a)
		}
	}
}
