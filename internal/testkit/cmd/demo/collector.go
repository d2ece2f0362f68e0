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

// writeCollector puts the collector's config into the folder: everything is its
// default but where files and ports are.
func (s *site) writeCollector() error {
	text := fmt.Sprintf("data: %s\nembedded:\n  listen: \"off\"\n  listen_tls: %s\n  names: [localhost]\nweb:\n  listen: 127.0.0.1:0\nadmin:\n  listen: \"off\"\n  socket: %s\n",
		filepath.Join(s.dir, "collector"), s.broker, filepath.Join(s.dir, "collector.sock"))
	if err := os.WriteFile(s.collectorConfig(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the collector's config: %w", err)
	}
	return nil
}

func (s *site) collectorConfig() string { return filepath.Join(s.dir, "collector.yaml") }

// credentials is the file with the agent's certificate and its key.
func (s *site) credentials() string { return filepath.Join(s.dir, "demo.pem") }

// startCollector starts it and makes the agent's credentials, as an operator
// would.
func startCollector(ctx context.Context, program string, s *site) (*child, error) {
	if err := s.writeCollector(); err != nil {
		return nil, err
	}
	c, err := start(ctx, "collector", program, s.collectorConfig())
	if err != nil {
		return nil, err
	}
	if _, err := c.ask(ctx, "node", "add", "demo", "--config", c.config, "--out", s.credentials()); err != nil {
		return nil, errors.Join(err, c.stop(), c.complaint())
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
	durationMS      int64
}

// delivered waits until the collector has so many calls, and returns what it
// has; fewer when they do not come.
func delivered(ctx context.Context, c *child, calls int) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, deliverWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		got, err := storedCalls(context.WithoutCancel(ctx), c)
		if err != nil || got.calls >= calls {
			return got, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return got, nil
		}
	}
}

func storedCalls(ctx context.Context, c *child) (out stored, err error) {
	text, err := c.ask(ctx, "export", "calls", "--format", "jsonl", "--config", c.config)
	if err != nil {
		return out, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var call struct {
			Kind       string `json:"kind"`
			Answered   bool   `json:"answered"`
			DurationMS int64  `json:"duration_ms"`
		}
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			return out, fmt.Errorf("read an exported call: %w", err)
		}
		if call.Kind != "call" {
			continue
		}
		out.calls++
		out.durationMS += call.DurationMS
		if call.Answered {
			out.answered++
		}
	}
	return out, lines.Err()
}
