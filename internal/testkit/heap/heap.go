// Package heap measures what tests hold in memory.
package heap

import "runtime"

// Bytes returns how much of the heap is in use. It collects twice: what has a
// finalizer goes with the second collection.
func Bytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
