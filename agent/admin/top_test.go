package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/counters"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sync/record"
)

// page asks the pages of the socket.
func page(t *testing.T, s *Server, path string, to any) int {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range s.local(nil) {
		mux.Handle(pattern, h)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return w.Code
}

func TestTop(t *testing.T) {
	s := sample()
	s.Sync = &Sync{Spool: Spool{Bytes: 4096, Calls: SpoolStream{Spooled: 3, OldestUnackedMs: 900}, Telemetry: SpoolStream{Spooled: 4}}}
	server := New(Config{Source: fixed{s}})
	server.recent.look(s.Figures, time.Now())
	var top Top
	if code := page(t, server, "/top", &top); code != http.StatusOK {
		t.Fatal(code)
	}
	if top.Node != "sw1" || top.Total.Live() != 7 || top.Total.Channels != 30 || top.Unlimited != 1 || top.Refused != 4 || top.OtherLost != 2 || top.KernelLost != 0 {
		t.Errorf("%+v", top)
	}
	if want := (TopSync{Records: 7, Bytes: 4096, OldestUnackedMs: 900}); *top.Sync != want {
		t.Errorf("%+v, want %+v", *top.Sync, want)
	}
	acme := top.Parties[0]
	if len(top.Parties) != 2 || acme.Name != "acme" || acme.ASR != (counters.Ratio{Num: 8, Den: 10}) || acme.Recent[recentLen-1] != 7 || top.Parties[1].Recent != nil {
		t.Errorf("%+v", top.Parties)
	}
	if top.Sum.Live() != 7 || top.Sum.PDD != acme.PDD || top.Counts != [2]int{2, 1} || top.More != 0 {
		t.Errorf("sum %+v, counts %v, %d more", top.Sum, top.Counts, top.More)
	}
	page(t, server, "/top?by=carriers", &top)
	if len(top.Parties) != 1 || top.Parties[0].Name != "telco" || top.Sum.Started != 10 {
		t.Errorf("%+v", top.Parties)
	}
	for _, bad := range []string{"/top?by=phones", "/top?limit=0", "/top?limit=x", "/calls"} {
		if code := page(t, server, bad, nil); code == http.StatusOK {
			t.Errorf("%s is answered", bad)
		}
	}
}

// TestTopBound: however many customers there are, the answer is short and has the
// busiest, and its sum is of all that match.
func TestTopBound(t *testing.T) {
	s := &Status{Figures: &counters.Snapshot{}}
	for i := range 20_000 {
		s.Figures.Customers = append(s.Figures.Customers, counters.Party{
			Name: fmt.Sprintf("Customer-%05d", i), Figures: counters.Figures{LiveAnswered: uint64(i), Started: 1},
		})
	}
	server := New(Config{Source: fixed{s}})
	for range recentLen {
		server.recent.look(s.Figures, time.Now())
	}
	top := newTop(s, server.recent, ByCustomers, "customer-0", mostParties, time.Now())
	if len(top.Parties) != mostParties || top.More != 9000 || top.Parties[0].Name != "Customer-09999" || top.Sum.Started != 10_000 {
		t.Errorf("%d, %d more, first %+v, sum %d", len(top.Parties), top.More, top.Parties[0], top.Sum.Started)
	}
	b, err := json.Marshal(top)
	if err != nil || len(b) > 1<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestCallsPage(t *testing.T) {
	var got []string
	failed := error(nil)
	server := New(Config{Source: fixed{sample()}, Calls: func(_ context.Context, customer, carrier string, limit int) ([]record.LiveCall, int, error) {
		got = append(got, fmt.Sprint(customer, "/", carrier, "/", limit))
		return []record.LiveCall{{CallID: "c1"}}, 5, failed
	}})
	var p CallsPage
	if code := page(t, server, "/calls?customer=acme&limit=7", &p); code != http.StatusOK || len(p.Calls) != 1 || p.Calls[0].CallID != "c1" || p.More != 5 {
		t.Errorf("%d %+v", code, p)
	}
	failed = errors.New("no pipeline")
	if code := page(t, server, "/calls?carrier=telco&limit=99999", &p); code != http.StatusServiceUnavailable {
		t.Errorf("%d", code)
	}
	if diff := cmp.Diff([]string{"acme//7", "/telco/1000"}, got); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestRecent(t *testing.T) {
	r := newRecent(fixed{sample()})
	now := time.Unix(1_700_000_000, 0)
	live := func(n int) *counters.Snapshot {
		return &counters.Snapshot{Customers: []counters.Party{{Name: "a", Figures: counters.Figures{LiveSetup: uint64(n)}}, {Name: "b"}}}
	}
	for _, n := range []int{3, 9, 4, 2, 0, 1, 5, 0, 0, 0, 0, 0} { // a second each
		r.look(live(n), now)
		now = now.Add(time.Second)
	}
	if got := r.channels(party.Customer, "a"); !cmp.Equal(got[recentLen-3:], []uint32{9, 5, 0}) {
		t.Errorf("%v", got)
	}
	if r.channels(party.Customer, "b") != nil || r.channels(party.Carrier, "a") != nil {
		t.Error("somebody without a channel is remembered")
	}
	for range 2 * recentLen {
		r.look(live(0), now)
		now = now.Add(recentStep)
	}
	if got := r.channels(party.Customer, "a"); got != nil {
		t.Errorf("never forgotten: %v", got)
	}
	r.look(live(2), now)
	r.look(live(2), now.Add(24*time.Hour)) // the machine slept
	if got := r.channels(party.Customer, "a"); got[recentLen-1] != 2 || got[0] != 0 {
		t.Errorf("%v", got)
	}
}
