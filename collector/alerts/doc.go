// Package alerts watches figures, and tells people when one of them is not what it should
// be.
//
// A rule (query.Rule) names an area (what is measured), whose it is (the total, one
// customer, carrier or node, or each of them by itself), an operator with a threshold, and a
// reset threshold where the alert is over again. An engine judges rules: figures in, alerts
// that were raised, repeated or cleared out; it reads no clock and does no IO. A Service feeds
// it from the store and from the nodes' live messages, keeps what it says, and hands it to
// a Dispatcher, which sends it by e-mail and webhook.
//
// What is not known is never judged: without calls there is no ASR, and a node that is
// silent is an alert of area node_down and ends no other one.
package alerts
