package spool

import (
	"encoding/binary"
	"io"
	"slices"
	"time"

	"github.com/sipward/sipward/sync/record"
)

// run says that the records first to last stand, one behind the other, in the
// leaf that begins at a page.
type run struct {
	first, last uint64
	page        uint32
}

// contents is what a file of records holds.
type contents struct {
	first   uint64 // number of its first record, by its meta bucket; 0: not readable
	prev    uint64 // segment before it in its stream; its numbers end where these begin
	created time.Time
	have    record.Ranges
	runs    []run
	marks   map[uint64]record.Ranges // segment to what was declared of it
	refused map[string]uint64        // stream and reason to how many were declared; see refusalMark
}

// add takes a record that stands in page. Numbers may come in any order and twice.
func (c *contents) add(seq uint64, page uint64) {
	if n := len(c.runs); n > 0 && c.runs[n-1].page == uint32(page) && c.runs[n-1].last+1 == seq { // below maxFilePage
		c.runs[n-1].last = seq
	} else {
		c.runs = append(c.runs, run{seq, seq, uint32(page)}) // as above
	}
	c.have.Add(record.Range{First: seq, Last: seq})
}

// peek reads what a whole file says of itself by a few of its pages: which
// numbers it has, and its marks.
func peek(f io.ReaderAt, size int64, name fileName) (*contents, error) {
	t, err := openTree(f, size)
	if err != nil {
		return nil, err
	}
	c, data, err := t.head(name)
	if err != nil || data == nil {
		return c, err
	}
	first, err := t.edge(data, false)
	if err != nil {
		return nil, err
	}
	last, err := t.edge(data, true)
	if err != nil {
		return nil, err
	}
	if first == nil {
		return c, nil
	}
	if len(first) != 8 || len(last) != 8 || binary.BigEndian.Uint64(first) != c.first {
		return nil, damaged("the first record is not number %d", c.first)
	}
	c.have.Add(record.Range{First: c.first, Last: binary.BigEndian.Uint64(last)})
	return c, nil
}

