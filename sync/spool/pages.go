package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The form of a bbolt file (go.etcd.io/bbolt internal/common, version 2): pages of
// 4096 bytes, each with a header of id(8) flags(2) count(2) overflow(4). Pages 0
// and 1 hold the meta of the last two transactions, the others nodes of B+trees.
// Numbers are in the byte order of the machine.
const (
	pageSize   = 4096
	pageHeader = 16

	branchFlag = 0x01
	leafFlag   = 0x02
	metaFlag   = 0x04

	branchElement = 16 // pos(4) ksize(4) page(8)
	leafElement   = 16 // flags(4) pos(4) ksize(4) vsize(4)
	bucketFlag    = 0x01
	bucketHeader  = 16 // root page(8) sequence(8)

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	maxDepth    = 24 // of a tree; 24 levels of two children are more than a file can hold
	maxPageRun  = 512
	maxFilePage = 1 << 24 // 64 GiB
)

var errDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
}

var native = binary.NativeEndian

// meta is what a transaction left behind.
type meta struct {
	root uint64 // page of the root bucket
	next uint64 // first page that was never used
	txid uint64
}

// parseMeta reads a meta page.
func parseMeta(page []byte) (meta, error) {
	p := page[pageHeader:]
	h := fnv.New64a()
	h.Write(p[:56])
	switch {
	case native.Uint32(p) != boltMagic || native.Uint32(p[4:]) != boltVersion:
		return meta{}, damaged("a meta page does not begin as one")
	case native.Uint64(p[56:]) != h.Sum64():
		return meta{}, damaged("the checksum of a meta page differs")
	case native.Uint32(p[8:]) != pageSize:
		return meta{}, damaged("pages of %d bytes", native.Uint32(p[8:]))
	}
	m := meta{root: native.Uint64(p[16:]), next: native.Uint64(p[40:]), txid: native.Uint64(p[48:])}
	if m.next < 4 || m.next > maxFilePage || m.root >= m.next || m.root < 2 {
		return meta{}, damaged("a meta page with root %d of %d pages", m.root, m.next)
	}
	return m, nil
}

// tree reads one bbolt file of a given size.
type tree struct {
	f    io.ReaderAt
	size int64
	meta meta
	seen []uint64 // pages that were visited, a bit each; nil: not checked
	buf  []byte
}

// openTree reads and checks both metas. One that is broken makes the file
// damaged even where the other would do: the last transaction would go without a
// word.
func openTree(f io.ReaderAt, size int64) (*tree, error) {
	var pages [2 * pageSize]byte
	if _, err := f.ReadAt(pages[:], 0); err != nil {
		return nil, damaged("reading the meta pages: %v", err)
	}
	a, err := parseMeta(pages[:pageSize])
	if err != nil {
		return nil, err
	}
	b, err := parseMeta(pages[pageSize:])
	if err != nil {
		return nil, err
	}
	if b.txid > a.txid {
		a = b
	}
	if int64(a.next)*pageSize > size { // bounded by parseMeta
		return nil, damaged("the file is cut: %d bytes, %d pages are used", size, a.next)
	}
	return &tree{f: f, size: size, meta: a}, nil
}

// node is a page with its overflow.
type node struct {
	id    uint64
	flags uint16
	count int
	data  []byte // all of it, the header too
}

// page reads page id and what follows it into the tree's buffer, where it stays
// until the next call.
func (t *tree) page(id uint64) (node, error) {
	if id < 2 || id >= t.meta.next {
		return node{}, damaged("page %d of %d", id, t.meta.next)
	}
	if cap(t.buf) < pageSize {
		t.buf = make([]byte, pageSize, 4*pageSize)
	}
	t.buf = t.buf[:pageSize]
	if _, err := t.f.ReadAt(t.buf, int64(id)*pageSize); err != nil { // bounded by parseMeta
		return node{}, damaged("reading page %d: %v", id, err)
	}
	n, over, err := parseNode(id, t.buf)
	if err != nil {
		return node{}, err
	}
	if id+over >= t.meta.next || over >= maxPageRun {
		return node{}, damaged("page %d runs over %d more", id, over)
	}
	if over > 0 {
		t.buf = grown(t.buf, int(1+over)*pageSize)                                    // less than maxPageRun
		if _, err := t.f.ReadAt(t.buf[pageSize:], int64(id+1)*pageSize); err != nil { // as above
			return node{}, damaged("reading page %d: %v", id, err)
		}
	}
	n.data = t.buf
	return n, n.check()
}

func grown(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:n]
	}
	return append(make([]byte, 0, n), b...)[:n]
}

func parseNode(id uint64, page []byte) (n node, over uint64, err error) {
	n = node{id: id, flags: native.Uint16(page[8:]), count: int(native.Uint16(page[10:])), data: page}
	if got := native.Uint64(page); got != id {
		return n, 0, damaged("page %d says that it is %d", id, got)
	}
	if n.flags != leafFlag && n.flags != branchFlag {
		return n, 0, damaged("page %d has flags %#x", id, n.flags)
	}
	return n, uint64(native.Uint32(page[12:])), nil
}

// check holds every element against the bounds of the page, and the order of
// its keys.
func (n *node) check() error {
	if pageHeader+n.count*leafElement > len(n.data) {
		return damaged("page %d with %d elements", n.id, n.count)
	}
	var last []byte
	for i := range n.count {
		at := pageHeader + i*leafElement
		e := n.data[at:]
		var pos, ksize, vsize uint64
		if n.flags == leafFlag {
			pos, ksize, vsize = uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
		} else {
			pos, ksize = uint64(native.Uint32(e)), uint64(native.Uint32(e[4:]))
		}
		if uint64(at)+pos+ksize+vsize > uint64(len(n.data)) || ksize == 0 { // at is small
			return damaged("element %d of page %d is outside of it", i, n.id)
		}
		key := n.data[uint64(at)+pos:][:ksize] // as above
		if i > 0 && string(key) <= string(last) {
			return damaged("the keys of page %d are out of order", n.id)
		}
		last = key
	}
	return nil
}

// leaf returns an element of a leaf that was checked.
func (n *node) leaf(i int) (key, value []byte, bucket bool) {
	at := pageHeader + i*leafElement
	e := n.data[at:]
	pos, k, v := int(native.Uint32(e[4:])), int(native.Uint32(e[8:])), int(native.Uint32(e[12:]))
	return e[pos:][:k:k], e[pos+k:][:v:v], native.Uint32(e)&bucketFlag != 0
}

// branch returns an element of a branch that was checked.
func (n *node) branch(i int) (key []byte, child uint64) {
	e := n.data[pageHeader+i*branchElement:]
	return e[native.Uint32(e):][:native.Uint32(e[4:])], native.Uint64(e[8:])
}

// bucketOf splits the value of a bucket's element: its root page, or, where that
// is 0, the one node that stands in the value itself.
func bucketOf(value []byte) (root uint64, inline *node, err error) {
	if len(value) < bucketHeader {
		return 0, nil, damaged("a bucket of %d bytes", len(value))
	}
	root = native.Uint64(value)
	if root != 0 {
		return root, nil, nil
	}
	if len(value) < bucketHeader+pageHeader {
		return 0, nil, damaged("a bucket of %d bytes without a page", len(value))
	}
	page := value[bucketHeader:]
	n := &node{flags: native.Uint16(page[8:]), count: int(native.Uint16(page[10:])), data: page}
	if n.flags != leafFlag {
		return 0, nil, damaged("a bucket in a value with flags %#x", n.flags)
	}
	return 0, n, n.check()
}
