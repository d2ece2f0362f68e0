package capture

import "github.com/sipward/sipward/sip/packet"

// Sink takes what a live source captured. Implementations are safe for
// concurrent use: every source calls from goroutines of its own.
type Sink interface {
	// Get returns an empty batch, which the caller owns until it calls Put.
	Get() *packet.Batch
	// Put hands b over, full or not, and never blocks. False means that there
	// was no room: the caller, and nobody else, counts the frames in b as
	// dropped. Either way b no longer belongs to the caller. A sink may put
	// small batches together: how often they come says nothing of its room.
	Put(b *packet.Batch) bool
}
