package admin

import (
	"fmt"
	"io"
	"time"
)

// Sync is what waits on this host for a collector, and how it gets there.
type Sync struct {
	Spool  Spool  `json:"spool"`
	Uplink Uplink `json:"uplink"`

	// Beginning of the last hour under which nothing more is counted; 0: not known, in
	// the first minute.
	HourClosedUnixS int64 `json:"hour_closed_unix_s"`
}

// Spool is the state of the records on disk.
type Spool struct {
	Epoch     string      `json:"epoch"`
	Calls     SpoolStream `json:"calls"`
	Telemetry SpoolStream `json:"telemetry"`

	Bytes        int64         `json:"bytes"`
	BudgetBytes  int64         `json:"budget_bytes"`
	FreeBytes    int64         `json:"free_bytes"` // on the file system
	MinFreeBytes int64         `json:"min_free_bytes"`
	ReserveBytes int64         `json:"reserve_bytes"`
	Segments     int           `json:"segments"`
	Kept         int           `json:"segments_kept"`    // of these: wholly acked
	Corrupt      uint64        `json:"segments_corrupt"` // since the start
	Full         bool          `json:"full"`             // records are being refused
	Commits      uint64        `json:"commits"`
	CommitErrors uint64        `json:"commit_errors"`
	CommitTime   time.Duration `json:"commit_time_ns"` // of all of them
	CommitP50    time.Duration `json:"commit_p50_ns"`  // of the last 1,024
	CommitP99    time.Duration `json:"commit_p99_ns"`
	OpenCalls    int           `json:"open_calls"` // that a restart would know again
}

// SpoolStream is the account of one stream in records: accepted = acked +
// spooled + declared.
type SpoolStream struct {
	Accepted        uint64            `json:"accepted"`
	Acked           uint64            `json:"acked"`
	Spooled         uint64            `json:"spooled"`
	Declared        uint64            `json:"declared"`
	DeclaredBy      map[string]uint64 `json:"declared_by"` // reason, each from the start on
	Queued          uint64            `json:"queued"`
	OldestUnackedMs int64             `json:"oldest_unacked_ms"` // its age; 0 when all is acked
}

// Uplink is the state of the way to the collectors.
type Uplink struct {
	Connected       bool          `json:"connected"`
	Answered        bool          `json:"answered"` // a collector answered in this connection
	Broker          string        `json:"broker"`
	LastError       string        `json:"last_error,omitempty"`
	Connections     uint64        `json:"connections"`
	Reconnects      uint64        `json:"reconnects"`
	Failures        uint64        `json:"failures"`
	SentBatches     uint64        `json:"sent_batches"`
	SentRecords     uint64        `json:"sent_records"`
	SentBytes       uint64        `json:"sent_bytes"`
	ResentBatches   uint64        `json:"resent_batches"`
	ResentRecords   uint64        `json:"resent_records"`
	Window          int           `json:"window_batches"`
	WindowLimit     int           `json:"window_limit_batches"`
	WindowBytes     int           `json:"window_bytes"`
	CreditBytes     uint64        `json:"credit_bytes"` // 0: no limit
	Waiting         time.Duration `json:"waiting_ns"`   // for an ack
	Acks            uint64        `json:"acks"`
	StoreID         string        `json:"store_id,omitempty"`
	Skew            time.Duration `json:"skew_ns"` // how far this clock is ahead of the collector's
	SkewKnown       bool          `json:"skew_known"`
	SkewHigh        bool          `json:"skew_high"`
	LiveAge         time.Duration `json:"live_age_ns"`
	DuplicateNodeID bool          `json:"duplicate_node_id"` // another agent seems to use this id
}

// writeSync prints what waits, and why.
func writeSync(w io.Writer, s *Sync) {
	if s == nil {
		return
	}
	p, u := &s.Spool, &s.Uplink
	fmt.Fprintf(w, "spool        %s of %s, %s free; %s%s\n", bytesText(p.Bytes), bytesText(p.BudgetBytes), bytesText(p.FreeBytes),
		stream("calls", &p.Calls), stream("; telemetry", &p.Telemetry))
	if p.Full {
		fmt.Fprintf(w, "             FULL: records are being refused; free some space, raise spool.budget_mib, or lower spool.min_free_mib\n")
	}
	switch {
	case !u.Connected:
		fmt.Fprintf(w, "uplink       NOT CONNECTED: %s\n", or(u.LastError, "no try has ended yet"))
	case !u.Answered:
		fmt.Fprintf(w, "uplink       %s, but no collector has answered\n", u.Broker)
	default:
		fmt.Fprintf(w, "uplink       %s, %d records sent, %d sent again, %d reconnects\n", u.Broker, u.SentRecords, u.ResentRecords, u.Reconnects)
	}
	if u.SkewHigh {
		fmt.Fprintf(w, "             CLOCK: %s ahead of the collector's; set it by NTP\n", u.Skew.Round(time.Millisecond))
	}
	if u.DuplicateNodeID {
		fmt.Fprintf(w, "             another agent seems to use this node id; give each host its own\n")
	}
}

func stream(name string, s *SpoolStream) string {
	out := fmt.Sprintf("%s: %d accepted, %d acked, %d waiting, %d lost", name, s.Accepted, s.Acked, s.Spooled, s.Declared)
	if s.OldestUnackedMs > 0 {
		out += fmt.Sprintf(", oldest %s", (time.Duration(s.OldestUnackedMs) * time.Millisecond).Round(time.Second))
	}
	return out
}

// bytesText prints a size for people.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
