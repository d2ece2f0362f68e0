package spool

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// segment is one file of records. Spool.mu guards it, but for what never changes:
// id, epoch, stream, created.
type segment struct {
	id      uint64 // rises with every file made
	epoch   uint64
	stream  record.Stream
	created time.Time
	name    string // within the folder

	first   uint64        // number of its first record
	have    record.Ranges // what can be read
	acked   record.Ranges // of these
	lost    record.Ranges // what cannot, and has been declared or is about to be
	done    time.Time     // when all of it was acked; zero: not yet
	bytes   int64         // on disk
	corrupt bool
	active  *active // while it is being written
	marks   []mark  // times at which numbers were stored
}

// mark says that number seq was stored at a time.
type mark struct {
	seq uint64
	at  time.Time
}

func (g *segment) last() uint64 { return g.have.Last() }

// unacked is what nobody else has.
func (g *segment) unacked() record.Ranges { return g.have.Minus(g.acked) }

// left is how many records nobody else has.
func (g *segment) left() uint64 { return g.have.Len() - g.acked.Len() }

// Suffixes of a segment's file.
const (
	suffixSegment = "seg"
	suffixCorrupt = "corrupt"
	suffixShed    = "shed"
)

var nameForm = regexp.MustCompile(`^(\d{8,19})-([0-9a-f]{16})-(calls|telemetry)(?:-(\d{1,20})-(\d{1,20}))?\.(seg|corrupt|shed)$`)

func segmentName(id, epoch uint64, st record.Stream, suffix string) string {
	return fmt.Sprintf("%08d-%016x-%s.%s", id, epoch, st, suffix)
}

func shedName(g *segment) string {
	return fmt.Sprintf("%08d-%016x-%s-%d-%d.%s", g.id, g.epoch, g.stream, g.first, g.last(), suffixShed)
}

// fileName is what the name of a file says.
type fileName struct {
	id, epoch   uint64
	stream      record.Stream
	first, last uint64 // of a shed one
	suffix      string
}

func parseName(name string) (fileName, bool) {
	m := nameForm.FindStringSubmatch(name)
	if m == nil || (m[4] != "") != (m[6] == suffixShed) {
		return fileName{}, false
	}
	var f fileName
	var err error
	num := func(s string, base int) (n uint64) {
		if err == nil && s != "" {
			n, err = strconv.ParseUint(s, base, 64)
		}
		return n
	}
	f.id, f.epoch, f.first, f.last = num(m[1], 10), num(m[2], 16), num(m[4], 10), num(m[5], 10)
	f.suffix = m[6]
	if err != nil || f.id == 0 || f.epoch == 0 {
		return fileName{}, false
	}
	f.stream, err = record.ParseStream(m[3])
	return f, err == nil
}
