package register

import "github.com/sipward/sipward/sip/party"

// examine finds the customer of slot i by the present table, and whether the
// table would refuse its number.
func (r *Registry) examine(i uint32) {
	s := r.at(i)
	s.customer, s.checked = r.owner(i), r.version
	var stray Reason
	if customer, sure := r.present(i); sure || customer != party.Unknown {
		number := ""
		if s.key&unnumbered != 0 {
			number = r.binding(i).Number
		}
		stray = r.strayOf(customer, s.key, number)
	}
	was := r.of(i).stray
	r.of(i).stray = stray
	switch {
	case was == 0 && stray != 0:
		r.stats.Strays++
		r.change(Strayed, i)
	case was != 0 && stray == 0:
		r.stats.Strays--
		r.change(Settled, i)
	}
}

// strayOf returns why the present table would refuse a number to a customer; 0
// when it would not. It asks the checks that look at the number alone.
func (r *Registry) strayOf(customer party.ID, key uint64, number string) Reason {
	in := &r.in
	*in = inquiry{key: key, numeric: true, v: Verdict{Customer: customer}}
	if key&unnumbered == 0 {
		in.number = party.Number(key)
	} else {
		in.numeric = party.Digits(number)
	}
	in.block, in.owner, in.held = r.book.BlockOf(in.number)
	for _, c := range checks[NonNumeric-1 : ForeignUsername-1] {
		if c.applies(r, in) {
			return c.reason
		}
	}
	return 0
}

// Tick removes what has expired at now and judges bindings by a new table, in
// at most most steps of well under a microsecond, as the caller may hold a
// lock. more reports whether another call has more to do. The changes are
// valid until the next call of Message or Tick.
func (r *Registry) Tick(now int64, most int) (changes []Change, more bool) {
	r.changes = r.changes[:0]
	most = r.wheel.turn(r, now, most, func(i uint32) {
		r.change(Expired, i)
		r.remove(i)
	})
	for ; most > 0 && r.sweep != 0; most-- {
		if r.sweep > r.used {
			r.sweep = 0
			break
		}
		if s := r.at(r.sweep); s.expires != 0 && s.checked != r.version {
			r.examine(r.sweep)
		}
		r.sweep++
	}
	return r.changes, most == 0
}
