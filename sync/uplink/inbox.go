package uplink

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/sync/record"
)

const (
	maxTables    = 4  // packed tables that wait to be read
	maxQuestions = 16 // questions that wait to be answered
	maxAnswers   = 16 // answers that wait to be sent
)

// inbox is what a collector sends beside acks: tables and questions. Goroutines of
// their own look at them, so that no ack ever waits for it. What does not fit is
// counted and lost; of tables the newest is asked for again.
type inbox struct {
	tables    chan []byte
	questions chan []byte
	answers   chan []byte
	changed   chan struct{} // a table was handed on, or refused
	missed    atomic.Bool   // a table was lost for want of room

	taken, badTables, fullTables                 atomic.Uint64
	answered, unknown, badCommands, fullCommands atomic.Uint64
	fullAnswers                                  atomic.Uint64

	mu      sync.Mutex // guards problem
	problem string     // why the last table could not be unpacked
}

func newInbox() *inbox {
	return &inbox{
		tables: make(chan []byte, maxTables), questions: make(chan []byte, maxQuestions), answers: make(chan []byte, maxAnswers),
		changed: make(chan struct{}, 1),
	}
}

// table takes a message from the topic of tables. It never waits.
func (b *inbox) table(packed []byte) {
	if len(packed) == 0 {
		return // somebody took the retained one away: what is in force stays
	}
	select {
	case b.tables <- packed:
	default:
		b.fullTables.Add(1)
		b.missed.Store(true)
	}
}

// command takes a message from the topic of commands. It never waits.
func (b *inbox) command(question []byte) {
	if len(question) > record.MaxQuestion {
		b.badCommands.Add(1)
		return
	}
	select {
	case b.questions <- question:
	default:
		b.fullCommands.Add(1)
	}
}

// lacking reports, once, that a table was lost and that there is room again.
func (b *inbox) lacking() bool {
	return len(b.tables) == 0 && b.missed.CompareAndSwap(true, false)
}

// run hands over what comes until the context ends.
func (b *inbox) run(ctx context.Context, c *Config) {
	var wait sync.WaitGroup
	if c.Table != nil {
		wait.Go(func() {
			each(ctx, b.tables, func(packed []byte) {
				if text, ok := b.open(packed, c); ok {
					c.Table(text)
				}
				select { // what this node says of itself is not true any more
				case b.changed <- struct{}{}:
				default:
				}
			})
		})
	}
	if c.Command != nil {
		wait.Go(func() { each(ctx, b.questions, func(q []byte) { b.answer(q, c) }) })
	}
	wait.Wait()
}

func each(ctx context.Context, from <-chan []byte, do func([]byte)) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-from:
			do(x)
		}
	}
}

// open unpacks a table.
func (b *inbox) open(packed []byte, c *Config) (text []byte, ok bool) {
	text, err := unpackTable(packed)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.problem = ""; err != nil {
		b.problem = err.Error()
		b.badTables.Add(1)
		logOf(c).Error("the table that came cannot be unpacked; the old one stays in force", "bytes", len(packed), "error", err)
		return nil, false
	}
	b.taken.Add(1)
	return text, true
}

// unpackTable returns the text in a packed table. Its memory is bounded, whatever
// was packed.
func unpackTable(packed []byte) ([]byte, error) {
	if len(packed) > record.MaxPackedTable {
		return nil, fmt.Errorf("unpacking a table: %d bytes, of at most %d", len(packed), record.MaxPackedTable)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(record.MaxTable), zstd.WithDecoderMaxWindow(record.MaxTable))
	if err != nil {
		return nil, fmt.Errorf("making a decoder: %w", err)
	}
	defer z.Close()
	text, err := z.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking a table: %w", err)
	}
	return text, nil
}

// answer has a question answered.
func (b *inbox) answer(question []byte, c *Config) {
	answer, ok := c.Command(question)
	switch {
	case !ok:
		b.unknown.Add(1)
	case len(answer) > record.MaxAnswer:
		b.fullAnswers.Add(1)
		logOf(c).Error("an answer is too large to be sent", "bytes", len(answer), "most", record.MaxAnswer)
	default:
		select {
		case b.answers <- answer:
			b.answered.Add(1)
		default:
			b.fullAnswers.Add(1)
		}
	}
}

// stats fills in what the inbox knows.
func (b *inbox) stats(to *Stats) {
	to.Tables, to.BadTables, to.DroppedTables = b.taken.Load(), b.badTables.Load(), b.fullTables.Load()
	to.Answers, to.DroppedAnswers = b.answered.Load(), b.fullAnswers.Load()
	to.Commands, to.BadCommands, to.DroppedCommands = b.unknown.Load(), b.badCommands.Load(), b.fullCommands.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	to.TableError = b.problem
}
