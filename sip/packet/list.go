package packet

// list is a queue that gives up members anywhere, without an allocation: its
// members hold their neighbours themselves, by embedding links. A member is in
// one list at a time. The zero value is empty.
type list[T any, P linked[T]] struct {
	oldest, newest P
	len            int
}

// links are the neighbours of a member.
type links[T any] struct{ prev, next *T }

func (l *links[T]) neighbours() *links[T] { return l }

// linked is a pointer to what embeds links.
type linked[T any] interface {
	*T
	neighbours() *links[T]
}

// push adds x at the end.
func (l *list[T, P]) push(x P) {
	*x.neighbours() = links[T]{prev: l.newest}
	if l.newest != nil {
		l.newest.neighbours().next = x
	} else {
		l.oldest = x
	}
	l.newest = x
	l.len++
}

// remove takes out x, which must be in l.
func (l *list[T, P]) remove(x P) {
	at := x.neighbours()
	if at.prev != nil {
		P(at.prev).neighbours().next = at.next
	} else {
		l.oldest = at.next
	}
	if at.next != nil {
		P(at.next).neighbours().prev = at.prev
	} else {
		l.newest = at.prev
	}
	*at = links[T]{}
	l.len--
}
