// Package admin serves what the agent knows: Prometheus metrics, health,
// readiness and a status report, over HTTP and on a unix socket. It only reads
// snapshots that it is handed; no event costs it anything.
package admin

import (
	"time"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/internal/certs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sip/packet"
	"github.com/sipward/sipward/sip/register"
)

// Source hands out the state of the agent. Status is called from many
// goroutines; what it returns does not change any more.
type Source interface {
	Status() *Status
}

// Status is the state of the agent at one moment.
type Status struct {
	Node    string
	Version string
	Mode    string    // where packets come from: "ebpf", "classic", "hep", ...
	Started time.Time // of the agent
	Taken   time.Time // when the pipeline published its figures

	NotReady []string // why the agent does not do its work yet; empty when it does
	Suspect  []string // why the figures may be wrong: packets are being lost. Set by the Server

	Figures       *counters.Snapshot
	Registrations register.Totals

	Frames          uint64                    // that reached user space
	Messages        [packet.Transports]uint64 // SIP, by transport
	Malformed       uint64
	Retransmissions uint64
	Duplicates      uint64 // captured twice
	Panics          uint64 // frames that met a fault in the agent

	LiveLegs     int // held by the dialog table, calls and carrier legs
	MaxLegs      int
	Endpoints    int // media addresses watched
	MaxEndpoints int
	QueueLength  int // batches that wait for the pipeline

	Drops      []tally.Count // what was lost for want of room or time
	Counts     []tally.Count // everything else that is counted
	Interfaces []Interface   // that there are
	Sources    []Interface   // names and patterns of the configuration, each with the best state of what it names, "" before that is known
	Listeners  []Listener

	Certificates []certs.Certificate // that the agent uses

	Sync  *Sync  // nil without an uplink
	Guard *Guard // nil in a replay
}

// Capturing is the State of an interface that is listened on.
const Capturing = "capturing"

// Interface is one network interface that is, or should be, listened on.
type Interface struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// Listener is one HEP listener.
type Listener struct {
	Network string `json:"network"`
	Address string `json:"address"`

	Packets      uint64 `json:"packets"`      // handed on
	Unauthorized uint64 `json:"unauthorized"` // refused: without the key
	Malformed    uint64 `json:"malformed"`    // refused: no HEP
}
