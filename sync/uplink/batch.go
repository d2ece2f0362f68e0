package uplink

import (
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/sync/record"
)

// encoder makes messages of batches. It allocates nothing once its buffers have
// grown. It is not safe for concurrent use.
type encoder struct {
	zstd *zstd.Encoder
	body []byte
}

func newEncoder() (*encoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(128<<10), zstd.WithEncoderCRC(false)) // the header has a checksum
	if err != nil {
		return nil, fmt.Errorf("making an encoder: %w", err)
	}
	return &encoder{zstd: z}, nil
}

// seal makes a message of the records, of which the first has number first, as
// many as fit into limit bytes unpacked, and at least one. It uses the room of to.
func (e *encoder) seal(to []byte, now time.Time, k key, first uint64, records [][]byte, limit int) (message []byte, n int) {
	e.body = e.body[:0]
	for _, r := range records {
		before := len(e.body)
		e.body = record.AppendToBody(e.body, r)
		if n > 0 && record.HeaderSize+len(e.body) > limit {
			e.body = e.body[:before]
			break
		}
		n++
	}
	h := record.Header{
		Version: record.Version, Codec: record.Zstd, Stream: k.stream, Epoch: k.epoch, First: first,
		Count: uint32(n), BodySize: uint32(len(e.body)), SentUnixMs: now.UnixMilli(), // both are bounded
	}
	to = append(to[:0], header[:]...)
	to = e.zstd.EncodeAll(e.body, to)
	if len(to) >= record.HeaderSize+len(e.body) { // it cannot be packed
		h.Codec = record.Plain
		to = append(to[:record.HeaderSize], e.body...)
	}
	h.Seal(to)
	return to, n
}

var header [record.HeaderSize]byte // room for one
