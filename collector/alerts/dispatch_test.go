package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// hooks is a webhook that keeps what came.
type hooks struct {
	mu   sync.Mutex // guards all below
	got  []string
	ids  []string
	fail int // so many times first
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b hookBody
	err := json.NewDecoder(r.Body).Decode(&b)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids = append(h.ids, r.Header.Get(headerDelivery))
	if h.fail > 0 || err != nil {
		h.fail--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.got = append(h.got, b.Change+" "+b.ID)
}

// running starts a dispatcher and returns its results.
func running(t *testing.T, cfg DispatcherConfig) (*Dispatcher, chan Result) {
	t.Helper()
	results := make(chan Result, 2*maxQueue)
	cfg.Done, cfg.Log = func(r Result) { results <- r }, slog.New(slog.DiscardHandler)
	d := NewDispatcher(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return d, results
}

// TestDispatch: in order to each destination, and one that fails holds up no other.
func TestDispatch(t *testing.T) {
	flaky, fine := &hooks{fail: 1}, &hooks{}
	a, b := httptest.NewServer(flaky), httptest.NewServer(fine)
	defer a.Close()
	defer b.Close()
	d, results := running(t, DispatcherConfig{Hook: Hook{AllowPrivate: true}})
	want := make([]string, 0, 6)
	for i, c := range []Change{Raised, Repeated, Cleared} {
		d.Offer(&Notice{Change: c, At: time.Now(), Event: query.Event{ID: "e"}, Webhooks: []string{a.URL, b.URL}})
		want = append(want, c.String()+" e")
		if i == 0 {
			d.Offer(&Notice{Change: c, At: time.Now(), Mail: []string{"a@example.org"}}) // there is no server for it
		}
	}
	var bad []string
	for range 7 {
		if r := <-results; r.Err != nil {
			bad = append(bad, r.Err.Error())
		}
	}
	if !slices.Equal(flaky.got, want) || !slices.Equal(fine.got, want) {
		t.Errorf("%v, %v", flaky.got, fine.got)
	}
	if flaky.ids[0] != flaky.ids[1] || flaky.ids[1] == flaky.ids[2] {
		t.Errorf("ids %v", flaky.ids)
	}
	s := d.Stats()
	if len(bad) != 1 || !strings.Contains(bad[0], "no mail server is configured") || s.Queued != 0 || s.Webhook.Sent != 6 || s.Webhook.Retried != 1 || s.Webhook.Failed != 0 || s.Mail.Failed != 1 {
		t.Errorf("%v, %+v", bad, s)
	}
}

// TestDispatchGivesUp: what is too old is not tried again.
func TestDispatchGivesUp(t *testing.T) {
	h := &hooks{fail: 1000}
	s := httptest.NewServer(h)
	defer s.Close()
	d, results := running(t, DispatcherConfig{Hook: Hook{AllowPrivate: true}})
	d.Offer(&Notice{Change: Raised, At: time.Now().Add(-maxAge), Webhooks: []string{s.URL}})
	if r := <-results; r.Err == nil || !strings.Contains(r.Err.Error(), "503") {
		t.Error(r.Err)
	}
	if x := d.Stats().Webhook; x.Failed != 1 || x.Retried != 0 || x.LastError == "" {
		t.Errorf("%+v", x)
	}
}

// TestDispatchNeverWaits: a queue that nobody empties takes what fits and counts the
// rest.
func TestDispatchNeverWaits(t *testing.T) {
	dropped := 0
	d := NewDispatcher(DispatcherConfig{Done: func(r Result) {
		if r.Err != nil {
			dropped++
		}
	}})
	for i := range maxQueue + 5 {
		d.Offer(&Notice{Change: Raised, Mail: []string{fmt.Sprintf("a%d@example.org", i)}})
	}
	if s := d.Stats(); s.Queued != maxQueue || s.Mail.Dropped != 5 || dropped != 5 {
		t.Errorf("%+v, %d reported", s, dropped)
	}
}

func TestTestDelivery(t *testing.T) {
	h := &hooks{}
	s := httptest.NewServer(h)
	defer s.Close()
	d := NewDispatcher(DispatcherConfig{Hook: Hook{AllowPrivate: true}})
	if err := d.Test(t.Context(), ByWebhook, s.URL); err != nil || !slices.Equal(h.got, []string{"test "}) || d.Stats().Webhook.Sent != 1 {
		t.Errorf("%v, %v", err, h.got)
	}
	for _, v := range [][3]string{{ByMail, "nobody", "is no e-mail address"}, {ByWebhook, "ftp://a", "goes over https"}, {"fax", "1", "neither mail nor webhook"}} {
		if err := d.Test(t.Context(), v[0], v[1]); err == nil || !strings.Contains(err.Error(), v[2]) {
			t.Errorf("%v: %v", v, err)
		}
	}
}
