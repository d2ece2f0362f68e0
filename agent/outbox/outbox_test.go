package outbox

import (
	"testing"
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/dtmf"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
	"github.com/sipward/sipward/sync/record"
)

// disk is a spool that keeps everything in memory.
type disk struct {
	records [3][]*record.Record // by stream
	open    map[uint64][]byte
	held    []record.Holding
}

func (d *disk) Add(st record.Stream, encoded []byte) bool {
	r, err := record.Decode(encoded)
	if err != nil {
		panic(err)
	}
	d.records[st] = append(d.records[st], r)
	return true
}
func (d *disk) AddCall(id uint64, encoded []byte) bool {
	d.DropOpen(id)
	return d.Add(record.Calls, encoded)
}
func (d *disk) SaveOpen(id uint64, state []byte) { d.open[id] = state } // kept, as the spool does
func (d *disk) DropOpen(id uint64)               { delete(d.open, id) }
func (d *disk) Epoch() uint64                    { return 7 }
func (d *disk) Held() []record.Holding           { return d.held }

func book(t *testing.T) *party.Book {
	t.Helper()
	b, err := party.NewBook([]party.Entry{{Name: "acme", Kind: party.Customer}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const hour = 3600

// TestOutbox: a call is recorded under its end, an hour is closed after it, with
// what earlier runs still owe, and the next run knows which hour was the last.
func TestOutbox(t *testing.T) {
	d := &disk{open: map[uint64][]byte{}, held: []record.Holding{
		{Epoch: 5, Stream: record.Calls, Unacked: record.Ranges{{First: 3, Last: 6}, {First: 12, Last: 12}}, Kept: record.Ranges{{First: 7, Last: 9}}, Gone: record.Ranges{{First: 1, Last: 2}}},
		{Epoch: 5, Stream: record.Telemetry, Unacked: record.Ranges{{First: 1, Last: 4}}},
		{Epoch: 7, Stream: record.Calls, Unacked: record.Ranges{{First: 1, Last: 1}}},
	}}
	o := New(Config{Node: "sw1", Digits: dtmf.Count, Settle: 4 * time.Second}, d)
	const start = 500_000 * hour
	at := func(s int64) int64 { return (start + s) * int64(time.Second) }
	o.Ticked(at(hour - 10))
	l := &dialog.Leg{CallID: "c", Call: true, Initial: true, Customer: 1, Invited: at(hour - 9), Answer: at(hour - 8), End: at(hour - 1), Release: dialog.ByeCaller}
	l.ID = 3
	o.Saved(3, []byte("state"))
	c := o.Finished(l, &counters.MediaResult{}, book(t))
	if c.Customer != "acme" || c.CountedUnixMs != at(hour-1)/1e6 || c.DurationMs != 7000 {
		t.Errorf("%v", c)
	}
	for s := int64(hour - 9); s < hour+60; s++ {
		o.Ticked(at(s))
	}
	if d.open[3] != nil {
		t.Error("the call is recorded and still open: after a crash it would be recorded twice")
	}
	calls := d.records[record.Calls]
	if len(calls) != 2 || calls[0].GetCall().GetCallId() != "c" {
		t.Fatalf("%v", calls)
	}
	m := calls[1].GetHourMark()
	if m.GetHourUnixS() != start || m.GetCalls() != 1 || m.GetAnswered() != 1 || m.GetDurationMs() != 7000 {
		t.Errorf("%v", m)
	}
	if h := m.GetHeld(); len(h) != 2 || h[0].GetEpoch() != 5 || h[0].GetFirst() != 3 || h[0].GetLast() != 9 || h[1].GetFirst() != 12 {
		t.Errorf("held %v", h)
	}
	if o.Unencoded() != 0 {
		t.Error(o.Unencoded())
	}
	last, yes := Closed(hoursID, d.open[hoursID])
	if !yes || last != (record.Closed{HourUnixS: start}) || o.ClosedUnixS() != start {
		t.Fatalf("%+v %v", last, yes)
	}
	next := &disk{open: map[uint64][]byte{}}
	New(Config{Closed: last}, next)
	if again, _ := Closed(hoursID, next.open[hoursID]); again != last {
		t.Errorf("the next run has saved %+v", again)
	}
}

// TestShortRun: a run that ends within its first hour leaves it to the next run to
// close that hour, and those in which nobody ran.
func TestShortRun(t *testing.T) {
	var d *disk
	var o *Outbox
	const start = 500_000 * hour
	run := func(from, to int64) {
		for s := from; s <= to; s++ {
			o.Ticked((start + s) * int64(time.Second))
		}
	}
	for _, long := range []int64{0, 59, 70} { // tentative at first
		d = &disk{open: map[uint64][]byte{}}
		o = New(Config{}, d)
		run(0, long)
		if sure := o.ClosedUnixS() != 0; sure != (long >= 60) {
			t.Errorf("after %d s: a clock that may yet leap is trusted: %v", long, sure)
		}
		last, _ := Closed(hoursID, d.open[hoursID])
		d = &disk{open: map[uint64][]byte{}}
		o = New(Config{Closed: last}, d)
		run(2*hour+100, 2*hour+200)
		marks := d.records[record.Calls]
		if len(marks) != 2 || marks[0].GetHourMark().GetHourUnixS() != start || marks[1].GetHourMark().GetHourUnixS() != start+hour {
			t.Errorf("after %d s: closed: %v", long, marks)
		}
	}
}

func TestMinutes(t *testing.T) {
	d := &disk{open: map[uint64][]byte{}}
	o := New(Config{Node: "sw1"}, d)
	o.Minute([]counters.Minute{{}, {}}, book(t))
	if n := len(d.records[record.Telemetry]); n != 2 || d.records[record.Telemetry][0].GetMinute() == nil {
		t.Errorf("%v", d.records)
	}
}

func TestRegistrations(t *testing.T) {
	d := &disk{open: map[uint64][]byte{}}
	New(Config{Node: "sw1"}, d).Registration(&register.Report{Kind: register.Refused, Reason: register.InUse, Number: "1005"})
	if n := d.records[record.Telemetry]; len(n) != 1 || n[0].GetRegistration().GetNumber() != "1005" {
		t.Errorf("%v", d.records)
	}
}

func TestOpenCalls(t *testing.T) {
	d := &disk{open: map[uint64][]byte{}}
	o := New(Config{}, d)
	o.Saved(3, []byte("state"))
	if string(d.open[3]) != "state" {
		t.Error(d.open)
	}
	o.Dropped(3)
	if len(d.open) != 0 {
		t.Error(d.open)
	}
	if _, yes := Closed(3, nil); yes {
		t.Error("a call is no hour")
	}
	for _, bad := range []string{"", "?", "12345678?", "12345678tt"} {
		if c, yes := Closed(hoursID, []byte(bad)); !yes || c != (record.Closed{}) {
			t.Errorf("%q: a damaged hour is none, and no call either: %+v", bad, c)
		}
	}
}

// TestSaved: the core writes the next call's state into the same bytes.
func TestSaved(t *testing.T) {
	d := &disk{open: map[uint64][]byte{}}
	o := New(Config{Node: "sw1"}, d)
	buf := []byte("first")
	o.Saved(1, buf)
	copy(buf, "other")
	o.Saved(2, buf)
	if a, b := string(d.open[1]), string(d.open[2]); a != "first" || b != "other" {
		t.Errorf("saved %q and %q", a, b)
	}
	if o.Dropped(1); len(d.open) != 1 {
		t.Errorf("%d calls are saved after a drop, want 1", len(d.open))
	}
}
