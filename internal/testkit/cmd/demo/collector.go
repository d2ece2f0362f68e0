package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// startCollector starts it, has it hand out the table of customers, and makes the
// agents' credentials, as an operator would.
func startCollector(ctx context.Context, program string, s *site) (*child, error) {
	c, err := start(ctx, "collector", program, s.config())
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*child, error) { return nil, errors.Join(err, c.stop(), c.complaint()) }
	for _, w := range s.switches {
		if _, err := c.ask(ctx, "node", "add", w.name, "--config", c.config, "--out", w.credentials()); err != nil {
			return fail(err)
		}
	}
	if _, err := c.ask(ctx, "blocks", "import", filepath.Join(s.dir, "table.yaml"), "--yes", "-m", "customers of the demo", "--config", c.config); err != nil {
		return fail(err)
	}
	key, err := c.ask(ctx, "blocks", "key", "--config", c.config)
	if err != nil {
		return fail(err)
	}
	if err := writeFile(s.tableKey(), string(key)); err != nil {
		return fail(err)
	}
	return c, nil
}

// dashboardURL is where the collector says that its dashboard is: as long as nobody
// has an account, a link that makes the first one.
var dashboardURL = regexp.MustCompile(`dashboard.* url=(\S+)`)

// dashboard returns that link.
func dashboard(c *child) (string, error) {
	log, err := os.ReadFile(c.log.Name())
	if err != nil {
		return "", fmt.Errorf("read the collector's log: %w", err)
	}
	if m := dashboardURL.FindSubmatch(log); m != nil {
		return string(m[1]), nil
	}
	return "", errors.New("the collector does not say where its dashboard is")
}

// deliverWait is how long the last records may be on their way.
const deliverWait = 15 * time.Second

// stored are the calls that the collector has in its database.
type stored struct {
	calls, answered int
}

// delivered waits until the collector has so many calls of every node since a time, and
// returns what it has; fewer when they do not come.
func delivered(ctx context.Context, c *child, since time.Time, calls map[string]int) (map[string]stored, error) {
	ctx, cancel := context.WithTimeout(ctx, deliverWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		got, err := storedCalls(context.WithoutCancel(ctx), c, since)
		if err != nil {
			return nil, err
		}
		there := true
		for node, n := range calls {
			there = there && got[node].calls >= n
		}
		if there {
			return got, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return got, nil
		}
	}
}

// storedCalls counts calls by node.
func storedCalls(ctx context.Context, c *child, since time.Time) (map[string]stored, error) {
	out := map[string]stored{}
	return out, c.export(ctx, func(line []byte) error {
		var call struct {
			Kind     string `json:"kind"`
			Node     string `json:"node"`
			Answered bool   `json:"answered"`
		}
		if err := json.Unmarshal(line, &call); err != nil {
			return fmt.Errorf("read an exported call: %w", err)
		}
		if call.Kind != "call" {
			return nil
		}
		s := out[call.Node]
		s.calls++
		if call.Answered {
			s.answered++
		}
		out[call.Node] = s
		return nil
	}, "calls", "--from", since.UTC().Format(time.RFC3339Nano))
}

// export hands each line of what the collector exports to a function.
func (c *child) export(ctx context.Context, each func(line []byte) error, what ...string) error {
	text, err := c.ask(ctx, append([]string{"export", what[0], "--format", "jsonl", "--config", c.config}, what[1:]...)...)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
