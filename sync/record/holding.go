package record

// Holding is what a spool has of one epoch and stream: every number that was
// ever given out is in exactly one of the sets, or was declared lost. Spool and
// uplink both name it, and neither imports the other.
type Holding struct {
	Epoch   uint64
	Stream  Stream
	Unacked Ranges // on disk, and to be sent
	Kept    Ranges // on disk still, though an ack covers them
	Gone    Ranges // covered by an ack and deleted, as far as it is still known
	Bytes   int64  // of records on disk
}
