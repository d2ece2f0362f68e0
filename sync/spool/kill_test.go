package spool

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/sync/record"
)

const childEnv = "SIPWARD_SPOOL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		appendForever(dir)
		return
	}
	if dir := os.Getenv(measureEnv); dir != "" {
		measure(dir)
		return
	}
	os.Exit(m.Run())
}

// appendForever appends without end, and says which numbers it was promised.
func appendForever(dir string) {
	s := New(Config{Dir: dir, SegmentBytes: 512 << 10})
	if err := s.Open(); err != nil {
		fmt.Println("error", err)
		return
	}
	go func() { _ = s.Run(context.Background()) }()
	<-s.Ready()
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				st := record.Streams[(w+i)%2]
				b := append(payload(st, i), make([]byte, 100*w)...)
				seq, err := s.Append(context.Background(), st, b)
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("ok", s.Epoch(), uint8(st), seq, crc32.ChecksumIEEE(b))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// TestKill: what Append has promised is there after any number of kill -9, and
// the numbers have no gap.
func TestKill(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 9))
	promised := map[lineKey]map[uint64]uint32{}
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	total := 0
	for range rounds {
		total += killOne(t, dir, time.Duration(20+rng.IntN(250))*time.Millisecond, promised)
	}
	r := start(t, Config{Dir: dir, SegmentBytes: 512 << 10})
	for k, want := range promised {
		got := r.all(k.epoch, k.stream)
		for seq, sum := range want {
			if b, ok := got[seq]; !ok || crc32.ChecksumIEEE([]byte(b)) != sum {
				t.Fatalf("%s %d of epoch %x was promised, and is gone or another", k.stream, seq, k.epoch)
			}
		}
		for seq := uint64(1); seq <= uint64(len(got)); seq++ {
			if _, ok := got[seq]; !ok {
				t.Fatalf("%s of epoch %x has %d records, but no number %d", k.stream, k.epoch, len(got), seq)
			}
		}
	}
	if s := r.balanced(); s.Corrupt != 0 || s.Calls.Declared+s.Telemetry.Declared != 0 {
		t.Errorf("a kill damaged something: %+v", s)
	}
	if total == 0 {
		t.Error("no child was promised anything")
	}
	t.Logf("%d records in %d lives", total, rounds)
}

func killOne(t *testing.T, dir string, after time.Duration, promised map[lineKey]map[uint64]uint32) (n int) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	for first := true; ; {
		line, err := in.ReadString('\n')
		if err == io.EOF { // what was cut off was promised to nobody
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "error") {
			t.Error(line)
			continue
		}
		if first {
			time.AfterFunc(after, func() { _ = c.Process.Kill() })
			first = false
		}
		var k lineKey
		var seq uint64
		var sum uint32
		if _, err := fmt.Sscanln(line, new(string), &k.epoch, (*uint8)(&k.stream), &seq, &sum); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if promised[k] == nil {
			promised[k] = map[uint64]uint32{}
		}
		promised[k][seq] = sum
		n++
	}
	_ = c.Wait()
	return n
}
