package record

import "fmt"

// Stream is one of the two sequences of records that an agent numbers. Its
// number is on the wire and in files.
type Stream uint8

// Streams; the zero value is invalid.
const (
	Calls     Stream = 1 // call records, hour marks, losses: never shed for another stream
	Telemetry Stream = 2 // minute counters, registration verdicts
)

// Streams lists all streams, in the order of their importance.
var Streams = [...]Stream{Calls, Telemetry}

// String returns the word that topics, metrics and configs use.
func (s Stream) String() string {
	switch s {
	case Calls:
		return "calls"
	case Telemetry:
		return "telemetry"
	}
	return "invalid"
}

// ParseStream is the reverse of String.
func ParseStream(word string) (Stream, error) {
	for _, s := range Streams {
		if s.String() == word {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is no stream", word)
}

// Reasons of a Loss.
const (
	LossShed       = "shed"              // telemetry gave way to the disk's budget
	LossCorrupt    = "corrupt"           // a segment could not be read
	LossDiskFull   = "disk_full"         // a record found no room on disk
	LossQueueFull  = "queue_full"        // a record found the queue to the disk full
	LossTooLarge   = "too_large"         // one record above the limit of a batch
	LossDeadLetter = "dead_letter"       // the collector could not store it and set it aside
	LossRolledBack = "store_rolled_back" // the collector lost what it had acked, and the agent had deleted it
)
