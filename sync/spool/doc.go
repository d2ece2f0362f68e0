// Package spool keeps records on disk until somebody else has them for certain.
//
// A record is (node, epoch, stream, seq). The epoch is a random number that an
// agent draws at its start; seq counts 1, 2, 3 within the epoch and stream, in the
// transaction that stores the record. At any moment, for each stream,
//
//	accepted = acked + spooled + declared
//
// where declared are the records that were lost or given up: each of them is told
// in a Loss record of the stream calls. Nothing vanishes in silence.
//
// # Files
//
//	lock                                    held by the process that writes
//	format                                  version of all that follows
//	00000042-<epoch>-<stream>.seg           a segment: a bbolt file of about 32 MiB
//	00000042-<epoch>-<stream>.corrupt       a damaged one; what is readable in it is served
//	00000042-<epoch>-<stream>-1-900.shed    empty: the memory of a segment that gave way
//	open.db                                 calls that are going on, and the ranges of segments
//	open.db.spare                           room for the open.db that the next run begins with
//	reserve                                 room that is given up for calls when the disk is full
//
// A segment holds records of one epoch and stream, so that old telemetry gives
// its room back without a call record being touched. It is unlinked as a whole: a
// bbolt file never shrinks.
//
// # Reading
//
// The segment that is being written is read through bbolt. All others are read
// by this package itself, page by page with pread. bbolt maps a file into memory
// and trusts it: a cut file is a SIGBUS, a page that points at itself ends the
// stack, and neither can be recovered from in Go. An old segment is checked
// wholly (structure of the tree, bounds, order of the keys, the checksum of every
// value) before anything of it is served, and each page again when it is read.
package spool