// verify reads all of a file, and finds where each record is.
func verify(f io.ReaderAt, size int64, name fileName) (*contents, error) {
	t, err := openTree(f, size)
	if err != nil {
		return nil, err
	}
	c, data, err := t.head(name)
	if err != nil || data == nil {
		return c, err
	}
	next, in := c.first, placeOf(name.epoch, name.stream)
	err = t.bucket(data, func(page uint64, key, value []byte) error {
		seq, _, err := in.open(key, value)
		if err != nil {
			return err
		}
		if seq != next {
			return damaged("record %d stands where %d was expected", seq, next)
		}
		next++
		if page == 0 { // the bucket is so small that it stands in the root
			page = t.meta.root
		}
		c.add(seq, page)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// head reads the meta bucket and the marks, and returns the element of the
// bucket of records; nil in a file that ended before its first transaction.
func (t *tree) head(name fileName) (c *contents, data []byte, err error) {
	c = &contents{marks: map[uint64]record.Ranges{}, refused: map[string]uint64{}}
	top, err := t.buckets()
	if err != nil {
		return nil, nil, err
	}
	if len(top) == 0 && t.meta.txid <= 1 {
		return c, nil, nil
	}
	said := map[string]uint64{}
	err = t.bucket(top[string(bucketMeta)], func(_ uint64, key, value []byte) error {
		if len(value) == 8 {
			said[string(key)] = binary.BigEndian.Uint64(value)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	switch {
	case said["format"] != formatNumber:
		return nil, nil, damaged("a segment of format %d", said["format"])
	case said["epoch"] != name.epoch || said["stream"] != uint64(name.stream) || said["first"] == 0:
		return nil, nil, damaged("the segment is not what its name says")
	}
	c.first, c.prev, c.created = said["first"], said["prev"], time.UnixMilli(int64(said["created"])) // and back
	err = t.bucket(top[string(bucketMarks)], func(_ uint64, key, value []byte) error {
		c.mark(key, value)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	data = top[name.stream.String()]
	if data == nil {
		return nil, nil, damaged("a segment without a bucket of records")
	}
	return c, data, nil
}

// salvage finds every record of a damaged file that its own checksum proves, by
// looking at each page for itself: no page is trusted about another.
func salvage(f io.ReaderAt, size int64, name fileName) *contents {
	c := &contents{marks: map[uint64]record.Ranges{}, refused: map[string]uint64{}}
	if t, err := openTree(f, size); err == nil {
		if whole, _, err := t.head(name); err == nil {
			*c = *whole
		}
	}
	p, in := pageReader{f: f, size: size}, placeOf(name.epoch, name.stream)
	for page := uint64(2); page < uint64(max(size, 0))/pageSize; page++ { // not negative
		data, err := p.read(page)
		// The rest of a long record can look like anything; of a leaf, id or flags
		// may be what is damaged, not both.
		if err != nil || native.Uint64(data) != page && native.Uint16(data[8:]) != leafFlag {
			continue
		}
		each := func(seq uint64, _ []byte) bool {
			if !c.have.Has(seq) {
				c.add(seq, page)
			}
			return true
		}
		in.records(data, name.stream, each)
	}
	slices.SortFunc(c.runs, func(a, b run) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return c
}

// pageReader reads pages of a file that may be damaged.
type pageReader struct {
	f    io.ReaderAt
	size int64
	buf  []byte
}

// read returns page with its overflow, as much of it as the file has, until the
// next call.
func (p *pageReader) read(page uint64) ([]byte, error) {
	if cap(p.buf) < pageSize {
		p.buf = make([]byte, pageSize, 4*pageSize)
	}
	p.buf = p.buf[:pageSize]
	at := int64(page) * pageSize // below the size of a file
	if _, err := p.f.ReadAt(p.buf, at); err != nil {
		return nil, damaged("reading page %d: %v", page, err)
	}
	over := int64(native.Uint32(p.buf[12:]))
	if over == 0 {
		return p.buf, nil
	}
	over = min(over, maxPageRun, p.size/pageSize-int64(page)-1) // as above
	if over <= 0 {
		return p.buf, nil
	}
	p.buf = grown(p.buf, int(1+over)*pageSize)
	if _, err := p.f.ReadAt(p.buf[pageSize:], at+pageSize); err != nil {
		return p.buf[:pageSize], nil //nolint:nilerr // the first page may be good for itself
	}
	return p.buf, nil
}

// records calls do for every record of a leaf whose checksum proves that it is of
// this place, until it returns false.
func (p place) records(page []byte, st record.Stream, do func(seq uint64, data []byte) bool) {
	budget := 4 * len(page) // a damaged page can say that all its elements are the same long value
	elements(page, func(key, value []byte, bucket bool) bool {
		if !bucket {
			return p.proven(key, value, &budget, do)
		}
		if string(key) == st.String() && len(value) > bucketHeader+pageHeader && native.Uint64(value) == 0 {
			elements(value[bucketHeader:], func(key, value []byte, bucket bool) bool {
				return bucket || p.proven(key, value, &budget, do)
			})
		}
		return true
	})
}

func (p place) proven(key, value []byte, budget *int, do func(uint64, []byte) bool) bool {
	if *budget -= len(value); *budget < 0 {
		return false
	}
	if len(key) != 8 {
		return true
	}
	seq, data, err := p.open(key, value)
	return err != nil || do(seq, data)
}

// elements calls do for every element of a leaf that is inside of it.
func elements(page []byte, do func(key, value []byte, bucket bool) bool) {
	for i := range int(native.Uint16(page[10:])) {
		at := pageHeader + i*leafElement
		if at+leafElement > len(page) {
			return
		}
		e := page[at:]
		pos, k, v := uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
		if pos+k+v > uint64(len(e)) {
			continue
		}
		if !do(e[pos:][:k], e[pos+k:][:v], native.Uint32(e)&bucketFlag != 0) {
			return
		}
	}
}
