package record

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sipward/sipward/sip/party"
)

// Bounds of what is asked and answered.
const (
	MaxQuestion = 4 << 10   // bytes of a Question
	MaxAnswer   = 512 << 10 // bytes of an Answer
	MaxBindings = 1000      // in an Answer

	defaultBindings = 100
)

// Bounds of the packed table on its topic, and of the text in it.
const (
	MaxPackedTable = 16 << 20
	MaxTable       = 64 << 20
)

// DecodeQuestion reads and checks a question. Keys that it does not know are
// left alone: a later collector may ask more precisely. On an error the question
// has its ID if that at least could be read, so that somebody can be told.
func DecodeQuestion(b []byte) (q Question, err error) {
	if len(b) > MaxQuestion {
		return q, fmt.Errorf("a question of %d bytes: at most %d", len(b), MaxQuestion)
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return Question{}, fmt.Errorf("the question is no JSON as wanted: %w", err)
	}
	if !ValidNode(q.ID) {
		return Question{}, errors.New("the question has no id of 1 to 63 letters, digits, dots, dashes and underscores")
	}
	if q.Ask != AskBindings && q.Ask != AskCalls {
		return q, fmt.Errorf("nothing is known of %q: ask for %s or %s", cut(q.Ask), AskBindings, AskCalls)
	}
	if asked := (party.Block{First: q.First, Last: q.Last}); asked != (party.Block{}) && !asked.Valid() {
		return q, fmt.Errorf("numbers %q to %q: two of equal length are wanted, the smaller first, or none", cut(q.First), cut(q.Last))
	}
	if q.Limit < 0 || q.Limit > MaxBindings {
		return q, fmt.Errorf("a limit of %d: at most %d", q.Limit, MaxBindings)
	}
	if q.Limit == 0 {
		q.Limit = defaultBindings
	}
	return q, nil
}

// cut shortens what somebody else wrote, for a message.
func cut(s string) string { return s[:min(len(s), 64)] }

// EncodeAnswer writes an answer of at most MaxBindings, MaxCalls and MaxAnswer. What
// does not fit is counted in More.
func EncodeAnswer(a *Answer) ([]byte, error) {
	all := *a
	if all.Bindings == nil {
		all.Bindings = []Binding{} // a list to everybody who reads it
	}
	for bindings, calls := min(len(all.Bindings), MaxBindings), min(len(all.Calls), MaxCalls); ; bindings, calls = bindings/2, calls/2 {
		part := all
		part.Bindings, part.Calls = all.Bindings[:bindings], all.Calls[:calls]
		part.More += len(all.Bindings) - bindings + len(all.Calls) - calls
		b, err := json.Marshal(&part)
		switch {
		case err != nil:
			return nil, fmt.Errorf("encoding an answer: %w", err)
		case len(b) <= MaxAnswer:
			return b, nil
		case bindings+calls == 0:
			return nil, fmt.Errorf("encoding an answer: %d bytes without a binding, of at most %d", len(b), MaxAnswer)
		}
	}
}

// DecodeAnswer reads an answer.
func DecodeAnswer(b []byte) (*Answer, error) {
	if len(b) > MaxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes: at most %d", len(b), MaxAnswer)
	}
	a := new(Answer)
	if err := json.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("the answer is no JSON as wanted: %w", err)
	}
	if len(a.Bindings) > MaxBindings || len(a.Calls) > MaxCalls || a.More < 0 {
		return nil, fmt.Errorf("the answer has %d bindings, of at most %d, and %d more", len(a.Bindings)+len(a.Calls), MaxBindings, a.More)
	}
	return a, nil
}
