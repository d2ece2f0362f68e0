package dialog

import "time"

// Config says how long a Table waits and how much it holds.
type Config struct {
	MaxLegs      int           // legs held at once; 0: 200,000
	SetupTimeout time.Duration // without any message before an answer; 0: 5 minutes (above Timer C, RFC 3261 section 16.6)
	MediaTimeout time.Duration // without media where media had been seen and nobody is on hold; 0: 5 minutes; negative: never
	MaxAge       time.Duration // of an answered call; 0: 12 hours
	Settle       time.Duration // from the end of a leg to its record; 0: DefaultSettle
	KeepDigits   bool          // keep INFO digits, not only their count

	// LastMedia returns when media of leg was last seen, in nanoseconds since
	// the Unix epoch, and 0 when its silence would say nothing: none was seen
	// where it is sent to now, or none can be. nil: nobody knows.
	LastMedia func(leg *Leg) int64
	// Alive returns when any media of leg was last seen since Restore, 0 for
	// never, and whether it would be seen if there were any. nil: nobody knows.
	Alive func(leg *Leg) (last int64, sure bool)

	Changes bool // remember which legs changed, for Changed
}

// DefaultSettle is how long after its end a leg is closed.
const DefaultSettle = 4 * time.Second

func (c Config) withDefaults() Config {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&c.SetupTimeout, 5*time.Minute)
	or(&c.MediaTimeout, 5*time.Minute)
	or(&c.MaxAge, 12*time.Hour)
	or(&c.Settle, DefaultSettle)
	if c.MaxLegs == 0 {
		c.MaxLegs = 200_000
	}
	return c
}

// Stats counts what a Table holds and what it could not use.
type Stats struct {
	Legs     int    // held now
	Evicted  uint64 // legs closed early to make room: over, or never responded to
	Refused  uint64 // messages that would have opened a leg when there was no room
	Overflow uint64 // hops, transactions, tags or endpoints beyond a leg's bounds
	Late     uint64 // messages of legs that were closed before
	Strange  uint64 // messages that belong to no leg and cannot open one
}
