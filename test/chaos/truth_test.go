package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// facts are what both an agent's disk and an export of the collector say of a
// call. They are compared as a whole.
type facts struct {
	Kind       string `json:"kind"`
	CallID     string `json:"call_id"`
	FromTag    string `json:"from_tag"`
	Customer   string `json:"customer"`
	Carrier    string `json:"carrier"`
	Direction  string `json:"direction"`
	Caller     string `json:"caller"`
	Called     string `json:"called"`
	To         string `json:"to"`
	Src        string `json:"src"`
	Dst        string `json:"dst"`
	Transport  string `json:"transport"`
	Release    string `json:"release"`
	ReleasedBy string `json:"released_by"`
	MediaClass string `json:"media_class"`
	Answered   bool   `json:"answered"`
	Midcall    bool   `json:"seen_midcall"`
	Outcome    bool   `json:"outcome"`
	Effective  bool   `json:"effective"`
	DurationMs int64  `json:"duration_ms"`
	RingMs     int64  `json:"ring_ms"`
	Status     int    `json:"sip_status"`

	InvitedMs, AnsweredMs, EndedMs, CountedMs int64 `json:"-"`
	PddMs                                     int64 `json:"-"` // -1: there is none
	Attempts                                  int   `json:"-"`
}

// dumpLine is one line of `spool dump --json`.
type dumpLine struct {
	Epoch  string          `json:"epoch"`
	Stream string          `json:"stream"`
	Seq    uint64          `json:"seq"`
	Kind   string          `json:"kind"`
	Record json.RawMessage `json:"record"`
}

// dumpCall is a call as records have it.
type dumpCall struct {
	facts
	Invited     int64         `json:"invited_unix_ms"`
	AnsweredAt  int64         `json:"answered_unix_ms"`
	Ended       int64         `json:"ended_unix_ms"`
	Counted     int64         `json:"counted_unix_ms"`
	Pdd         *int64        `json:"pdd_ms"`
	OpenedEpoch uint64        `json:"opened_epoch"`
	LegID       uint64        `json:"leg_id"`
	Restored    bool          `json:"restored"`
	Attempts    []dumpAttempt `json:"attempts"`
}

type dumpAttempt struct {
	Carrier    string `json:"carrier"`
	AnsweredAt int64  `json:"answered_unix_ms"`
	DurationMs int64  `json:"duration_ms"`
	Outcome    bool   `json:"outcome"`
	Effective  bool   `json:"effective"`
}

type dumpMinute struct {
	Minute int64  `json:"minute_unix_s"`
	Kind   string `json:"kind"`
	Party  string `json:"party"`
}

// readSpool reads every record that the agent of n ever accepted. The agent
// must not run.
func readSpool(ctx context.Context, program string, n *node) ([]entry, error) {
	out, err := output(ctx, program, "spool", "dump", "--json", n.spool)
	if err != nil {
		return nil, err
	}
	all, err := readDump(n.id, bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("read the spool of %s: %w", n.id, err)
	}
	return all, nil
}

func readDump(node string, r io.Reader) (out []entry, err error) {
	err = lines(r, func(b []byte) error {
		var l dumpLine
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		e, err := l.entry(node)
		out = append(out, e)
		return err
	})
	return out, err
}

// lines hands each line of JSON to each.
func lines(r io.Reader, each func([]byte) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		if err := each(in.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w: %.200s", n, err, in.Bytes())
		}
	}
	return in.Err()
}

func (l *dumpLine) entry(node string) (e entry, err error) {
	e.node, e.stream, e.seq, e.kind = node, l.Stream, l.Seq, l.Kind
	if e.epoch, err = strconv.ParseUint(l.Epoch, 16, 64); err != nil {
		return e, err
	}
	switch l.Kind {
	case kindCall:
		var c dumpCall
		if err := json.Unmarshal(l.Record, &c); err != nil {
			return e, err
		}
		e.callID, e.call, e.details = c.CallID, call{node, c.OpenedEpoch, c.LegID}, &c
		c.settle()
	case kindMinute:
		var m dumpMinute
		if err := json.Unmarshal(l.Record, &m); err != nil {
			return e, err
		}
		e.minute = fmt.Sprint(m.Minute, m.Kind, m.Party)
	case kindMark, kindLoss, kindRegistration:
	default:
		return e, fmt.Errorf("%q is no kind of record", l.Kind)
	}
	return e, nil
}

// settle brings the facts into the form that an export has.
func (c *dumpCall) settle() {
	f := &c.facts
	f.InvitedMs, f.AnsweredMs, f.EndedMs, f.CountedMs = c.Invited, c.AnsweredAt, c.Ended, c.Counted
	f.PddMs, f.Attempts = optional(c.Pdd), len(c.Attempts)
}

func optional(ms *int64) int64 {
	if ms == nil {
		return -1
	}
	return *ms
}

// exportedCall is a line of `export calls --format jsonl`.
type exportedCall struct {
	facts
	Node       string     `json:"node"`
	Epoch      string     `json:"epoch"`
	Seq        uint64     `json:"seq"`
	Invited    *time.Time `json:"invited"`
	AnsweredAt *time.Time `json:"answered_at"`
	Ended      *time.Time `json:"ended"`
	Counted    *time.Time `json:"counted"`
	Pdd        *int64     `json:"pdd_ms"`
	Attempts   int        `json:"attempts"`
}

// readExport reads what the collector says of each call.
func readExport(r io.Reader) (map[key]facts, error) {
	out := make(map[key]facts)
	err := lines(r, func(b []byte) error {
		var c exportedCall
		if err := json.Unmarshal(b, &c); err != nil {
			return err
		}
		epoch, err := strconv.ParseUint(c.Epoch, 16, 64)
		if err != nil {
			return err
		}
		f := c.facts
		f.InvitedMs, f.AnsweredMs, f.EndedMs, f.CountedMs = unixMs(c.Invited), unixMs(c.AnsweredAt), unixMs(c.Ended), unixMs(c.Counted)
		f.PddMs, f.Attempts = optional(c.Pdd), c.Attempts
		k := key{sequence{c.Node, epoch, streamCalls}, c.Seq}
		if _, twice := out[k]; twice {
			return errors.New("this call was exported before")
		}
		out[k] = f
		return nil
	})
	return out, err
}

func unixMs(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}
