package spool

import "bytes"

// visit sees every element of a bucket, in the order of the keys. Key and value
// are good until it returns.
type visit func(page uint64, key, value []byte) error

// buckets returns the top buckets of the file: their elements' values, copied.
func (t *tree) buckets() (map[string][]byte, error) {
	out := map[string][]byte{}
	err := t.walk(t.meta.root, func(_ uint64, key, value []byte, bucket bool) error {
		if !bucket || len(out) >= 64 {
			return damaged("a top element %q that is no bucket", key)
		}
		out[string(key)] = bytes.Clone(value)
		return nil
	})
	return out, err
}

// bucket visits what is in a bucket, whose element has this value. Every page is
// visited at most once over the life of t.
func (t *tree) bucket(value []byte, do visit) error {
	root, inline, err := bucketOf(value)
	if err != nil {
		return err
	}
	flat := func(page uint64, key, value []byte, bucket bool) error {
		if bucket {
			return damaged("a bucket %q within a bucket", key)
		}
		return do(page, key, value)
	}
	if inline != nil {
		return each(inline, flat)
	}
	return t.walk(root, flat)
}

type visitElement func(page uint64, key, value []byte, bucket bool) error

func each(n *node, do visitElement) error {
	for i := range n.count {
		key, value, bucket := n.leaf(i)
		if err := do(n.id, key, value, bucket); err != nil {
			return err
		}
	}
	return nil
}

// walk visits the tree below root from left to right.
func (t *tree) walk(root uint64, do visitElement) error {
	if t.seen == nil {
		t.seen = make([]uint64, t.meta.next/64+1)
	}
	var last []byte
	return t.descend(root, nil, 0, func(page uint64, key, value []byte, bucket bool) error {
		if last != nil && bytes.Compare(key, last) <= 0 {
			return damaged("the keys of page %d do not follow those before", page)
		}
		last = append(last[:0], key...)
		return do(page, key, value, bucket)
	})
}

type child struct {
	key  []byte
	page uint64
}

func (t *tree) descend(id uint64, first []byte, depth int, do visitElement) error {
	if depth > maxDepth {
		return damaged("a tree of more than %d levels", maxDepth)
	}
	if id >= t.meta.next || t.seen[id/64]&(1<<(id%64)) != 0 {
		return damaged("page %d has two parents, or none", id)
	}
	t.seen[id/64] |= 1 << (id % 64)
	n, err := t.page(id)
	if err != nil {
		return err
	}
	if n.flags == leafFlag {
		if n.count > 0 && first != nil {
			if key, _, _ := n.leaf(0); !bytes.Equal(key, first) && bytes.Compare(key, first) < 0 {
				return damaged("page %d begins before its parent says", id)
			}
		}
		return each(&n, do)
	}
	if n.count == 0 {
		return damaged("branch page %d is empty", id)
	}
	children := make([]child, n.count)
	for i := range children { // the buffer is used again below
		key, page := n.branch(i)
		children[i] = child{bytes.Clone(key), page}
	}
	for _, c := range children {
		if err := t.descend(c.page, c.key, depth+1, do); err != nil {
			return err
		}
	}
	return nil
}

// edge returns the first or last element of the bucket whose element has this
// value, by one path down the tree; nil when it is empty.
func (t *tree) edge(bucketValue []byte, last bool) (key []byte, err error) {
	id, inline, err := bucketOf(bucketValue)
	if err != nil {
		return nil, err
	}
	pick := func(n *node) int {
		if last {
			return n.count - 1
		}
		return 0
	}
	if inline != nil {
		if inline.count == 0 {
			return nil, nil
		}
		key, _, _ = inline.leaf(pick(inline))
		return bytes.Clone(key), nil
	}
	for range maxDepth {
		n, err := t.page(id)
		if err != nil {
			return nil, err
		}
		if n.count == 0 {
			return nil, nil
		}
		if n.flags == leafFlag {
			key, _, _ = n.leaf(pick(&n))
			return bytes.Clone(key), nil
		}
		_, id = n.branch(pick(&n))
	}
	return nil, damaged("a tree of more than %d levels", maxDepth)
}
