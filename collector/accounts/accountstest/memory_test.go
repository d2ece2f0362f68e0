package accountstest

import "testing"

func TestMemory(t *testing.T) {
	Suite(t, func(*testing.T) Under {
		m := NewMemory()
		return Under{m, m.Entries}
	})
}
