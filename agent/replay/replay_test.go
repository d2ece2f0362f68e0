package replay

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/agent/pipeline"
	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/testkit"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/party"
)

// frames is a Reader of what testkit plays.
type frames struct {
	list []packet.Frame
	end  error
}

func (r *frames) Next(f *packet.Frame) error {
	if len(r.list) == 0 {
		return r.end
	}
	*f, r.list = r.list[0], r.list[1:]
	return nil
}

func play(t *testing.T, plan testkit.Plan) (*frames, *testkit.Expected) {
	t.Helper()
	plan, err := plan.Fill()
	if err != nil {
		t.Fatal(err)
	}
	r := &frames{end: io.EOF}
	want, err := testkit.Generate(plan, testkit.FrameFunc(func(f *packet.Frame) error {
		c := *f
		c.Data = slices.Clone(f.Data)
		r.list = append(r.list, c)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return r, want
}

func config(t *testing.T) Config {
	t.Helper()
	book, err := party.NewBook(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Pipeline: pipeline.Config{Book: book}}
}

func TestReplay(t *testing.T) {
	in, want := play(t, testkit.Plan{Calls: 20, Start: time.Unix(1_700_000_000, 0), RTP: true, Digits: 4})
	packets := len(in.list)
	cfg := config(t)
	finished := 0
	cfg.Pipeline.Finished = func(_ *dialog.Leg, _ *counters.MediaResult, book *party.Book) {
		if book != cfg.Pipeline.Book {
			t.Error("another book")
		}
		finished++
	}
	r := New(cfg)
	looks := 0
	if err := r.Read(in, func() { looks++ }); err != nil {
		t.Fatal(err)
	}
	got := r.Result("made up")
	if got.Packets != uint64(packets) || got.Calls.Total != want.CallIDs.Total || got.Calls.Answered != want.CallIDs.Answered ||
		finished < want.CallIDs.Total || looks == 0 || got.Duration <= 0 || got.RTP.Streams == 0 {
		t.Errorf("%d packets, %+v, %d finished, %d looks: want %+v", got.Packets, got.Calls, finished, looks, want.CallIDs)
	}
	digits := 0
	for _, d := range got.DTMF {
		if d.Digits != nil || d.Count == nil || d.CallID == "" {
			t.Fatalf("digits shown unasked: %+v", d)
		}
		digits += *d.Count
	}
	if digits == 0 || digits < want.DigitCount {
		t.Errorf("%d digits, want %d", digits, want.DigitCount)
	}
	var table strings.Builder
	if err := got.WriteTable(&table); err != nil || !strings.Contains(table.String(), "made up") || strings.Count(table.String(), "DTMF") != len(got.DTMF) {
		t.Errorf("%v, %s", err, &table)
	}
}

// An empty capture has lists and maps, not null.
func TestNothing(t *testing.T) {
	r := New(config(t))
	if err := r.Read(&frames{end: io.EOF}, func() {}); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r.Result("empty"))
	if err != nil || strings.Contains(string(b), "null") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("disk on fire")
	if err := New(config(t)).Read(&frames{end: broken}, func() {}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
