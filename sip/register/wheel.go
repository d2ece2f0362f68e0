package register

// wheel holds slots by the second in which they expire, modulo its size, so
// that adding, moving and expiring one costs the same however many there are.
// What expires after a whole turn or more is passed once a turn.
type wheel struct {
	buckets [wheelSize]bucket
	started bool
	done    int64  // the second up to which all that is over is gone
	left    uint32 // of the bucket behind done: how many are still to be looked at
	inside  bool   // left counts
}

type bucket struct{ head, tail, count uint32 }

const wheelSize = 1 << 12

// put moves slot i to the bucket of its expiry.
func (w *wheel) put(r *Registry, i uint32) {
	s := r.of(i)
	w.out(r, i)
	// What is over already waits for the next second, not for the next turn.
	at := max(r.at(i).expires/second, w.done+1)
	s.bucket = uint16(at&(wheelSize-1)) + 1 // below 1<<12
	w.push(r, i)
}

func (w *wheel) push(r *Registry, i uint32) {
	s := r.of(i)
	b := &w.buckets[s.bucket-1]
	s.sooner, s.later = b.tail, 0
	if b.tail != 0 {
		r.of(b.tail).later = i
	} else {
		b.head = i
	}
	b.tail = i
	b.count++
}

// out takes slot i out of its bucket, if it is in one.
func (w *wheel) out(r *Registry, i uint32) {
	s := r.of(i)
	if s.bucket == 0 {
		return
	}
	b := &w.buckets[s.bucket-1]
	if s.sooner != 0 {
		r.of(s.sooner).later = s.later
	} else {
		b.head = s.later
	}
	if s.later != 0 {
		r.of(s.later).sooner = s.sooner
	} else {
		b.tail = s.sooner
	}
	b.count--
	s.bucket = 0
}

// turn looks at up to most slots and buckets whose second is over at now, calls
// expire with the slots that are due, and returns how many steps are left.
func (w *wheel) turn(r *Registry, now int64, most int, expire func(uint32)) int {
	sec := now / second
	switch {
	case !w.started, sec-w.done > wheelSize+1: // one turn passes everything
		w.started, w.done, w.inside = true, sec-1-wheelSize, false
	case sec < w.done: // the clock was set back
		w.done, w.inside = sec-1, false
	}
	for ; most > 0 && w.done+1 < sec; most-- {
		b := &w.buckets[(w.done+1)&(wheelSize-1)]
		if !w.inside {
			w.left, w.inside = b.count, true
		}
		if w.left == 0 || b.head == 0 {
			w.done++
			w.inside = false
			continue
		}
		w.left--
		i := b.head
		if r.at(i).expires <= now {
			expire(i)
			continue
		}
		at := r.of(i).bucket
		w.out(r, i)
		r.of(i).bucket = at
		w.push(r, i)
	}
	return most
}
