// Package ingest takes batches of records from MQTT, hands them to a store, and
// tells each node what is committed. It acks nothing that the store has not.
//
// The way of a batch: a link (one MQTT connection, or the embedded broker)
// delivers it into the queue, which is bounded in bytes and messages; the gatherer
// unpacks it and puts groups together; the committer stores a group in one
// transaction; the acker reads from the store what is committed by now, and says so
// to the nodes that were touched. Only the store knows what is done: an ack can
// come from any collector, and after any restart.
//
// A batch that cannot be stored never holds up another: it is set aside in the
// store's dead letters with its reason.
package ingest
