package dialog

// Walk visits the legs of a Table in portions, so that its owner can do other
// things in between. It belongs to the goroutine that owns the table.
type Walk struct{ rest []*timer }

// Walk begins a visit of all legs that are held now; those that open later are not
// in it. It costs a copy of one pointer a leg.
func (t *Table) Walk() *Walk { return &Walk{append([]*timer(nil), t.timers...)} }

// Next visits at most n of the legs that are left, in no order and without those
// that were closed since, and reports whether there are more. What it calls must
// not change the table.
func (w *Walk) Next(n int, visit func(*Leg)) bool {
	n = min(n, len(w.rest))
	for i, t := range w.rest[:n] {
		if !t.leg.gone {
			visit(t.leg)
		}
		w.rest[i] = nil // a leg that is closed meanwhile is not kept by this
	}
	w.rest = w.rest[n:]
	return len(w.rest) > 0
}

// Gone reports whether the leg has left its table.
func (l *Leg) Gone() bool { return l.gone }

// Held reports whether either side has put the call on hold.
func (l *Leg) Held() bool { return l.held[0] || l.held[1] }
