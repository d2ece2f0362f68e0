package uplink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/internal/brokerurl"
	"github.com/sipward/sipward/sync/record"
)

// Config of an Uplink. Zero values get the defaults named.
type Config struct {
	Node             string                 // record.ValidNode; client id and part of every topic
	Brokers          []string               // URLs, tried in turn: mqtt, tcp, mqtts, ssl, ws, wss
	TLS              *tls.Config            // for mqtts, ssl and wss; nil: the system's authorities
	Username         string                 // empty: none is sent, nor a password
	Password         func() (string, error) // asked at every connect; nil: none
	Window           int                    // batches on their way; 8
	RecordsPerSecond int                    // from the backlog; 0: no limit
	Live             func() []byte          // JSON for the topic live, once a second; nil: none
	State            func() []byte          // JSON for the topic state, every 30 s and after a table; nil: none
	Program          string                 // version, for collectors

	// Table is handed the signed table of customers that a collector keeps for this
	// node, at every connect and whenever there is another; nil: none is wanted.
	Table func(signed []byte)
	// Command is handed what comes on the topic cmd, and returns what is said on the
	// topic answer; false for what it does not know. nil: nothing is known.
	Command func(question []byte) (answer []byte, ok bool)

	Log *slog.Logger // nil: silent
}

// Spool is what an Uplink needs of a spool. It must be open.
type Spool interface {
	// Epoch is the running one.
	Epoch() uint64
	// Read returns records with consecutive numbers, the first of which is the first
	// that exists from from on; at most maxRecords, and maxBytes unless one is larger.
	// None means that none exist. They are valid until the slice is used again.
	Read(epoch uint64, st record.Stream, from uint64, maxRecords, maxBytes int, to [][]byte) (first uint64, records [][]byte, err error)
	// Held lists every epoch and stream that has records on disk, and the running
	// epoch's, the oldest first.
	Held() []record.Holding
	// Release says that a store has committed these numbers, beside those of earlier calls.
	Release(epoch uint64, st record.Stream, done record.Ranges)
	// Unrelease takes back all releases of what is still on disk.
	Unrelease()
	// Appended wakes up after records were added.
	Appended() <-chan struct{}
}

// Times of a connection. Tests use the same, in virtual time.
const (
	keepAlive      = 5 * time.Second  // without anything received, a ping is sent
	pingTimeout    = 5 * time.Second  // a half-open link is found 12.5 s after its last byte
	connectTimeout = 10 * time.Second // to the CONNACK
	writeTimeout   = 10 * time.Second // of one message
	byeTimeout     = time.Second      // for the last state
	stateEvery     = 30 * time.Second
	stateSoon      = 3 * time.Second        // after connecting: an agent that has just started is not ready yet
	holdEvery      = 50 * time.Millisecond  // between two looks into the spool
	stable         = 30 * time.Second       // a connection that lasts so long ends the backing off
	anewAfter      = 3 * time.Minute        // without any answer: another connection is tried
	silentAfter    = 30 * time.Second       // without any answer: said in the log
	paceMost       = 400 * time.Millisecond // that a batch may keep the connection busy
	messageLeast   = 4 << 10                // bytes of a batch, however slow the connection is
	packMost       = 8                      // a batch holds at most so many times its size
	ackQueue       = 64
	ackBytes       = 1 << 20
)

// retry is what passes between two tries to connect.
var retry = backoff.Backoff{First: time.Second, Most: time.Minute}

// New checks the configuration. It starts nothing.
func New(c Config, spool Spool) (*Uplink, error) {
	if !record.ValidNode(c.Node) {
		return nil, fmt.Errorf("uplink: %q cannot be the id of a node", c.Node)
	}
	if len(c.Brokers) == 0 {
		return nil, errors.New("uplink: no broker is configured")
	}
	u := &Uplink{cfg: c, spool: spool, log: logOf(&c), dial: dial, inbox: newInbox()}
	for _, b := range slices.Compact(slices.Clone(c.Brokers)) {
		broker, err := brokerurl.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
		u.brokers = append(u.brokers, broker)
	}
	return u, nil
}

func logOf(c *Config) *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}
