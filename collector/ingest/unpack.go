package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/sipward/sipward/sync/record"
)

// unpacker turns packed bodies into records. It is not safe for concurrent use.
type unpacker struct {
	src bytes.Reader
	dec *zstd.Decoder
	buf []byte
}

func newUnpacker() (*unpacker, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(record.MaxBody), zstd.WithDecoderMaxWindow(record.MaxBody))
	if err != nil {
		return nil, fmt.Errorf("making a zstd decoder: %w", err)
	}
	return &unpacker{dec: dec}, nil
}

func (u *unpacker) close() { u.dec.Close() }

// read unpacks the batch of m. A message that makes it panic is one that cannot
// be read.
func (u *unpacker) read(m *message) (b *record.Received, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	body := m.body
	if m.header.Codec == record.Zstd {
		if body, err = u.inflate(m.body, int(m.header.BodySize)); err != nil {
			return nil, err
		}
	}
	return record.DecodeBody(m.node, m.header, body)
}

var errPanic = errors.New("the program's own error")

// inflate unpacks body into at most size bytes, whatever size it claims to have. What
// it returns is valid until the next call.
func (u *unpacker) inflate(body []byte, size int) ([]byte, error) {
	u.src.Reset(body)
	if err := u.dec.Reset(&u.src); err != nil {
		return nil, fmt.Errorf("unpacking a batch: %w", err)
	}
	if cap(u.buf) < size+1 {
		u.buf = make([]byte, size+1)
	}
	switch n, err := io.ReadFull(u.dec, u.buf[:size+1]); {
	case err == nil:
		return nil, fmt.Errorf("unpacking a batch: more than the %d bytes of its header", size)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("unpacking a batch: %w", err)
	case n != size:
		return nil, fmt.Errorf("unpacking a batch: %d bytes where the header says %d", n, size)
	}
	return u.buf[:size], nil
}
