package web

import (
	"errors"

	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/sync/record"
)

type assigned struct {
	changed
	Blocks []block `json:"blocks"`
}

type released struct {
	changed
	Strays    []binding   `json:"strays"`
	More      int         `json:"more"`
	Unreached []unreached `json:"unreached"`
}

func (s *Server) assign(q *request) (any, error) {
	var in struct {
		Version  uint64 `json:"version"`
		Customer string `json:"customer"`
		Count    int    `json:"count"`
		Range    *block `json:"range"`
		Comment  string `json:"comment"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if err := checkComment(in.Comment); err != nil {
		return nil, err
	}
	a, field := table.Assignment{Customer: in.Customer, Count: in.Count}, "count"
	if in.Range != nil {
		b, err := table.ParseRange(in.Range.First + "-" + in.Range.Last)
		if err != nil {
			return nil, wrongAs("range", "first", err.Error())
		}
		a.Range, field = &b, "first"
	}
	d, err := s.draft(q, in.Version)
	if err != nil {
		return nil, err
	}
	got, err := table.Assign(d.Table, a)
	switch {
	case errors.Is(err, table.ErrNoCustomer):
		return nil, wrongAs("no-such-customer", "customer", err.Error())
	case err != nil:
		return nil, refusedOn(field, err)
	}
	out := assigned{Blocks: []block{}}
	for _, b := range got {
		out.Blocks = append(out.Blocks, block{b.First, b.Last})
	}
	out.changed, err = s.save(q, d, in.Comment, actionAssign, "customer:"+in.Customer, inWords(d))
	return out, err
}

func (s *Server) release(q *request) (any, error) {
	a := q.args
	customer, first, last, version := a.text("customer"), a.text("first"), a.text("last"), a.seen()
	dry := a.flag("dry_run")
	if a.err != nil {
		return nil, a.err
	}
	b, err := table.ParseRange(first + "-" + last)
	if err != nil {
		return nil, wrongAs("range", "first", err.Error())
	}
	d, err := s.draft(q, version)
	if err != nil {
		return nil, err
	}
	switch err := table.Release(d.Table, customer, b); {
	case errors.Is(err, table.ErrNoCustomer):
		return nil, wrongAs("no-such-customer", "customer", err.Error())
	case err != nil:
		return nil, refusedOn("first", err)
	}
	out := &released{Strays: []binding{}, Unreached: []unreached{}}
	if dry != nil && *dry {
		out.Version = version
		return out, s.findStrays(q, d, out)
	}
	out.changed, err = s.save(q, d, "", actionRelease, "customer:"+customer, inWords(d))
	return out, err
}

// findStrays asks all nodes for phones that a draft leaves without their numbers.
func (s *Server) findStrays(q *request, d *table.Draft, out *released) error {
	owners, err := table.NewOwners(d.Table)
	if err != nil {
		return notSaved(d, err)
	}
	touched, all := d.Difference().Touched(d.Old)
	var ranges []Range
	for _, b := range touched {
		ranges = append(ranges, Range(b))
	}
	if all {
		ranges = []Range{{}}
	}
	found, err := s.askBindings(q, ranges, record.MaxBindings)
	if err != nil {
		return err
	}
	out.More, out.Unreached = found.More, found.Unreached
	for i := range found.Items {
		if x := &found.Items[i]; owners.Stray(x.Number, x.Customer) {
			out.Strays = append(out.Strays, *x)
		}
	}
	return nil
}
