package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/sync/record"
)

// How long nodes have for an answer, and for all of them when there are many
// questions: the command line waits 10 s.
const (
	answerWithin = 3 * time.Second
	answersUntil = 8 * time.Second
)

// ask asks all nodes for everybody's bindings. It is the collector's part of the page
// that blocks release looks at.
func (c *collector) ask(ctx context.Context, ranges []admin.Range, limit int) (*admin.Bindings, error) {
	return c.askFor(ctx, asked{ranges: ranges, limit: limit})
}

// askFor asks all nodes for bindings.
func (c *collector) askFor(ctx context.Context, want asked) (*admin.Bindings, error) {
	p := c.parts.Load()
	if p == nil {
		return nil, errors.New("the collector has not opened its database yet")
	}
	s := c.Status()
	return askNodes(ctx, s.Nodes, want, p.ingest.Ask)
}

type askFunc = func(ctx context.Context, nodes []string, question func(id string) ([]byte, error)) (map[string][]byte, error)

// asked is whose bindings are wanted: a customer's, or everybody's.
type asked struct {
	customer string
	ranges   []admin.Range
	limit    int // of each node and range
}

// askNodes asks the nodes that are up, one range after the other. A node that does
// not answer is not asked again.
func askNodes(ctx context.Context, nodes []admin.Node, want asked, ask askFunc) (*admin.Bindings, error) {
	ctx, cancel := context.WithTimeout(ctx, answersUntil)
	defer cancel()
	all := map[string]*admin.NodeBindings{}
	var up []string
	for i := range nodes {
		n := &admin.NodeBindings{Node: nodes[i].ID, State: admin.Absent, Bindings: []record.Binding{}}
		switch nodes[i].State {
		case admin.Gone:
			continue
		case record.StateUp:
			n.State = admin.Answered
			up = append(up, n.Node)
		}
		all[n.Node] = n
	}
	for _, r := range want.ranges {
		if len(up) == 0 {
			break
		}
		answers, err := askRange(ctx, up, want, r, ask)
		if err != nil {
			return nil, err
		}
		up = slices.DeleteFunc(up, func(id string) bool {
			if answers[id] == nil {
				all[id].State = admin.Silent
				return true
			}
			take(all[id], answers[id], want.customer)
			return all[id].Error != ""
		})
	}
	out := &admin.Bindings{Nodes: []admin.NodeBindings{}}
	for _, n := range all {
		out.Nodes = append(out.Nodes, *n)
	}
	slices.SortFunc(out.Nodes, func(a, b admin.NodeBindings) int { return strings.Compare(a.Node, b.Node) })
	return out, nil
}

func askRange(ctx context.Context, nodes []string, want asked, r admin.Range, ask askFunc) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answers, err := ask(ctx, nodes, func(id string) ([]byte, error) {
		return json.Marshal(record.Question{ID: id, Ask: record.AskBindings, First: r.First, Last: r.Last, Limit: want.limit, Customer: want.customer})
	})
	if errors.Is(err, ingest.ErrBusy) {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("asking the nodes: %w", err)
	}
	return answers, nil
}

// take adds what a node answered. An older agent answers with everybody's: how many more
// there are is then no figure of this customer.
func take(n *admin.NodeBindings, payload []byte, customer string) {
	a, fault := readAnswer(payload)
	if n.Error = fault; fault != "" {
		return
	}
	n.Bindings = append(n.Bindings, a.Bindings...)
	if a.Customer == customer {
		n.More += a.More
	}
}

// readAnswer reads what a node answered, or why there is nothing of it.
func readAnswer(payload []byte) (a *record.Answer, fault string) {
	a, err := record.DecodeAnswer(payload)
	if err != nil {
		return nil, err.Error()
	}
	return a, a.Error
}
