package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/klauspost/compress/zstd"
	"github.com/sipward/sipward/internal/backoff"
	"github.com/sipward/sipward/sync/record"
)

func packed(t testing.TB, document string) []byte {
	t.Helper()
	b, err := PackTable([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reader is a node that reads its table.
type reader struct {
	*agent
	mu  sync.Mutex
	got []string // documents, as they came
}

// subscribe reads the table's topic.
func (a *agent) tables(t testing.TB) *reader {
	t.Helper()
	r := &reader{agent: a}
	tok := a.Subscribe(record.Topic(a.node, record.TopicTable), 1, func(_ paho.Client, m paho.Message) {
		d, err := zstd.NewReader(nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer d.Close()
		b, err := d.DecodeAll(m.Payload(), nil)
		if err != nil {
			t.Errorf("on %s: %v", m.Topic(), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, string(b))
	})
	if !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	return r
}

func (r *reader) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		return ""
	}
	return r.got[len(r.got)-1]
}

func (r *reader) has(t testing.TB, want string) {
	t.Helper()
	eventually(t, func() bool { return r.last() == want })
}

func TestPackTable(t *testing.T) {
	if _, err := PackTable([]byte(strings.Repeat("first: 1000\n", 1<<20))); err != nil {
		t.Errorf("12 MiB of YAML: %v", err)
	}
	noise := make([]byte, maxPacked+1)
	x := uint64(1)
	for n := range noise {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[n] = byte(x)
	}
	if _, err := PackTable(noise); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("noise: %v", err)
	}
	if _, err := PackTable(make([]byte, record.MaxTable+1)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("zeros: %v", err)
	}
}

// TestWhichTable: a node gets the newest version that is for it.
func TestWhichTable(t *testing.T) {
	x := newTables(10)
	x.set([]Table{{Version: 9, Nodes: []string{"a", "b"}}, {Version: 8, Nodes: []string{"a"}}, {Version: 7}, {Version: 6}}, nil)
	for node, want := range map[string]uint64{"a": 9, "b": 9, "c": 7} {
		if got := x.newest(node); got.Version != want {
			t.Errorf("%s gets %d, not %d", node, got.Version, want)
		}
	}
	x.set([]Table{{Version: 9, Nodes: []string{"a"}}}, nil)
	if got := x.newest("b"); got != nil {
		t.Errorf("b gets %d", got.Version)
	}
}

// TestTableIsHandedAgain: what a broker was given is given once; again when it may
// have lost it, or when a node has been saying for a while that it has another one.
func TestTableIsHandedAgain(t *testing.T) {
	x := newTables(3)
	s := x.shelf()
	due := func(want string) {
		t.Helper()
		if got := strings.Join(x.due(s), " "); got != want {
			t.Errorf("due are %q, want %q", got, want)
		}
	}
	now := time.Unix(1_700_000_000, 0)
	due("")
	x.set([]Table{{Version: 5}}, []string{"b", "a"})
	due("a b")
	x.put(s, "a", 5, now)
	due("b")
	x.put(s, "b", 5, now)
	x.meet("c")
	x.meet("d") // beyond the bound
	due("c")
	x.put(s, "c", 5, now)
	x.has("a", 4, now.Add(repeatAfter-1))
	x.has("b", 5, now.Add(repeatAfter))
	due("")
	x.has("a", 4, now.Add(repeatAfter))
	due("a")
	x.put(s, "a", 5, now)
	x.set([]Table{{Version: 6, Nodes: []string{"b"}}, {Version: 5}}, nil)
	due("b")
	x.put(s, "b", 6, now)
	x.set([]Table{{Version: 6}, {Version: 5}}, nil)
	due("a c")
	x.forget(s)
	due("a b c")
	select {
	case <-s.wake:
	default:
		t.Error("nobody was woken")
	}
}

// TestTableThatIsNotTaken: a broker that does not take a table is offered it again.
func TestTableThatIsNotTaken(t *testing.T) {
	i, err := New(config(newMemory()))
	if err != nil {
		t.Fatal(err)
	}
	i.SetTables([]Table{{Version: 1, Packed: []byte("x")}}, []string{"a", "b"})
	s := i.tables.shelf()
	ctx, stop := context.WithCancel(t.Context())
	var tries []string
	i.hand(ctx, s, func(_ context.Context, topic string, payload []byte) error {
		tries = append(tries, topic+"="+string(payload))
		switch len(tries) {
		case 1:
			i.SetTables([]Table{{Version: 2, Packed: []byte("y")}}, nil) // wakes it
			return errors.New("not now")
		case 3:
			stop()
		}
		return nil
	})
	diff(t, "tries", []string{"sipward/v1/a/table=x", "sipward/v1/a/table=y", "sipward/v1/b/table=y"}, tries)
	if st := i.Stats(); st.Tables != 2 || st.Unsent != 1 {
		t.Errorf("%+v", st)
	}
}

// TestTablesEmbedded: nodes get their table over the embedded broker, those that come
// later too, in stages, and only their own.
func TestTablesEmbedded(t *testing.T) {
	i, url, b := startLocal(t, newMemory())
	early := mustDial(t, url, "early", "early").tables(t)
	i.SetTables([]Table{{Version: 1, Packed: packed(t, "one")}}, []string{"early"})
	early.has(t, "one")
	late := mustDial(t, url, "late", "late").tables(t) // nobody knows it until it says something
	late.Publish(record.Topic("late", "hello"), 1, false, hello(t, 9, 123))
	late.has(t, "one")
	i.SetTables([]Table{{Version: 2, Packed: packed(t, "two"), Nodes: []string{"late"}}, {Version: 1, Packed: packed(t, "one")}}, nil)
	late.has(t, "two")
	again := mustDial(t, url, "late", "late").tables(t) // as after an outage
	again.has(t, "two")
	if got := early.last(); got != "one" {
		t.Errorf("a node got %q, which is not for it", got)
	}
	i.SetTables([]Table{{Version: 2, Packed: packed(t, "two")}}, nil)
	early.has(t, "two")
	if len(early.got) != 2 || len(again.got) != 1 {
		t.Errorf("tables came more than once: %q, %q", early.got, again.got)
	}
	denied := b.Stats().Denied
	if !early.refused(t, record.Topic("late", record.TopicTable)) || !early.refused(t, record.TopicRoot+"+/"+record.TopicTable) || b.Stats().Denied < denied+2 {
		t.Error("a node may read the table of another")
	}
	early.Publish(record.Topic("early", record.TopicTable), 1, true, packed(t, "forged")) // the broker ends the connection
	<-early.lost
	early.mu.Lock()
	early.got = nil
	early.mu.Unlock()
	mustDial(t, url, "early", "early").tables(t).has(t, "two")
}

// TestTablesMosquitto: the same over a real broker with the rights that are shipped.
func TestTablesMosquitto(t *testing.T) {
	m := startMosquitto(t, "a", "b")
	i := start(t, m.config(t, newMemory()))
	a := mustDial(t, m.url(), "a", m.password(t, "a")).tables(t)
	i.SetTables([]Table{{Version: 1, Packed: packed(t, "one")}}, []string{"a", "b"})
	a.has(t, "one")
	b := mustDial(t, m.url(), "b", m.password(t, "b")).tables(t) // the broker retains it
	b.has(t, "one")
	i.SetTables([]Table{{Version: 2, Packed: packed(t, "two"), Nodes: []string{"b"}}, {Version: 1, Packed: packed(t, "one")}}, nil)
	b.has(t, "two")
	for _, filter := range []string{"sipward/v1/b/table", "sipward/v1/+/table", "sipward/v1/a/answer", "sipward/v1/b/answer"} {
		if !a.refused(t, filter) {
			t.Errorf("%s was granted", filter)
		}
	}
	for _, topic := range []string{"sipward/v1/b/table", "sipward/v1/a/table", "sipward/v1/b/answer", "sipward/v1/b/cmd"} {
		for _, retain := range []bool{false, true} {
			a.Publish(topic, 1, retain, packed(t, "forged")).WaitTimeout(10 * time.Second)
		}
	}
	a.Publish(record.Topic("a", record.TopicAnswer), 1, false, `{"id":"nobody asked"}`).WaitTimeout(10 * time.Second) // in order behind the forged
	if got := a.last() + b.last(); got != "onetwo" {
		t.Errorf("after forgeries the nodes have %q", got)
	}
	mustDial(t, m.url(), "b", m.password(t, "b")).tables(t).has(t, "two")
	if i.Stats().Reconnects != 0 {
		t.Error("the collector lost its connection")
	}
}

// TestTablesOfABrokerThatForgets: mosquitto keeps nothing over a restart; the
// collector hands it all tables again.
func TestTablesOfABrokerThatForgets(t *testing.T) {
	m := startMosquitto(t, "a")
	i, err := New(m.config(t, newMemory()))
	if err != nil {
		t.Fatal(err)
	}
	i.links[0].again = backoff.Backoff{First: time.Millisecond, Most: 10 * time.Millisecond}
	run(t, i.Run)
	i.SetTables([]Table{{Version: 1, Packed: packed(t, "one")}}, []string{"a"})
	eventually(t, func() bool { return i.Stats().Tables == 1 })
	m.restart(t)
	mustDial(t, m.url(), "a", m.password(t, "a")).tables(t).has(t, "one")
	if n := i.Stats().Tables; n != 2 {
		t.Errorf("%d tables were sent", n)
	}
}

// answering is a node that answers what it is asked, with what say makes of the
// question.
func (a *agent) answering(t testing.TB, say func(question []byte) []byte) {
	t.Helper()
	tok := a.Subscribe(record.Topic(a.node, record.TopicCmd), 1, func(c paho.Client, m paho.Message) {
		if answer := say(m.Payload()); answer != nil {
			c.Publish(record.Topic(a.node, record.TopicAnswer), 1, false, answer)
		}
	})
	if !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
}

func TestAsk(t *testing.T) {
	m := startMosquitto(t, "a", "b", "c")
	other := start(t, m.config(t, newMemory())) // hears the answers too
	remote := start(t, m.config(t, newMemory()))
	eventually(t, func() bool { return remote.Stats().Connected == 1 && other.Stats().Connected == 1 })
	local, url, _ := startLocal(t, newMemory())
	for name, x := range map[string]struct {
		i        *Ingest
		url      string
		password func(string) string
	}{
		"embedded":  {local, url, func(n string) string { return n }},
		"mosquitto": {remote, m.url(), func(n string) string { return m.password(t, n) }},
	} {
		t.Run(name, func(t *testing.T) {
			mustDial(t, x.url, "a", x.password("a")).answering(t, func(q []byte) []byte { return bytes.Replace(q, []byte("ask"), []byte("of a"), 1) })
			mustDial(t, x.url, "b", x.password("b")).answering(t, func(q []byte) []byte { return bytes.Replace(q, []byte("ask"), []byte("of b"), 1) })
			mustDial(t, x.url, "c", x.password("c")).answering(t, func([]byte) []byte { return nil })
			var asked string
			question := func(id string) ([]byte, error) {
				asked = id
				return fmt.Appendf(nil, `{"id":%q,"text":"ask"}`, id), nil
			}
			if name == "mosquitto" { // until the subscription to answers is there
				eventually(t, func() bool {
					within, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					got, err := x.i.Ask(within, []string{"a"}, question)
					return err == nil && len(got) == 1
				})
			}
			within, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			got, err := x.i.Ask(within, []string{"a", "b"}, question)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "answers", map[string][]byte{
				"a": fmt.Appendf(nil, `{"id":%q,"text":"of a"}`, asked),
				"b": fmt.Appendf(nil, `{"id":%q,"text":"of b"}`, asked),
			}, got)
			brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if got, err = x.i.Ask(brief, []string{"a", "c", "nobody"}, question); err != nil || len(got) != 1 || got["a"] == nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestAskIsBounded(t *testing.T) {
	i, err := New(config(newMemory()))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) (map[string][]byte, error) {
		return i.Ask(ctx, []string{"a"}, func(id string) ([]byte, error) { return []byte(id), nil })
	}
	if got, err := i.Ask(t.Context(), nil, func(string) ([]byte, error) { return nil, nil }); err != nil || len(got) != 0 {
		t.Errorf("nobody: %v, %v", got, err)
	}
	if _, err := i.Ask(t.Context(), nil, func(string) ([]byte, error) { return nil, errFull }); !errors.Is(err, errFull) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range maxQuestions {
		group.Go(func() {
			if _, err := ask(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, func() bool {
		i.questions.mu.Lock()
		defer i.questions.mu.Unlock()
		return len(i.questions.all) == maxQuestions
	})
	if _, err := ask(ctx); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	cancel()
	group.Wait()
	if len(i.questions.all) != 0 {
		t.Errorf("%d questions are left", len(i.questions.all))
	}
}

// TestAnswersThatAreNone: what nobody asked for, from whom nobody asked, or twice.
func TestAnswersThatAreNone(t *testing.T) {
	q := questions{all: map[string]*asked{}}
	a := &asked{left: map[string]bool{"a": true, "b": true}, answers: map[string][]byte{}, done: make(chan struct{})}
	q.add("7", a)
	for _, x := range []struct {
		node, payload string
		good          bool
	}{
		{"c", `{"id":"7"}`, true}, {"a", `{"id":"8"}`, true}, {"a", `{}`, true}, {"a", `{"id":7}`, false}, {"a", `{`, false}, {"a", ``, false},
		{"a", `{"id":"7","n":1}`, true}, {"a", `{"id":"7","n":2}`, true},
	} {
		if err := q.take(x.node, []byte(x.payload)); (err == nil) != x.good {
			t.Errorf("%s of %s: %v", x.payload, x.node, err)
		}
	}
	diff(t, "answers", map[string][]byte{"a": []byte(`{"id":"7","n":1}`)}, q.end(a))
	if err := q.take("b", []byte(`{"id":"7"}`)); err != nil || len(a.answers) != 1 {
		t.Errorf("an answer that came too late was taken: %v", err)
	}
}
