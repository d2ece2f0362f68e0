package uplink

import "github.com/sipward/sipward/sync/record"

// subtract returns what is in a and not in b.
func subtract(a, b record.Ranges) record.Ranges {
	if len(b) == 0 {
		return a.Clone()
	}
	var out record.Ranges
	for _, r := range a {
		out = append(out, b.Missing(r)...)
	}
	return out
}

// intersect returns what is in both.
func intersect(a, b record.Ranges) record.Ranges {
	var out record.Ranges
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if r := (record.Range{First: max(a[i].First, b[j].First), Last: min(a[i].Last, b[j].Last)}); r.Len() > 0 {
			out = append(out, r)
		}
		if a[i].Last < b[j].Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// upTo returns what is in a and not above n, above the rest.
func upTo(a record.Ranges, n uint64) record.Ranges {
	return intersect(a, record.Ranges{{First: 1, Last: n}})
}

func above(a record.Ranges, n uint64) record.Ranges {
	if n == ^uint64(0) {
		return nil
	}
	return intersect(a, record.Ranges{{First: n + 1, Last: ^uint64(0)}})
}
