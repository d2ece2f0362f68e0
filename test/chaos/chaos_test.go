package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// TestPostgres has a broker that keeps nothing, two collectors that share the
// work, and one PostgreSQL.
func TestPostgres(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	database, err := s.addPostgres(ctx)
	if err != nil {
		t.Fatal(err)
	}
	broker, err := s.addMosquitto(ctx)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(s.dir, "share.secret")
	if err := os.WriteFile(secret, []byte("chaos-share-group\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		config := fmt.Sprintf("external:\n  brokers: [%q]\n  share_secret_file: %s\nstore:\n  url: %s\n", broker, secret, database)
		if err := s.addCollector(fmt.Sprintf("collector-%d", i+1), config); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.addNodes(ctx, broker, nil); err != nil {
		t.Fatal(err)
	}
	s.torment(t)
}

// TestEmbedded has what comes without any configuration: one collector with its
// own broker and SQLite. Nodes prove themselves by passwords.
func TestEmbedded(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	at := loopback(port)
	if err := s.addCollector("collector", fmt.Sprintf("embedded:\n  listen: %s\n  listen_tls: \"off\"\n", at)); err != nil {
		t.Fatal(err)
	}
	s.db = &sqlite{filepath.Join(s.dir, "collector", "store")}
	prove := func(ctx context.Context, id, dir string) (string, error) {
		file := filepath.Join(dir, "password")
		_, err := output(ctx, s.collector, "node", "add", id, "--password", "--config", s.exports, "--out", file)
		return file, err
	}
	if err := s.addNodes(ctx, "mqtt://"+at.String(), prove); err != nil {
		t.Fatal(err)
	}
	s.torment(t)
}

// torment runs everything, kills for the time that was asked for, and audits.
func (s *site) torment(t *testing.T) {
	ctx := t.Context()
	t.Logf("seed %d: SIPWARD_CHAOS_SEED=%d repeats it", s.seed, s.seed)
	for _, v := range s.victims() {
		if !v.running() {
			v.up()
		}
	}
	if err := s.settled(ctx); err != nil {
		t.Fatal(err)
	}
	k := &killer{rng: rand.New(rand.NewPCG(s.seed, 0xc4a05)), victims: s.victims()}
	if err := s.rage(ctx, t, k); err != nil {
		t.Fatal(err)
	}
	result := s.finish(ctx, t)
	result.longest = k.longest
	s.print(t, result)
	s.judge(t, result)
}

// upWait is how long it may take until all that was started answers.
const upWait = 60 * time.Second

// settled waits until every agent has been answered by a collector.
func (s *site) settled(ctx context.Context) error {
	return peers.Poll(ctx, upWait, "all agents to be up", func() (bool, error) {
		for _, n := range s.nodes {
			if _, err := n.account(ctx, s.agent); err != nil {
				return false, nil //nolint:nilerr // it is not up yet
			}
		}
		return s.db.ping(ctx), nil
	})
}

// rage kills while calls are made, and returns when the last call is over.
func (s *site) rage(ctx context.Context, t *testing.T, k *killer) error {
	var all sync.WaitGroup
	failed := make([]error, len(s.nodes))
	for i, n := range s.nodes {
		all.Go(func() { failed[i] = n.play(ctx) })
	}
	killing, enough := context.WithTimeout(ctx, s.length)
	defer enough()
	all.Go(func() { k.run(killing) })
	s.progress(killing, t)
	for _, n := range s.nodes {
		n.traffic.progress.Stop()
	}
	all.Wait()
	return errors.Join(failed...)
}

// progressEvery is how often a line says how far it is.
const progressEvery = 5 * time.Second

func (s *site) progress(ctx context.Context, t *testing.T) {
	begin := time.Now()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		calls := int64(0)
		for _, n := range s.nodes {
			calls += n.traffic.progress.Calls.Load()
		}
		done := "the database is away"
		if committed, err := readDone(ctx, s.db); err == nil {
			done = fmt.Sprintf("%d records committed", committed.total())
		}
		t.Logf("%3.0f s of %v: %d calls, %s, %s", time.Since(begin).Seconds(), s.length, calls, s.killed(), done)
	}
}

// killed says how often each kind of program was killed.
func (s *site) killed() string {
	count := make(map[string]int)
	for _, v := range s.victims() {
		kills, _ := v.deaths()
		count[v.group] += kills
	}
	var words []string
	for _, g := range []string{agents, brokers, collectors, databases} {
		if n, ok := count[g]; ok {
			words = append(words, fmt.Sprintf("%s %d", g, n))
		}
	}
	return "killed: " + strings.Join(words, ", ")
}

// result is what the audit found.
type result struct {
	figures  map[string]*figures
	findings []finding
	seen     map[string]int // played calls that are stored, by node
	declared map[string]int
	ledger   []string
	drain    time.Duration // from the end of the traffic until all is delivered
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
	begin := time.Now()
	if err := s.drained(ctx); err != nil {
		t.Error(err)
	}
	r.drain = time.Since(begin)
	sure, err := s.stopAgents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	accepted := sure
	if done, err := readDone(ctx, s.db); err != nil || done.lacks(sure) > 0 {
		// Something was accepted in the last moment: it goes out with the next start.
		if accepted, err = s.again(ctx, t, sure); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.stopCollectors(); err != nil {
		t.Error(err)
	}
	if err := s.audit(ctx, r, sure, accepted); err != nil {
		t.Fatal(err)
	}
	return r
}

// drained waits until every agent says that no call goes on and that all is acked.
func (s *site) drained(ctx context.Context) error {
	var last string
	err := peers.Poll(ctx, drainWait, "the agents to be drained", func() (bool, error) {
		for _, n := range s.nodes {
			a, err := n.account(ctx, s.agent)
			if err != nil {
				last = err.Error()
				return false, nil
			}
			if !a.drained() {
				last = fmt.Sprintf("%s has %d calls open; %+v", n.id, a.Agent.Live, a.Sync.Spool)
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("%w; %s", err, last)
	}
	return nil
}

// stopAgents ends the agents in order, and reads what each of them has.
func (s *site) stopAgents(ctx context.Context) (all []entry, err error) {
	for _, n := range s.nodes {
		if err := stop(n.victim); err != nil {
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

// again starts the agents once more, until all that they surely have is committed.
func (s *site) again(ctx context.Context, t *testing.T, sure []entry) ([]entry, error) {
	for _, n := range s.nodes {
		n.up()
	}
	lacks := 0
	err := peers.Poll(ctx, sureWait, "the last records to be committed", func() (bool, error) {
		done, err := readDone(ctx, s.db)
		if err != nil {
			return false, err
		}
		lacks = done.lacks(sure)
		return lacks == 0, nil
	})
	if err != nil {
		t.Errorf("%v; %d of %d are not", err, lacks, len(sure))
	}
	return s.stopAgents(ctx)
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
	r.figures, r.findings = audit(sure, accepted, stored)
	played := make(map[string]map[string]bool)
	for _, n := range s.nodes {
		played[n.id] = n.played()
	}
	var more []finding
	r.seen, more = compareTraffic(stored, played)
	r.findings = append(r.findings, more...)

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

// faults are what no log may hold.
var faults = regexp.MustCompile(`(?m)^(panic: |fatal error: |WARNING: DATA RACE).*`)

func (s *site) logFaults() (out []string) {
	for _, v := range s.victims() {
		b, err := os.ReadFile(v.log)
		if err != nil {
			continue // it was never started
		}
		for _, line := range faults.FindAll(b, 3) {
			out = append(out, fmt.Sprintf("%s: %s", v.log, line))
		}
	}
	return out
}
