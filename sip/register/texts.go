package register

import "encoding/binary"

// texts keeps short byte strings in pages of equal pieces, one set of pages for
// each size. A million texts are some thousand objects to the garbage
// collector, none of which it looks into. Pages are used again but not given
// back.
type texts struct {
	sizes [maxText/pieceStep + 1]pieces
}

type pieces struct {
	pages [][]byte
	free  uint32 // the first piece that is free, which names the next; 0: none
	used  uint32 // pieces that were ever handed out; the first is 1
}

const (
	pieceStep = 8
	pageSize  = 1 << 15
	maxText   = 9*256 + 8 // of a binding: nine texts of at most 255 bytes each, and numbers
)

// put keeps a copy of b, which has at most maxText bytes, and returns where.
func (t *texts) put(b []byte) uint32 {
	c := (len(b) + pieceStep - 1) / pieceStep
	if c == 0 {
		return 0
	}
	s := &t.sizes[c]
	at := s.free
	if at != 0 {
		s.free = binary.LittleEndian.Uint32(s.piece(at, c))
	} else {
		s.used++
		at = s.used
		if perPage := pageSize / (c * pieceStep); int(at-1)/perPage >= len(s.pages) {
			s.pages = append(s.pages, make([]byte, perPage*c*pieceStep))
		}
	}
	copy(s.piece(at, c), b)
	return at
}

// get returns the n bytes that are kept at a place; they are not to be kept.
func (t *texts) get(at uint32, n int) []byte {
	c := (n + pieceStep - 1) / pieceStep
	if c == 0 {
		return nil
	}
	return t.sizes[c].piece(at, c)[:n]
}

// drop forgets the n bytes at a place.
func (t *texts) drop(at uint32, n int) {
	c := (n + pieceStep - 1) / pieceStep
	if c == 0 {
		return
	}
	s := &t.sizes[c]
	binary.LittleEndian.PutUint32(s.piece(at, c), s.free)
	s.free = at
}

func (s *pieces) piece(at uint32, c int) []byte {
	size := c * pieceStep
	perPage := pageSize / size
	i := int(at - 1)
	from := i % perPage * size
	return s.pages[i/perPage][from : from+size]
}
