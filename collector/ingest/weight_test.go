package ingest

import (
	"testing"

	"github.com/sipward/sipward/sync/record"
)

// TestWeight: a call with a hundred thousand attempts fills a group by itself.
func TestWeight(t *testing.T) {
	call := &record.Record{Call: &record.Call{Attempts: make([]*record.Attempt, 3)}}
	long := &record.Record{Call: &record.Call{Attempts: make([]*record.Attempt, 1<<16)}}
	mark := &record.Record{HourMark: &record.HourMark{Held: make([]*record.Held, 400)}}
	for _, c := range []struct {
		records []*record.Record
		want    int
	}{{[]*record.Record{call, call}, 2}, {[]*record.Record{long}, 1 + 1<<14}, {[]*record.Record{mark, call}, 102}, {nil, 1}} {
		if got := weight(&record.Received{Records: c.records}); got != c.want {
			t.Errorf("%d records weigh %d, want %d", len(c.records), got, c.want)
		}
	}
}
