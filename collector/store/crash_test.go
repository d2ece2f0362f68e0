package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sipward/sipward/sync/record"
)

// childFolder names the variable that makes this program a child that commits
// until it is killed.
const childFolder = "SIPWARD_STORE_CHILD"

// commitForEver commits batches over two months, from where the store is, and
// says after each commit how far it is.
func commitForEver(where string) {
	s, err := openAt(where)
	for err == nil {
		var cs []*record.Cursor
		if cs, err = s.Cursors(context.Background(), "sw1", []uint64{7}); err != nil {
			break
		}
		next := cs[0].GetContiguous() + 1
		b := batch("sw1", 7, next, 1+rand.IntN(300), noon)
		for i, r := range b.Records {
			if i%3 == 0 { // in another month
				r.Call.CountedUnixMs += 30 * 86400 * 1000
			}
		}
		if next%5 == 0 {
			b.Records[0] = &record.Record{HourMark: &record.HourMark{HourUnixS: int64(next)}}
		}
		if err = s.Commit(context.Background(), []*record.Received{b}); err == nil {
			fmt.Println(b.Range().Last)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func openAt(where string) (Store, error) {
	if strings.Contains(where, "dbname=") {
		return OpenPostgres(context.Background(), where, Options{})
	}
	return OpenSQLite(context.Background(), where, Options{})
}

// TestKilled kills a committing process again and again: what it said to be
// committed is there, nothing is there twice, and the sums are right.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, where := range map[string]func() string{"sqlite": t.TempDir, "postgres": func() string { return newDatabase(t) }} {
		t.Run(name, func(t *testing.T) {
			where := where()
			acked := uint64(0)
			for round := range 8 {
				cmd := exec.Command(self)
				cmd.Env = append(os.Environ(), childFolder+"="+where)
				cmd.Stderr = os.Stderr
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				acked = max(acked, killAfter(t, cmd, out, 1+round%4))
			}
			if name == "postgres" { // whose server still carries out what a killed client had sent
				startCluster().exec(t, where[strings.LastIndex(where, "=")+1:], `DO $$ BEGIN
 WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) LOOP
  PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$`)
			}
			s, err := openAt(where)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			checkKilled(t, s, acked)
		})
	}
}

// killAfter kills cmd at a random moment after so many of its commits, and
// returns the last number that it said to be committed.
func killAfter(t *testing.T, cmd *exec.Cmd, out io.Reader, commits int) (last uint64) {
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		seq, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Errorf("the child said %q", lines.Text())
		}
		last = max(last, seq)
		if n == commits {
			go cmd.Process.Kill() // some way into the next
		}
	}
	_ = cmd.Wait() // killed
	return last
}

func checkKilled(t *testing.T, s Store, acked uint64) {
	t.Helper()
	done := cursorOf(t, s, "sw1", 7, record.Calls)
	if !done.Contains(record.Range{First: 1, Last: acked}) {
		t.Errorf("%d was said to be committed, the cursor has %v", acked, done)
	}
	have := ranges()
	for k := range stored(t, s) {
		have.Add(record.Range{First: k.Seq, Last: k.Seq})
	}
	var marks int
	r := s.(interface {
		marksForTest() (map[int64]map[string][]markRow, error)
	})
	all, err := r.marksForTest()
	if err != nil {
		t.Fatal(err)
	}
	for _, byNode := range all {
		for _, list := range byNode {
			for _, m := range list {
				marks++
				have.Add(record.Range{First: m.Seq, Last: m.Seq})
			}
		}
	}
	if have.Len() != done.Len() || !have.Contains(record.Range{First: 1, Last: done.Contiguous()}) {
		t.Errorf("rows %v, cursor %v", have, done)
	}
	verified(t, s)
	t.Logf("%d said to be committed, %d committed, %d of them marks", acked, done.Len(), marks)
}

func (r *reads) marksForTest() (map[int64]map[string][]markRow, error) {
	return r.marks(context.Background(), 0, forever)
}
