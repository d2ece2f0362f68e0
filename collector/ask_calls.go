package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/web"
	"github.com/sipward/sipward/sync/record"
)

// callsForWeb asks all nodes which calls are in progress.
func (c *collector) callsForWeb(ctx context.Context, f web.LiveFilter) ([]web.NodeCalls, error) {
	p := c.parts.Load()
	if p == nil {
		return nil, errors.New("the collector has not opened its database yet")
	}
	return askCalls(ctx, c.Status().Nodes, f, p.ingest.Ask)
}

// askCalls asks the nodes that are up, all at once, and says of the others why there is
// nothing of them.
func askCalls(ctx context.Context, nodes []admin.Node, f web.LiveFilter, ask askFunc) ([]web.NodeCalls, error) {
	var out []web.NodeCalls
	var up []string
	for i := range nodes {
		if nodes[i].State == admin.Gone {
			continue
		}
		n := web.NodeCalls{Node: nodes[i].ID, Error: admin.Absent}
		if nodes[i].State == record.StateUp {
			up, n.Error = append(up, n.Node), admin.Silent
		}
		out = append(out, n)
	}
	if len(up) == 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answers, err := ask(ctx, up, func(id string) ([]byte, error) {
		return json.Marshal(record.Question{ID: id, Ask: record.AskCalls, Customer: f.Customer, Carrier: f.Carrier, Limit: f.Limit})
	})
	if errors.Is(err, ingest.ErrBusy) {
		return nil, web.ErrBusy
	} else if err != nil {
		return nil, fmt.Errorf("asking the nodes for calls: %w", err)
	}
	for i := range out {
		n := &out[i]
		payload := answers[n.Node]
		if payload == nil {
			continue
		}
		a, fault := readAnswer(payload)
		if n.Error = fault; fault == "" {
			n.Calls, n.More = a.Calls, a.More
		}
	}
	return out, nil
}
