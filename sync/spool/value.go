package spool

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/sipward/sipward/sync/record"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A value is the CRC-32C of what it is and where it belongs, and then the record:
// a record under a wrong number is as damaged as one with a flipped bit.
const valueHeader = 4

// place is the checksum of an epoch and stream, with which those of their records
// begin.
type place uint32

func placeOf(epoch uint64, st record.Stream) place {
	return place(crc32.Checksum(append(key(epoch), byte(st)), castagnoli))
}

// sum is the checksum of a record with its key.
func (p place) sum(key, data []byte) uint32 {
	return crc32.Update(crc32.Update(uint32(p), castagnoli, key), castagnoli, data)
}

// appendValue adds the value of a record to b.
func (p place) appendValue(b, key, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, p.sum(key, data)), data...)
}

// open checks a key and a value, and returns the number and the record, which is
// part of the value.
func (p place) open(key, value []byte) (seq uint64, data []byte, err error) {
	if len(key) != 8 || len(value) < valueHeader || len(value) > valueHeader+record.MaxRecord {
		return 0, nil, damaged("a record with a key of %d and a value of %d bytes", len(key), len(value))
	}
	seq, data = binary.BigEndian.Uint64(key), value[valueHeader:]
	if seq == 0 || binary.BigEndian.Uint32(value) != p.sum(key, data) {
		return 0, nil, damaged("the checksum of record %d differs", seq)
	}
	return seq, data, nil
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
