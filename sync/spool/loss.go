package spool

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// loss is a range of numbers that will not come.
type loss struct {
	seg    uint64 // whose; 0: none that is known
	key    lineKey
	r      record.Range
	reason string
	at     time.Time
	shed   string // the empty file that remembers it
}

// refusals counts records that were refused before they had a number. Both
// counts only rise within an epoch, and the one that was declared is stored in the
// transaction of the Loss: so a crash declares nothing twice, and nothing that
// a checkpoint knew of is forgotten.
type refusals struct {
	all, told map[refusal]uint64
}

type refusal struct {
	stream record.Stream
	reason string
}

func (r *refusals) add(st record.Stream, reason string, n uint64) {
	if r.all == nil {
		r.all, r.told = map[refusal]uint64{}, map[refusal]uint64{}
	}
	r.all[refusal{st, reason}] += n
}

// markOf is an entry of the marks bucket, stored with a Loss.
type markOf struct{ key, value []byte }

// Keys of marks: 's', segment, first number -> last number; and 'r', stream,
// reason -> how many refused records of this epoch have been declared.
func rangeMark(l *loss) markOf {
	k := binary.BigEndian.AppendUint64([]byte{'s'}, l.seg)
	return markOf{binary.BigEndian.AppendUint64(k, l.r.First), key(l.r.Last)}
}

func refusalMark(x refusal, told uint64) markOf {
	return markOf{append([]byte{'r', byte(x.stream)}, x.reason...), key(told)}
}

// mark reads an entry of the marks bucket.
func (c *contents) mark(k, v []byte) {
	switch {
	case len(k) == 17 && k[0] == 's' && len(v) == 8:
		seg := binary.BigEndian.Uint64(k[1:])
		ranges := c.marks[seg]
		ranges.Add(record.Range{First: binary.BigEndian.Uint64(k[9:]), Last: binary.BigEndian.Uint64(v)})
		c.marks[seg] = ranges
	case len(k) > 2 && k[0] == 'r' && len(v) == 8:
		c.refused[string(k[1:])] = max(c.refused[string(k[1:])], binary.BigEndian.Uint64(v))
	}
}

// declaration is what one commit tells of losses.
type declaration struct {
	losses   []loss
	refused  map[refusal]uint64 // what told becomes
	counts   map[refusal]uint64 // by how much
	records  [][]byte
	marks    []markOf
	encoding error
}

// maxDeclared is how many losses a commit tells.
const maxDeclared = 64

// declare makes Loss records of what waits. Nothing is taken away: declared does
// that, after the commit.
func (s *Spool) declare(now time.Time) *declaration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.untold() {
		return nil
	}
	d := &declaration{refused: map[refusal]uint64{}, counts: map[refusal]uint64{}}
	for i := range s.losses[:min(len(s.losses), maxDeclared)] {
		l := &s.losses[i]
		d.add(&record.Loss{
			Epoch: l.key.epoch, Stream: uint32(l.key.stream), First: l.r.First, Last: l.r.Last,
			Count: l.r.Len(), Reason: l.reason, AtUnixMs: l.at.UnixMilli(),
		})
		if l.seg != 0 {
			d.marks = append(d.marks, rangeMark(l))
		}
		d.losses = append(d.losses, *l)
	}
	may := s.tellable()
	for x, n := range s.refusals.all {
		if told := s.refusals.told[x]; n > told && may {
			d.add(&record.Loss{
				Epoch: s.epoch, Stream: uint32(x.stream), Count: n - told, Reason: x.reason, AtUnixMs: now.UnixMilli(),
			})
			d.marks = append(d.marks, refusalMark(x, n))
			d.refused[x], d.counts[x] = n, n-told
		}
	}
	return d
}

// untold reports whether a commit could declare something. Spool.mu is held.
func (s *Spool) untold() bool {
	return len(s.losses) > 0 || s.tellable() && !s.refusals.equal()
}

// tellable reports whether refusals may be declared: at most once a second, else
// each would cost a record of its own; not while records are being refused for want
// of room; and those of earlier runs once a checkpoint counts them under this
// epoch, else a crash would tell them twice. Spool.mu is held.
func (s *Spool) tellable() bool {
	if s.carried && s.position.epoch != s.epoch {
		return false
	}
	return s.ending || !s.full[0] && !s.full[1] && time.Since(s.toldAt) >= time.Second
}

func (r *refusals) equal() bool {
	for x, n := range r.all {
		if n > r.told[x] {
			return false
		}
	}
	return true
}

func (d *declaration) add(l *record.Loss) {
	b, err := record.Encode(&record.Record{Loss: l})
	if err != nil { // it holds numbers and a word of ours
		d.encoding = err
		return
	}
	d.records = append(d.records, b)
}

// declared takes away what a commit has told. Spool.mu is held; it returns files
// to be dealt with when it no longer is.
func (s *Spool) declared(d *declaration) (finished []loss) {
	for i := range d.losses {
		s.accounts[index(d.losses[i].key.stream)].Undeclared -= d.losses[i].r.Len()
	}
	s.losses = append([]loss(nil), s.losses[len(d.losses):]...)
	if len(d.refused) > 0 {
		s.toldAt = time.Now()
	}
	for x, told := range d.refused {
		s.refusals.told[x] = told
		s.accounts[index(x.stream)].Undeclared -= d.counts[x]
	}
	for i := range d.losses {
		l := &d.losses[i]
		if l.seg != 0 && !s.pending(l.seg) {
			finished = append(finished, *l)
		}
	}
	return finished
}

// pending reports whether a segment has losses that are not yet told. Spool.mu is held.
func (s *Spool) pending(seg uint64) bool {
	for i := range s.losses {
		if s.losses[i].seg == seg {
			return true
		}
	}
	return false
}

// finish removes the memory of a segment that gave way, or marks a damaged one as
// dealt with. Should it fail, the next start does it, by the marks.
func (s *Spool) finish(finished []loss) {
	for i := range finished {
		l := &finished[i]
		if l.shed != "" {
			_ = os.Remove(filepath.Join(s.cfg.Dir, l.shed))
			continue
		}
		s.setAside(l.seg)
	}
}

// lose notes ranges of a segment that will not come. Spool.mu is held.
func (s *Spool) lose(g *segment, ranges record.Ranges, reason, shed string) {
	for _, r := range ranges {
		s.accounts[index(g.stream)].count(reason, r.Len())
		s.losses = append(s.losses, loss{
			seg: g.id, key: lineKey{g.epoch, g.stream}, r: r, reason: reason, at: time.Now(), shed: shed,
		})
	}
}
