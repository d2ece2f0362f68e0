package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/testkit/mailserver"
	"github.com/sipward/sipward/sync/record"
)

// lookout is alerting over a real store, with a real mail server and a real webhook. Its
// clock is set by hand.
type lookout struct {
	t       *testing.T
	store   *store.SQLite
	mail    *mailserver.Server
	cfg     configs.Alerts
	calls   chan map[string]any // of the webhook
	hookURL string
	asked   chan struct{} // each judgement begins by asking for the nodes
	*alerting
	stop func()

	mu     sync.Mutex // guards the following
	at     time.Time
	status int // that the webhook answers
	seq    uint64
}

func (l *lookout) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// Nodes and Stats are those of a feed without live messages.
func (l *lookout) Nodes() []ingest.Node {
	select {
	case l.asked <- struct{}{}:
	default:
	}
	return nil
}
func (*lookout) Stats() ingest.Stats { return ingest.Stats{} }

func newLookout(t *testing.T) *lookout {
	t.Helper()
	l := &lookout{t: t, at: time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC), status: http.StatusNoContent, calls: make(chan map[string]any, 100), asked: make(chan struct{}, 1), mail: mailserver.Start(t)}
	var err error
	if l.store, err = store.OpenSQLite(t.Context(), t.TempDir(), store.Options{Now: l.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.store.Close(); err != nil {
			t.Error(err)
		}
	})
	hook := httptest.NewServer(http.HandlerFunc(l.hook))
	t.Cleanup(hook.Close)
	l.cfg.Mail = configs.Mail{Host: l.mail.Host, Port: l.mail.Port, Security: alerts.Plain, From: "sipward@example.org"}
	l.cfg.Webhook = configs.Webhook{AllowPrivate: true, Secret: configs.Secret("a secret of two")}
	l.hookURL = hook.URL
	raw, err := json.Marshal(map[string]any{"email": []string{"noc@example.org"}, "webhook": hook.URL})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string][]byte{query.SettingDelivery: raw, query.SettingFirstRules: []byte("true")} {
		if err := l.store.PutSetting(t.Context(), &query.Setting{Key: key, Value: value}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// hook takes what is signed as docs/alerts.md says, and nothing else.
func (l *lookout) hook(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var unix int64
	var signature string
	if n, _ := fmt.Sscanf(r.Header.Get("X-Sipward-Signature"), "t=%d,v1=%s", &unix, &signature); n != 2 || unix != l.at.Unix() {
		l.t.Errorf("signed %q", r.Header.Get("X-Sipward-Signature"))
	}
	mac := hmac.New(sha256.New, []byte("a secret of two"))
	fmt.Fprintf(mac, "%d.%s", unix, body)
	if signature != hex.EncodeToString(mac.Sum(nil)) {
		l.t.Error("the signature is wrong")
	}
	var x map[string]any
	if err != nil || json.Unmarshal(body, &x) != nil {
		l.t.Errorf("%s, %v", body, err)
	}
	if w.WriteHeader(l.status); l.status == http.StatusNoContent {
		l.calls <- x
	}
}

// start runs it as the program does; stop ends it.
func (l *lookout) start() {
	l.t.Helper()
	var err error
	if l.alerting, err = newAlerting(&l.cfg, l.store, l, l.now, slog.New(slog.DiscardHandler)); err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.run(ctx) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(l.stop)
}

// minutes lets time pass, and stores counters of the last minutes of it before: a
// judgement of that time reads them once. They are of a carrier with ten calls each.
func (l *lookout) minutes(by time.Duration, n, answered int) {
	l.t.Helper()
	r := &record.Received{Node: "sw1", Epoch: 7, Stream: record.Telemetry, First: l.seq + 1}
	for i := range n {
		at := l.now().Add(by - time.Duration(i+1)*time.Minute).Truncate(time.Minute).Unix()
		for _, m := range []*record.Minute{{Kind: query.KindTotal}, {Kind: query.KindCarrier, Party: "alpha"}} {
			m.MinuteUnixS, m.ObservedMs, m.Outcomes, m.Answered = at, 60_000, 10, uint64(answered) // small
			r.Records = append(r.Records, &record.Record{Minute: m})
		}
	}
	l.seq += uint64(len(r.Records))
	if err := l.store.Commit(l.t.Context(), []*record.Received{r}); err != nil {
		l.t.Fatal(err)
	}
	l.pass(by)
}

func (l *lookout) pass(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = l.at.Add(by)
}

// judge makes all rules be judged again, n times after the one that may be going on, and
// returns what is open. That one has ended when the next begins.
func (l *lookout) judge(n int) (open []query.Event) {
	l.t.Helper()
	select {
	case <-l.asked: // before
	default:
	}
	late := time.After(patience)
	for range n + 2 {
		l.Changed()
		select {
		case <-l.asked:
		case <-late:
			l.t.Fatalf("%+v", l.service.Stats())
		}
	}
	if err := l.store.Events(l.t.Context(), query.EventFilter{Open: true}, func(x *query.Event) error { open = append(open, *x); return nil }); err != nil {
		l.t.Fatal(err)
	}
	return open
}

// said waits for a message by each channel.
func (l *lookout) said(change, subject, text string) {
	l.t.Helper()
	select {
	case x := <-l.calls:
		if x["change"] != change || x["text"] != text || x["rule"] == "" || x["party"] != "alpha" {
			l.t.Errorf("the webhook got %v, want %s: %s", x, change, text)
		}
	case <-time.After(patience):
		l.t.Fatalf("the webhook was not called; %+v", l.dispatcher.Stats())
	}
	m := l.mail.Next(l.t)
	if !strings.Contains(m, "Subject: "+subject+"\r\n") || !strings.Contains(strings.ReplaceAll(m, "=\r\n", ""), text[:40]) || !strings.Contains(m, "To: <noc@example.org>") {
		l.t.Errorf("mailed, want %s and %s:\n%s", subject, text, m)
	}
}

// quiet fails when anything was said, or waits to be: a message that is sent now comes
// next, since each destination gets them in their order.
func (l *lookout) quiet() {
	l.t.Helper()
	n := &alerts.Notice{Change: alerts.Updated, At: l.now(), Area: alerts.AreaASR, Mail: []string{"noc@example.org"}, Webhooks: []string{l.hookURL}}
	n.Event = query.Event{Rule: "mark", RuleName: "Mark", Kind: query.KindCarrier, Party: "alpha", Level: alerts.LevelInfo, Text: "nothing was said before this, as far as it is known"}
	l.dispatcher.Offer(n)
	l.said("updated", "[Sipward] INFO: Mark (carrier alpha)", n.Event.Text)
}

func (l *lookout) rule() {
	l.t.Helper()
	reset := 60.0
	r := &query.Rule{Name: "Few answers", Area: alerts.AreaASR, Kind: query.KindCarrier, Operator: alerts.Below, Threshold: 40, Reset: &reset, MinSample: 20, PeriodS: 300, Level: alerts.LevelCritical}
	if err := l.store.PutRule(l.t.Context(), r, nil); err != nil {
		l.t.Fatal(err)
	}
}

// TestAlert goes from calls that a node counted to what people read, and back: it is
// raised, a restart neither says it again nor forgets it, and it ends.
func TestAlert(t *testing.T) {
	l := newLookout(t)
	l.rule()
	l.minutes(0, 5, 8)
	l.start()
	if open := l.judge(2); len(open) > 0 {
		t.Fatalf("%+v", open)
	}
	l.minutes(10*time.Minute, 10, 2)
	l.judge(1)
	l.said("raised", "[Sipward] CRITICAL: Few answers (carrier alpha)", "ASR of carrier alpha: 20% (10 of 50), in the last 5 min; the threshold is below 40%")
	for begin := time.Now(); ; {
		open := l.judge(1)
		if len(open) == 1 && open[0].SentUnixMs != 0 && open[0].FailedSends == 0 && open[0].Area == alerts.AreaASR {
			break
		}
		if time.Since(begin) > patience {
			t.Fatalf("%+v", open)
		}
	}
	l.stop()
	l.pass(2 * time.Minute)
	l.start()
	if open := l.judge(3); len(open) != 1 {
		t.Errorf("%+v", open)
	}
	l.quiet()
	l.minutes(10*time.Minute, 8, 7)
	if open := l.judge(1); len(open) != 0 {
		t.Errorf("%+v", open)
	}
	l.said("cleared", "[Sipward] OVER: Few answers (carrier alpha)", "ASR of carrier alpha: 70% (35 of 50), in the last 5 min; it is over at 60% or more")
	l.judge(2)
	l.quiet()
}

// TestAlertThatNobodyHeardOf is said again after a restart, once.
func TestAlertThatNobodyHeardOf(t *testing.T) {
	l := newLookout(t)
	l.rule()
	l.minutes(0, 10, 2)
	l.cfg.Mail.Port = 1 // nobody listens there
	l.status = http.StatusServiceUnavailable
	l.start()
	l.judge(1)
	for begin := time.Now(); ; l.judge(1) {
		s := l.dispatcher.Stats()
		if s.Mail.Retried > 0 && s.Webhook.Retried > 0 {
			break
		}
		if time.Since(begin) > patience {
			t.Fatalf("%+v", s)
		}
	}
	if st := l.service.Stats(); st.ByLevel[alerts.LevelCritical] != 1 {
		t.Errorf("%+v", st)
	}
	l.stop()
	l.cfg.Mail.Port = l.mail.Port
	l.mu.Lock()
	l.status = http.StatusNoContent
	l.mu.Unlock()
	l.pass(2 * time.Minute)
	l.start()
	l.judge(2)
	l.said("repeated", "[Sipward] CRITICAL, still: Few answers (carrier alpha)", "ASR of carrier alpha: 20% (6 of 30), in the last 5 min; the threshold is below 40%")
	l.judge(3)
	l.quiet()
}

// TestFirstRules are made once, by one of several collectors.
func TestFirstRules(t *testing.T) {
	db, err := store.OpenSQLite(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	count := func() (n int) {
		if err := db.Rules(t.Context(), "", func(*query.Rule) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := (&alerting{store: db}).firstRules(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := count(); n != len(alerts.Defaults()) {
		t.Errorf("%d rules, want %d", n, len(alerts.Defaults()))
	}
	var ids []query.Rule
	if err := db.Rules(t.Context(), "", func(r *query.Rule) error { ids = append(ids, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, r := range ids {
		if err := db.DeleteRule(t.Context(), r.ID, r.Version, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&alerting{store: db}).firstRules(t.Context()); err != nil || count() != 0 {
		t.Errorf("rules that were removed came back: %d, %v", count(), err)
	}
}

func TestDelivery(t *testing.T) {
	db, err := store.OpenSQLite(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := &alerting{store: db, dashboard: "https://sipward.example"}
	if d, err := a.Delivery(t.Context()); err != nil || len(d.Mail)+len(d.Webhooks) > 0 || d.Dashboard != "https://sipward.example" {
		t.Errorf("%+v, %v", d, err)
	}
	x := &query.Setting{Key: query.SettingDelivery}
	for value, want := range map[string]int{`{"email":["a@example.org","b@example.org"],"webhook":"https://example.org/"}`: 3, `{"email":[],"webhook":""}`: 0, `"x"`: -1} {
		x.Value = []byte(value)
		if err := db.PutSetting(t.Context(), x, nil); err != nil {
			t.Fatal(err)
		}
		if d, err := a.Delivery(t.Context()); (err != nil) != (want < 0) || err == nil && len(d.Mail)+len(d.Webhooks) != want {
			t.Errorf("%s: %+v, %v", value, d, err)
		}
	}
}

// TestListening: a broker that was lost is a break, and so is one of several.
func TestListening(t *testing.T) {
	a := &alerting{}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, v := range []struct {
		brokers, connected int
		since              int // seconds after at; negative: not at all
	}{{0, 0, 0}, {0, 0, 0}, {2, 2, 0}, {2, 1, 3}, {2, 2, 3}, {2, 0, -1}, {2, 0, -1}, {2, 1, 7}, {2, 2, 7}} {
		a.feed = brokers{v.brokers, v.connected}
		got := a.listening(at.Add(time.Duration(i) * time.Second))
		if v.since < 0 && !got.IsZero() || v.since >= 0 && !got.Equal(at.Add(time.Duration(v.since)*time.Second)) {
			t.Errorf("%d: since %v", i, got)
		}
	}
}

type brokers struct{ all, connected int }

func (brokers) Nodes() []ingest.Node  { return nil }
func (b brokers) Stats() ingest.Stats { return ingest.Stats{Brokers: b.all, Connected: b.connected} }

// TestAlertStatus: every counter of the dispatcher is shown under its own name.
func TestAlertStatus(t *testing.T) {
	at := time.UnixMilli(5000)
	s := alertStatus(&alerts.Stats{LastStep: at, LastError: "x"}, &alerts.DispatchStats{Queued: 9,
		Mail:    alerts.ChannelStats{Sent: 1, Failed: 2, Retried: 3, Dropped: 4, LastSent: at, LastError: "old", LastErrorAt: at.Add(-1)},
		Webhook: alerts.ChannelStats{Sent: 5, Failed: 6, Retried: 7, Dropped: 8, LastError: "new", LastErrorAt: at}})
	if got := fmt.Sprintf("%+v", s.Channels); s.Queued != 9 || s.JudgedUnixMs != 5000 || s.Error != "x" ||
		got != "[{Channel:mail Sent:1 Retried:3 Failed:2 Dropped:4 SentUnixMs:5000 Error:} {Channel:webhook Sent:5 Retried:7 Failed:6 Dropped:8 SentUnixMs:0 Error:new}]" {
		t.Errorf("%+v %s", s, got)
	}
}
