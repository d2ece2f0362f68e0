package uplink

import "github.com/sipward/sipward/sync/record"

// upTo returns what is in a and not above n, above the rest.
func upTo(a record.Ranges, n uint64) record.Ranges {
	return a.And(record.Ranges{{First: 1, Last: n}})
}

func above(a record.Ranges, n uint64) record.Ranges {
	return a.Minus(record.Ranges{{First: 1, Last: n}})
}
