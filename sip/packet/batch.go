package packet

// Batch carries frames from a capture goroutine to the pipeline in one
// hand-over. It owns the bytes of its frames and is reused; it is not safe for
// concurrent use.
type Batch struct {
	Frames []Frame
	arena  []byte
}

// NewBatch returns a batch with room for frames frames of bytes bytes in all.
func NewBatch(frames, bytes int) *Batch {
	return &Batch{Frames: make([]Frame, 0, frames), arena: make([]byte, 0, bytes)}
}

// Add copies f into the batch and reports whether there was room for it. A
// frame larger than an empty batch's arena is never accepted.
func (b *Batch) Add(f *Frame) bool {
	at := len(b.arena)
	if len(b.Frames) == cap(b.Frames) || len(f.Data) > cap(b.arena)-at {
		return false
	}
	b.arena = append(b.arena, f.Data...)
	b.Frames = append(b.Frames, *f)
	b.Frames[len(b.Frames)-1].Data = b.arena[at:len(b.arena):len(b.arena)]
	return true
}

// Append copies the frames of from to the end of b and reports whether there
// was room; if not, b is as it was.
func (b *Batch) Append(from *Batch) bool {
	if len(b.Frames)+len(from.Frames) > cap(b.Frames) || len(b.arena)+len(from.arena) > cap(b.arena) {
		return false
	}
	for i := range from.Frames {
		b.Add(&from.Frames[i])
	}
	return true
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Frames = b.Frames[:0]
	b.arena = b.arena[:0]
}
