package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
		return readable(ctx, s.db), nil
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
