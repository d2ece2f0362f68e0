package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// HeaderSize is the length of a batch's header in bytes.
const HeaderSize = 44

// Version is the version of what a batch's body means.
const Version = 1

// Codec says how the body of a batch is packed.
type Codec uint8

// Codecs; the zero value is invalid.
const (
	Plain Codec = 1
	Zstd  Codec = 2 // RFC 8878
)

// Limits of one batch.
const (
	MaxRecords = 4096    // records in it
	MaxBody    = 8 << 20 // bytes of its unpacked body
	MaxRecord  = 1 << 20 // bytes of one record
)

// Header stands before the body of a batch. Its form never changes, so that a
// collector can set aside, and ack, a batch whose body it does not know.
//
//	offset  bytes
//	     0      4  "SPWB"
//	     4      1  version of the body
//	     5      1  codec
//	     6      1  stream
//	     7      1  0
//	     8      8  epoch
//	    16      8  sequence number of the first record
//	    24      4  number of records
//	    28      4  length of the unpacked body
//	    32      8  when it was sent, milliseconds since the Unix epoch by the agent's clock
//	    40      4  CRC-32C of the 40 bytes before and the body as it is
//
// Numbers are big-endian.
type Header struct {
	Version    uint8
	Codec      Codec
	Stream     Stream
	Epoch      uint64
	First      uint64
	Count      uint32
	BodySize   uint32
	SentUnixMs int64
}

// Range is the sequence numbers of the batch.
func (h *Header) Range() Range { return Range{h.First, h.First + uint64(h.Count) - 1} }

var (
	magic = [4]byte{'S', 'P', 'W', 'B'}
	table = crc32.MakeTable(crc32.Castagnoli)
)

// Seal writes h into the first HeaderSize bytes of message, which the packed
// body follows.
func (h *Header) Seal(message []byte) {
	b := message[:HeaderSize]
	copy(b, magic[:])
	b[4], b[5], b[6], b[7] = h.Version, uint8(h.Codec), uint8(h.Stream), 0
	binary.BigEndian.PutUint64(b[8:], h.Epoch)
	binary.BigEndian.PutUint64(b[16:], h.First)
	binary.BigEndian.PutUint32(b[24:], h.Count)
	binary.BigEndian.PutUint32(b[28:], h.BodySize)
	binary.BigEndian.PutUint64(b[32:], uint64(h.SentUnixMs)) // and back
	binary.BigEndian.PutUint32(b[40:], checksum(message))
}

func checksum(message []byte) uint32 {
	return crc32.Update(crc32.Checksum(message[:HeaderSize-4], table), table, message[HeaderSize:])
}

// What can be wrong with a batch.
var (
	ErrNoBatch  = errors.New("not a batch: it does not begin as one")
	ErrChecksum = errors.New("the batch was damaged on its way: the checksum differs")
	ErrRange    = errors.New("the batch's numbers make no sense")
)

// Open reads the header of a message, and returns the packed body, which is
// part of message. It does not judge version and codec.
func Open(message []byte) (h Header, body []byte, err error) {
	if len(message) < HeaderSize || [4]byte(message) != magic {
		return h, nil, ErrNoBatch
	}
	if binary.BigEndian.Uint32(message[40:]) != checksum(message) {
		return h, nil, ErrChecksum
	}
	h = Header{
		Version: message[4], Codec: Codec(message[5]), Stream: Stream(message[6]),
		Epoch: binary.BigEndian.Uint64(message[8:]), First: binary.BigEndian.Uint64(message[16:]),
		Count: binary.BigEndian.Uint32(message[24:]), BodySize: binary.BigEndian.Uint32(message[28:]),
		SentUnixMs: int64(binary.BigEndian.Uint64(message[32:])), // and back
	}
	switch {
	case h.Stream != Calls && h.Stream != Telemetry:
		return h, nil, fmt.Errorf("%w: stream %d", ErrRange, h.Stream)
	case h.First == 0 || h.Count == 0 || h.Count > MaxRecords || h.First+uint64(h.Count) < h.First:
		return h, nil, fmt.Errorf("%w: %d records from %d on", ErrRange, h.Count, h.First)
	case h.BodySize > MaxBody:
		return h, nil, fmt.Errorf("%w: a body of %d bytes", ErrRange, h.BodySize)
	}
	return h, message[HeaderSize:], nil
}
