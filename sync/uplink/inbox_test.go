package uplink

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sync/record"
)

func packed(t testing.TB, text []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(text, nil)
}

// shown keeps what a callback got. With a gate, it is held up until that is closed.
type shown struct {
	gate chan struct{} // made in the bubble, before the uplink starts: time passes while somebody waits
	mu   sync.Mutex
	all  []string
}

func (s *shown) take(b []byte) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, string(b))
}

func (s *shown) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

func (s *shown) last() string {
	if all := s.got(); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// retain has the broker keep a table for the node.
func (r *rig) retain(payload []byte) {
	r.t.Helper()
	if err := r.broker.server.Publish(record.Topic("sw1", record.TopicTable), payload, true, 1); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ask(question string) {
	r.t.Helper()
	if err := r.broker.server.Publish(record.Topic("sw1", record.TopicCmd), []byte(question), false, 1); err != nil {
		r.t.Fatal(err)
	}
}

// TestTable: a table is there at once on connecting, and whenever it changes.
func TestTable(t *testing.T) {
	var tables shown
	inBubble(t, func(r *rig, c *Config) {
		c.Table = tables.take
		r.retain(packed(t, []byte("version: 1\n")))
	}, func(r *rig) {
		r.await(time.Minute, "the retained table", func() bool { return tables.last() == "version: 1\n" })
		large := []byte("version: 2\n" + strings.Repeat("# all the same\n", 200_000))
		r.retain(packed(t, large))
		r.await(time.Minute, "the next", func() bool { return tables.last() == string(large) })
		r.retain(nil) // taken away
		r.broker.newest().die()
		r.await(time.Minute, "another connection", func() bool { return r.u.Stats().Connections == 2 })
		virtual.Pass(10 * time.Second)
		if st := r.u.Stats(); len(tables.got()) != 2 || st.Tables != 2 || st.BadTables != 0 || st.DroppedTables != 0 || st.Commands != 0 {
			t.Errorf("%d tables, %+v", len(tables.got()), st)
		}
	})
}

// TestStateFollowsTheTable: collectors learn at once which table a node has.
func TestStateFollowsTheTable(t *testing.T) {
	var tables shown
	inBubble(t, func(_ *rig, c *Config) {
		c.Table = tables.take
		c.State = func() []byte { return []byte(tables.last()) }
	}, func(r *rig) {
		r.await(time.Minute, "a connection", func() bool { return r.u.Stats().Connected })
		virtual.Pass(2 * stateSoon)
		r.retain(packed(t, []byte("version: 2")))
		took := r.await(time.Minute, "its state", func() bool {
			all := r.broker.server.Topics.Messages(record.Topic("sw1", record.TopicState))
			return len(all) > 0 && string(all[0].Payload) == "version: 2"
		})
		if took > time.Second {
			t.Errorf("the state came %v after the table", took)
		}
	})
}

// TestTableHoldsNobodyUp: while a table is being read, records are sent and
// acked; and of tables that come in the meantime the newest is read in the end.
func TestTableHoldsNobodyUp(t *testing.T) {
	var tables shown
	inBubble(t, func(_ *rig, c *Config) { tables.gate, c.Table = make(chan struct{}), tables.take }, func(r *rig) {
		for n := range 20 {
			r.retain(packed(t, fmt.Appendf(nil, "version: %d\n", n)))
			virtual.Pass(100 * time.Millisecond)
		}
		r.spool.add(record.Calls, 3000)
		r.drained(10*time.Second, 3000)
		if st := r.u.Stats(); st.DroppedTables != 20-1-maxTables || len(tables.got()) != 0 {
			t.Errorf("%+v", st)
		}
		close(tables.gate)
		r.await(10*time.Second, "the newest table", func() bool { return tables.last() == "version: 19\n" })
		n := len(tables.got())
		virtual.Pass(10 * time.Second)
		if again := len(tables.got()); again != n || n != 1+maxTables+1 {
			t.Errorf("%d tables, then %d", n, again)
		}
	})
}

// TestBadTables: what cannot be unpacked is counted, said, and handed to nobody.
func TestBadTables(t *testing.T) {
	good := packed(t, []byte("version: 1\n"))
	bomb := packed(t, make([]byte, record.MaxTable+1))
	var tables shown
	inBubble(t, func(_ *rig, c *Config) { c.Table = tables.take }, func(r *rig) {
		for i, tt := range []struct {
			payload []byte
			want    string
		}{
			{[]byte("version: 1\n"), "unpacking a table: invalid input: magic number mismatch"},
			{good[:len(good)-2], "unpacking a table: unexpected EOF"},
			{bomb, "unpacking a table: decompressed size exceeds configured limit"},
		} {
			r.retain(tt.payload)
			r.await(time.Minute, tt.want, func() bool { return r.u.Stats().TableError == tt.want })
			if st := r.u.Stats(); st.BadTables != uint64(i+1) || r.log.count("the old one stays in force") != i+1 {
				t.Errorf("%d: %+v", i, st)
			}
		}
		r.retain(good)
		r.await(time.Minute, "a good one", func() bool { return tables.last() == "version: 1\n" })
		if st := r.u.Stats(); st.TableError != "" || st.Tables != 1 || len(tables.got()) != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// TestBombs: a small message cannot take much memory, however it was packed.
func TestBombs(t *testing.T) {
	frame := packed(t, make([]byte, 8<<20))
	for name, bomb := range map[string][]byte{
		"one frame":   packed(t, make([]byte, 2*record.MaxTable)),
		"many frames": bytes.Repeat(frame, 20),
		// RFC 8878 section 3.1.1: one segment of 2^40 bytes, as its header says.
		"a promise": {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0},
		"too long":  make([]byte, record.MaxPackedTable+1),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := unpackTable(bomb)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 6*record.MaxTable {
			t.Errorf("%s: %v, %d MiB", name, err, took>>20)
		}
	}
	text := bytes.Repeat([]byte("x"), record.MaxTable)
	if got, err := unpackTable(packed(t, text)); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the largest table: %d bytes, %v", len(got), err)
	}
}

// TestNoTableWanted: who needs none does not ask, for a broker of old rules may
// end the connection over it.
func TestNoTableWanted(t *testing.T) {
	inBubble(t, func(r *rig, _ *Config) {
		r.broker.mayRead = func(topic string) bool {
			if strings.HasSuffix(topic, record.TopicTable) {
				t.Error("a table was asked for")
			}
			return true
		}
	}, func(r *rig) { r.await(time.Minute, "an answer", func() bool { return r.u.Stats().Answered }) })
}

func TestTableRefused(t *testing.T) {
	inBubble(t, func(r *rig, c *Config) {
		c.Table = func([]byte) {}
		r.broker.mayRead = func(topic string) bool { return !strings.HasSuffix(topic, record.TopicTable) }
	}, func(r *rig) {
		r.await(time.Minute, "an answer", func() bool { return r.u.Stats().Answered })
		if r.log.count("the broker refuses the topic of tables") != 1 {
			t.Error("nothing was said")
		}
	})
}

// TestCommand: a question is answered; what is none is counted.
func TestCommand(t *testing.T) {
	var answers shown
	inBubble(t, func(r *rig, c *Config) {
		c.Command = func(q []byte) ([]byte, bool) {
			switch string(q) {
			case "much":
				return make([]byte, record.MaxAnswer+1), true
			case "nonsense":
				return nil, false
			}
			return append([]byte("answer to "), q...), true
		}
		if err := r.broker.server.Subscribe(record.Topic("sw1", record.TopicAnswer), 2, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
			if pk.FixedHeader.Retain || pk.FixedHeader.Qos != 1 {
				t.Errorf("%+v", pk.FixedHeader)
			}
			answers.take(pk.Payload)
		}); err != nil {
			t.Fatal(err)
		}
	}, func(r *rig) {
		r.await(time.Minute, "an answer to hello", func() bool { return r.u.Stats().Answered })
		for _, q := range []string{"one", "nonsense", "much", strings.Repeat("x", record.MaxQuestion+1), "two"} {
			r.ask(q)
			virtual.Pass(100 * time.Millisecond)
		}
		want := "answer to one, answer to two"
		r.await(time.Minute, want, func() bool { return strings.Join(answers.got(), ", ") == want })
		if st := r.u.Stats(); st.Answers != 2 || st.Commands != 1 || st.DroppedAnswers != 1 || st.BadCommands != 1 || st.DroppedCommands != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestQuestionsHoldNobodyUp: a question that takes long, and many behind it, keep
// no record back.
func TestQuestionsHoldNobodyUp(t *testing.T) {
	var questions shown
	inBubble(t, func(_ *rig, c *Config) {
		questions.gate = make(chan struct{})
		c.Command = func(q []byte) ([]byte, bool) {
			questions.take(q)
			return q, true
		}
	}, func(r *rig) {
		for range 100 {
			r.ask("?")
		}
		r.spool.add(record.Calls, 3000)
		r.drained(10*time.Second, 3000)
		if st := r.u.Stats(); st.DroppedCommands != 100-1-maxQuestions {
			t.Errorf("%+v", st)
		}
		close(questions.gate)
		r.await(10*time.Second, "answers", func() bool { return r.u.Stats().Answers == 1+maxQuestions })
	})
}

// TestAnswersWithoutConnection: what nobody can be told any more takes no memory.
func TestAnswersWithoutConnection(t *testing.T) {
	b := newInbox()
	c := &Config{Command: func(q []byte) ([]byte, bool) { return q, true }}
	for range 3 * maxAnswers {
		b.answer([]byte("?"), c)
	}
	var st Stats
	b.stats(&st)
	if st.Answers != maxAnswers || st.DroppedAnswers != 2*maxAnswers {
		t.Errorf("%+v", st)
	}
}

func FuzzUnpackTable(f *testing.F) {
	f.Add(packed(f, []byte("version: 1\n")))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := unpackTable(b); err == nil && len(text) > record.MaxTable {
			t.Errorf("%d bytes", len(text))
		}
	})
}
