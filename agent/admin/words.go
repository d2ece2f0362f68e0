package admin

import (
	"fmt"
	"strings"

	"github.com/sipward/sipward/internal/tally"
)

// lossWords say of every loss what was lost, why, and where it can be changed;
// %d is the limit that was reached. docs/operations.md says what to do.
var lossWords = map[place]string{
	{"dialog", "refused"}:           "calls not counted because the table is full (calls.max %d)",
	{"dialog", "overflow"}:          "attempts or media addresses beyond what one call may have, not counted",
	{"dialog", "evicted"}:           "calls given up to make room in the full table (calls.max %d)",
	{"media", "refused_endpoints"}:  "media addresses not watched because the table is full (capture.max_endpoints %d)",
	{"media", "kernel_refused"}:     "media addresses that the kernel filter did not take: their media is not counted",
	{"tcp", "evicted"}:              "TCP connections forgotten because too many are open: SIP on them may be missed",
	{"tcp", "starved"}:              "TCP segments discarded because too much waits for lost ones: SIP may be missed",
	{"fragment", "evicted"}:         "IP fragments discarded because too many wait for their rest: SIP may be missed",
	{"records", "queue_full"}:       "call records lost because the disk is too slow (records.file)",
	{"records", "disk_failed"}:      "call records lost because they could not be written (records.file): is the disk full?",
	{"outbox", "unencoded"}:         "records lost because they could not be encoded: please report it",
	{"capture", "kernel_dropped"}:   "packets lost because the receive ring was full (capture.ring_mib): the host is too busy",
	{"capture", "queue_dropped"}:    "packets lost because the agent did not keep up: the host is too busy",
	{"capture", "too_large"}:        "packets lost because they are too large",
	{"filter", "full"}:              "media addresses not watched because the kernel's table is full (capture.max_endpoints %d)",
	{"filter", "failed"}:            "times that the kernel filter refused a change or a question: media figures may be wrong",
	{"hep", "queue_dropped"}:        "HEP packets lost because the agent did not keep up: the host is too busy",
	{"hep", "kernel_dropped"}:       "HEP packets lost because the socket's buffer was full: the host is too busy",
	{"hep", "too_long"}:             "HEP packets lost because they are too large",
	{"hep", "refused"}:              "HEP connections turned away because too many are open",
	{"hep", "unauthorized"}:         "HEP packets refused because they had not the key of auth_key_file",
	{"guard", "bindings_refused"}:   "registered contacts not followed because there are too many (guard.max_bindings)",
	{"guard", "reports_discarded"}:  "refusals that nobody will hear of because too many came at once",
	{"netfilter", "queue_dropped"}:  "REGISTERs that found the queue full: they went as guard.fail says",
	{"netfilter", "socket_dropped"}: "REGISTERs that found the agent's socket full: they went as guard.fail says",
	{"netfilter", "bypassed"}:       "REGISTERs that passed without a verdict",
	{"hep", "malformed"}:            "packets refused because they are no HEP",
}

// explain says in words what d counts. maxLegs and maxEndpoints are the limits
// of the configuration.
func explain(d tally.Count, maxLegs, maxEndpoints int) string {
	words, known := lossWords[place{d.Stage, d.Event}]
	if !known {
		return d.Stage + " " + strings.ReplaceAll(d.Event, "_", " ") + ": lost"
	}
	if !strings.Contains(words, "%d") {
		return words
	}
	limit := maxEndpoints
	if d.Stage == "dialog" {
		limit = maxLegs
	}
	return fmt.Sprintf(words, limit)
}

// Explained reports whether there are words for d.
func Explained(d tally.Count) bool {
	_, known := lossWords[place{d.Stage, d.Event}]
	return known
}
