package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// result is what the audit found.
type result struct {
	figures  map[string]*figures
	findings []finding
	traces   map[string]traces
	declared map[string]int
	ledger   []string
	backlog  time.Duration // from the end of the traffic until nothing waits for the first time
	drain    time.Duration // until no call goes on either, whose end nobody saw
	longest  time.Duration // between two kills
}

// Waits after the traffic has ended.
const (
	// The last calls whose ends nobody saw are over by maxAge.
	drainWait = maxAge + 100*time.Second
	sureWait  = 60 * time.Second
)

// finish lets everything be delivered, stops the agents and compares.
func (s *site) finish(ctx context.Context, t *testing.T) *result {
	r := &result{}
	if err := s.drained(ctx, r); err != nil {
		t.Error(err)
	}
	sure, err := s.stopAgents(ctx, syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	// What agents accept in an orderly end goes out with their next start. That one
	// ends by a kill, so that nothing is added behind our back.
	if err := s.again(ctx, sure); err != nil {
		t.Error(err)
	}
	accepted, err := s.stopAgents(ctx, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.stopCollectors(), s.verified(ctx)); err != nil {
		t.Error(err)
	}
	if err := s.audit(ctx, r, sure, accepted); err != nil {
		t.Fatal(err)
	}
	return r
}

// drained waits until every agent says that no call goes on and that all is acked.
func (s *site) drained(ctx context.Context, r *result) error {
	begin := time.Now()
	var last string
	err := peers.Poll(ctx, drainWait, "the agents to be drained", func() (bool, error) {
		live, waiting := 0, uint64(0)
		for _, n := range s.nodes {
			a, err := n.account(ctx, s.agent)
			if err != nil {
				last = err.Error()
				return false, nil //nolint:nilerr // it is not up yet
			}
			p := &a.Sync.Spool
			if !p.Calls.balanced() || !p.Telemetry.balanced() {
				return false, fmt.Errorf("the account of %s does not add up: %+v", n.id, *p)
			}
			live, waiting = live+a.Agent.Live, waiting+p.Calls.waiting()+p.Telemetry.waiting()
		}
		last = fmt.Sprintf("%d calls go on, %d records wait", live, waiting)
		if waiting == 0 && r.backlog == 0 {
			r.backlog = time.Since(begin)
		}
		return live == 0 && waiting == 0, nil
	})
	if r.drain = time.Since(begin); err != nil {
		return fmt.Errorf("%w; %s", err, last)
	}
	return nil
}

// verified has each agent's program read its own disk.
func (s *site) verified(ctx context.Context) error {
	var errs []error
	for _, n := range s.nodes {
		_, err := output(ctx, s.agent, "spool", "verify", n.spool)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopAgents ends the agents, and reads what each of them has.
func (s *site) stopAgents(ctx context.Context, signal syscall.Signal) (all []entry, err error) {
	for _, n := range s.nodes {
		if err := stopBy(n.victim, signal); err != nil {
			return nil, err
		}
	}
	for _, n := range s.nodes {
		entries, err := readSpool(ctx, s.agent, n)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// again starts the agents once more, until all that they surely have is
// committed, and what they accept meanwhile too.
func (s *site) again(ctx context.Context, sure []entry) error {
	for _, n := range s.nodes {
		n.up()
	}
	lacks := len(sure)
	err := peers.Poll(ctx, sureWait, "the last records to be committed", func() (bool, error) {
		done, err := readDone(ctx, s.db)
		if err != nil {
			return false, err
		}
		lacks = done.lacks(sure)
		return lacks == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w; %d of %d are not", err, lacks, len(sure))
	}
	return s.drained(ctx, &result{})
}

func (s *site) stopCollectors() error {
	var errs []error
	for _, v := range s.others {
		if v.group == collectors {
			errs = append(errs, stop(v))
		}
	}
	return errors.Join(errs...)
}

// audit reads what is stored in all ways that there are, and compares.
func (s *site) audit(ctx context.Context, r *result, sure, accepted []entry) error {
	stored, err := readStored(ctx, s.db)
	if err != nil {
		return err
	}
	if r.ledger, r.declared, err = readLedger(ctx, s.db); err != nil {
		return err
	}
	done, err := readDone(ctx, s.db)
	if err != nil {
		return err
	}
	r.figures, r.findings = audit(sure, accepted, stored)
	r.findings = append(r.findings, compareDone(accepted, done)...)
	r.traces = make(map[string]traces)
	for _, n := range s.nodes {
		tr, more := compareTraffic(n.id, stored, n.played(), n.alive())
		r.traces[n.id], r.findings = tr, append(r.findings, more...)
	}

	out, err := output(ctx, s.collector, "export", "calls", "--format", "jsonl", "--config", s.exports)
	if err != nil {
		return err
	}
	exported, err := readExport(bytes.NewReader(out))
	if err != nil {
		return err
	}
	r.findings = append(r.findings, compareFacts(accepted, exported)...)

	if out, err = output(ctx, s.collector, "export", "summaries", "--by", "hour", "--format", "jsonl", "--config", s.exports); err != nil {
		return err
	}
	got, err := readSums(bytes.NewReader(out))
	if err != nil {
		return err
	}
	r.findings = append(r.findings, compareSums(addUp(committed(accepted, stored)), got)...)
	return nil
}

// committed are the accepted records that are stored.
func committed(accepted, stored []entry) (out []entry) {
	have := make(map[key]bool, len(stored))
	for _, e := range stored {
		have[e.key] = true
	}
	for _, e := range accepted {
		if have[e.key] {
			out = append(out, e)
		}
	}
	return out
}

// faults are what no log of ours may hold: faults of our own, and whatever an
// agent could not do. A collector may complain that its database is away.
var (
	faults     = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE).*`)
	complaints = regexp.MustCompile(`(?m)^.*level=ERROR.*`)
)

func (s *site) logFaults() (out []string) {
	for _, v := range s.victims() {
		b, err := os.ReadFile(v.log)
		if err != nil {
			continue // it was never started
		}
		lines := faults.FindAll(b, 3)
		if v.group == agents {
			lines = append(lines, complaints.FindAll(b, 3)...)
		}
		for _, line := range lines {
			out = append(out, fmt.Sprintf("%s: %s", v.log, line))
		}
	}
	return out
}
