package ingest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/sipward/sipward/sync/record"
)

// Bounds of questions.
const (
	maxQuestions = 64   // that wait for answers at once
	maxCommands  = 1024 // that wait to be sent to one broker
)

// ErrBusy says that too many questions wait for answers.
var ErrBusy = errors.New("too many questions wait for answers: try again")

// Ask asks nodes by their cmd topics, and returns what they answer, by node, when
// all have answered or ctx ends. question gets the id that the answers must have.
// The collector that asks is the one that hears the answers.
func (i *Ingest) Ask(ctx context.Context, nodes []string, question func(id string) ([]byte, error)) (map[string][]byte, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("random id of a question: %w", err)
	}
	id := hex.EncodeToString(random[:])
	payload, err := question(id)
	if err != nil {
		return nil, err
	}
	q := &asked{left: map[string]bool{}, answers: map[string][]byte{}, done: make(chan struct{})}
	for _, n := range nodes {
		q.left[n] = true
	}
	if len(q.left) == 0 {
		return q.answers, nil
	}
	if !i.questions.add(id, q) {
		return nil, ErrBusy
	}
	defer i.questions.remove(id)
	for _, n := range nodes { // not of q, which answers change
		i.command(n, payload)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
	}
	return i.questions.end(q), nil
}

// command sends a message to a node's cmd topic over every link: one of them
// reaches it.
func (i *Ingest) command(node string, payload []byte) {
	if i.local != nil {
		if err := i.local.broker.Publish(record.Topic(node, record.TopicCmd), payload); err != nil {
			i.stats.unasked.Add(1)
			i.seldom.Warn(i.now(), "question not sent", "node", node, "error", err)
		}
	}
	for _, l := range i.links {
		l.command(node, payload)
	}
}

// questions wait for answers.
type questions struct {
	mu  sync.Mutex // guards all below, and what is asked
	all map[string]*asked
}

// asked is one question: who has not answered, and what the others have.
type asked struct {
	left    map[string]bool
	answers map[string][]byte
	done    chan struct{}
}

func (q *questions) add(id string, a *asked) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) >= maxQuestions {
		return false
	}
	q.all[id] = a
	return true
}

func (q *questions) remove(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.all, id)
}

// end returns the answers, of which there will be no more.
func (q *questions) end(a *asked) map[string][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(a.left)
	return a.answers
}

// take keeps an answer; one that nobody waits for, or comes twice, is none. Over a
// shared broker all collectors hear all answers.
func (q *questions) take(node string, payload []byte) error {
	var head struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.all[head.ID]
	if a == nil || !a.left[node] {
		return nil
	}
	delete(a.left, node)
	a.answers[node] = append([]byte(nil), payload...)
	if len(a.left) == 0 {
		close(a.done)
	}
	return nil
}
