package media

import (
	"slices"
	"testing"
)

// Keys that are pressed where nobody owns the endpoint, yet or any more, are
// found; those that the capture cut off or SRTP hides are not.
func TestUnownedDigits(t *testing.T) {
	table := NewTable(Options{KeepClosed: true, Streams: 100, Digits: true})
	s, other := spec(1, Callee), spec(1, Callee)
	other.EventsIn = set(eventPT + 1)
	table.Note(relay, &other)
	feed(table, key(phone, relay, 1, 8000, 1))
	table.Note(relay, &s) // a later description asks for another type
	feed(table, key(phone, relay, 1, 16000, 2), key(relay, phone, 2, 8000, 3))
	open(t, table, relay, s)
	feed(table, key(phone, relay, 1, 24000, 4)) // the owner's
	table.Close(relay, 1)
	feed(table, key(phone, relay, 1, 32000, 5), voice(phone, relay, 1, 40, 3))

	s.Encrypted = true
	table.Note(carrier, &s)
	cut := key(phone, relay, 1, 48000, 7)
	for _, p := range cut {
		p.Truncated = true
	}
	feed(table, key(phone, carrier, 1, 40000, 6), cut)

	var found []string
	for f := range table.Learned() {
		found = append(found, f.Digits())
	}
	if want := []string{"25", "3"}; !slices.Equal(found, want) {
		t.Errorf("digits %q, want %q", found, want)
	}
}

// Streams bounds what is remembered, and a live agent remembers nothing.
func TestUnownedBounds(t *testing.T) {
	table := NewTable(Options{KeepClosed: true, Streams: 2})
	s := spec(1, Callee)
	table.Note(relay, &s)
	for ssrc := range uint32(5) {
		feed(table, key(phone, relay, ssrc, 8000, 1))
	}
	if n := len(table.unowned.flows); n != 2 {
		t.Errorf("%d flows, want 2", n)
	}
	live := NewTable(Options{})
	open(t, live, relay, s)
	live.Close(relay, 1)
	feed(live, key(phone, relay, 1, 8000, 1))
	if live.Len() != 0 || live.unowned.flows != nil {
		t.Error("a live agent remembers what nobody owns")
	}
}
