package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/sipward/sipward/internal/testkit/history"
)

// facts is what -facts writes, for programs that look at the dashboard.
type facts struct {
	URL      string       `json:"url"`
	Link     string       `json:"link,omitempty"` // with -link: makes the first account
	Operator *person      `json:"operator,omitempty"`
	Customer *person      `json:"customer,omitempty"`
	Config   string       `json:"collector_config"` // for the collector's commands
	Nodes    []string     `json:"nodes"`
	Parties  factParties  `json:"parties"`
	History  *factHistory `json:"history,omitempty"`
}

type factParties struct {
	Customers []factParty `json:"customers"`
	Carriers  []factParty `json:"carriers"`
}

type factParty struct {
	ID       string `json:"id"`
	Channels int    `json:"channels"`
	First    string `json:"first,omitempty"` // of its number block
	Last     string `json:"last,omitempty"`
}

type factSpan struct {
	FromUnixS int64 `json:"from_unix_s"`
	ToUnixS   int64 `json:"to_unix_s"`
}

// factHistory is what the past should come to, all nodes together. What is played since To
// comes on top, so hours and days that began before it are exact if they also ended before it.
type factHistory struct {
	FromUnixS int64          `json:"from_unix_s"`
	ToUnixS   int64          `json:"to_unix_s"`
	Gap       *factSpan      `json:"gap,omitempty"` // when no node watched
	Refusals  map[string]int `json:"refusals"`      // REGISTERs that would have been refused, by customer
	Hours     []history.Row  `json:"hours"`
	Days      []history.Row  `json:"days"`
	Months    []history.Row  `json:"months"`
}

// writeFacts writes the file of -facts, all of it at once.
func (d *demo) writeFacts() error {
	if d.facts == "" {
		return nil
	}
	f := facts{URL: d.access.url, Link: d.access.link, Config: d.site.config()}
	if f.Link == "" {
		f.Operator, f.Customer = &d.access.operator, &d.access.customer
	}
	for _, w := range d.site.switches {
		f.Nodes = append(f.Nodes, w.name)
	}
	for i, c := range customers {
		first, last := d.site.switches[0].plan.Block(i)
		f.Parties.Customers = append(f.Parties.Customers, factParty{c.id, c.channels, first, last})
	}
	for _, c := range carriers {
		f.Parties.Carriers = append(f.Parties.Carriers, factParty{ID: c.id, Channels: c.channels})
	}
	if p := d.past; p != nil {
		f.History = &factHistory{p.from.Unix(), p.to.Unix(), nil, p.figures.Refusals, p.figures.ByHour(), p.figures.ByDay(), p.figures.ByMonth()}
		if p.gap != nil {
			f.History.Gap = &factSpan{p.gap.From.Unix(), p.gap.To.Unix()}
		}
	}
	text, err := json.MarshalIndent(&f, "", " ")
	if err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	part := d.facts + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	if err := os.Rename(part, d.facts); err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	return nil
}
