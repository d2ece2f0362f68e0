package record

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxParts bounds the attempts and held ranges in a batch.
const MaxParts = 1 << 16

// leastPart is how many bytes an attempt or a held range takes at least.
const leastPart = 2

// checkShape counts what is in the unpacked body of a batch before it is decoded. Two
// bytes on the wire can become hundreds in memory: without this check a small message
// could cost its reader gigabytes.
func checkShape(body []byte, count int) error {
	records, parts := 0, 0
	deep := len(body) > leastPart*MaxParts // else there cannot be too many
	err := eachBytes(body, func(field protowire.Number, data []byte) error {
		if field != 1 {
			return nil // of a newer version; it is kept as it is
		}
		if records++; records > count {
			return fmt.Errorf("more records in a batch than the %d of its header", count)
		}
		if len(data) > MaxRecord {
			return fmt.Errorf("a record of %d bytes, more than %d", len(data), MaxRecord)
		}
		if !deep {
			return nil
		}
		return eachBytes(data, func(kind protowire.Number, data []byte) error {
			part := partField(kind)
			if part == 0 {
				return nil
			}
			return eachBytes(data, func(field protowire.Number, _ []byte) error {
				if field == part {
					parts++
				}
				if parts > MaxParts {
					return fmt.Errorf("more than %d attempts or held ranges in a batch", MaxParts)
				}
				return nil
			})
		})
	})
	if err != nil {
		return fmt.Errorf("decoding a batch: %w", err)
	}
	return nil
}

// partField is the field that repeats messages in a kind of record; 0: none does.
func partField(kind protowire.Number) protowire.Number {
	const call, mark = 1, 2
	if kind == call {
		return 42 // attempts
	}
	if kind == mark {
		return 6 // held
	}
	return 0
}

// eachBytes calls do for every field of a message that has a length.
func eachBytes(b []byte, do func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n) //nolint:wrapcheck // its caller does
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
				return protowire.ParseError(n) //nolint:wrapcheck // as above
			}
			b = b[n:]
			continue
		}
		data, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return protowire.ParseError(n) //nolint:wrapcheck // as above
		}
		if err := do(field, data); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
