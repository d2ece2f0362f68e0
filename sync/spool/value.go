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

// sum is the checksum of a record.
func sum(epoch uint64, st record.Stream, seq uint64, data []byte) uint32 {
	var id [17]byte
	binary.BigEndian.PutUint64(id[:], epoch)
	id[8] = byte(st)
	binary.BigEndian.PutUint64(id[9:], seq)
	return crc32.Update(crc32.Update(0, castagnoli, id[:]), castagnoli, data)
}

// appendValue adds the value of a record to b.
func appendValue(b []byte, epoch uint64, st record.Stream, seq uint64, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, sum(epoch, st, seq, data))
	return append(b, data...)
}

// open checks a key and a value, and returns the number and the record, which is
// part of the value.
func openValue(epoch uint64, st record.Stream, key, value []byte) (seq uint64, data []byte, err error) {
	if len(key) != 8 || len(value) < valueHeader || len(value) > valueHeader+record.MaxRecord {
		return 0, nil, damaged("a record with a key of %d and a value of %d bytes", len(key), len(value))
	}
	seq, data = binary.BigEndian.Uint64(key), value[valueHeader:]
	if seq == 0 || binary.BigEndian.Uint32(value) != sum(epoch, st, seq, data) {
		return 0, nil, damaged("the checksum of record %d differs", seq)
	}
	return seq, data, nil
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
