package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"
)

// compareFiles has every tool read a capture, in turns.
func compareFiles(ctx context.Context, o *options, l *load, out io.Writer) error {
	fmt.Fprintf(out, "\n## File: %v\n\n", l)
	tools := installed(files(o, l.plan.RTP))
	samples := make([][]sample, len(tools))
	for range o.rounds {
		for i := range tools {
			s, err := readFile(ctx, o, &tools[i], l)
			if err != nil {
				return err
			}
			samples[i] = append(samples[i], s)
		}
	}
	fileTable(out, o, l, tools, samples)
	return nil
}

// readFile runs one tool on a capture.
func readFile(ctx context.Context, o *options, t *tool, l *load) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.program, t.fill(map[string]string{"FILE": l.file, "LIMIT": limitOf(l)})...)
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	var output, complaint bytes.Buffer
	cmd.Stderr = &complaint
	if t.found != nil { // else it may be the whole capture
		cmd.Stdout = &output
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return s, fmt.Errorf("start %s: %w", t.program, err)
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	s.wall, s.peak = time.Since(begin), peak()
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.late = errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err != nil && !s.late {
		return s, fmt.Errorf("%s with %s: %w: %s", t.program, l.name, err, complaint.Bytes())
	}
	if t.found != nil {
		s.found = t.found(append(output.Bytes(), complaint.Bytes()...))
	}
	return s, nil
}

// limitOf is more dialogs than a tool will see.
func limitOf(l *load) string { return strconv.Itoa(2*l.want.Calls.Total + 1000) }

// installed leaves out the tools that this machine has not; versions says which.
func installed(list []tool) (have []tool) {
	for _, t := range list {
		if _, err := exec.LookPath(t.program); err == nil {
			have = append(have, t)
		}
	}
	return have
}
