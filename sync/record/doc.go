// Package record defines what an agent stores and sends, and what a collector
// answers: the messages of record.proto, the header of a batch, and sets of
// sequence numbers. It is pure: no IO, no clock.
//
// The messages are encoded to JSON by encoding/json: their field names are those of
// record.proto, and what is zero is left out.
package record

//go:generate ../../scripts/protoc record.proto
