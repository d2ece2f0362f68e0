// Package uplink sends what a spool holds over MQTT, and has the spool release
// what a collector has committed to its database. docs/protocol.md says what
// travels.
//
// The sender decides what is sent when. It has neither goroutine nor clock nor
// connection: the time, acks and what the spool holds come in, the next message
// goes out, so that every order of loss, repetition and death can be tried out
// on it. Around it a session owns one connection, and Uplink one session after
// the other.
//
// A broker's PUBACK says that the broker has a message. It says nothing of
// collectors, and nothing here follows from it.
package uplink
