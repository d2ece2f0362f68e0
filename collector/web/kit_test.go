package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/sync/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is a time well within a month.
var noon = time.Date(2026, 11, 15, 12, 30, 0, 0, time.UTC)

// What acme must never see.
var secrets = []string{"globex", "carrier-x", "sw-one", "203.0.113.7", "4930222", "198.51.100.1"}

const pass = "a quiet river in may"

// desk is a server over a real database, with a clock that is set.
type desk struct {
	*Server
	t     testing.TB
	store *store.SQLite
	boss  *accounts.Principal

	mu sync.Mutex // guards at
	at time.Time
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = d.at.Add(by)
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// fixed is a table that does not change.
type fixed struct{ draft *table.Draft }

func (f fixed) Open(context.Context) (*table.Draft, error) { return f.draft, nil }
func (fixed) Save(context.Context, *table.Draft, table.Save) (*table.Version, error) {
	return nil, table.ErrUnchanged
}

func newDesk(t testing.TB, change ...func(*Config)) *desk {
	t.Helper()
	d := &desk{t: t, at: noon}
	var err error
	d.store, err = store.OpenSQLite(t.Context(), t.TempDir(), store.Options{Now: d.now})
	d.must(err)
	t.Cleanup(func() {
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
	d.fill()
	service, err := accounts.New(d.store, accounts.Options{Now: d.now, Cost: accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}})
	d.must(err)
	cfg := Config{Listen: "127.0.0.1:0", Service: service, Reads: d.store, Desk: d.store, Live: d.live, Now: d.now, Ask: ask, Calls: inProgress,
		Table: fixed{&table.Draft{Before: &table.Version{Version: 3, Who: "someone", MadeUnixMs: noon.UnixMilli()}, Old: &configs.Table{
			Grid: configs.Grid{Start: "1000", Size: 1000},
			Customers: []configs.Customer{
				{ID: "acme", Channels: 10, Domains: []string{"acme.example"}, Blocks: []configs.Block{{First: "1000", Last: "1999"}}},
				{ID: "globex", Channels: 20, Nets: []configs.Prefix{{Prefix: netip.MustParsePrefix("10.2.0.0/16")}}, Blocks: []configs.Block{{First: "2000", Last: "2999"}}}},
			Carriers: []configs.Carrier{{ID: "carrier-x", Channels: 30}}}}}}
	for _, f := range change {
		f(&cfg)
	}
	d.Server, err = New(cfg)
	d.must(err)
	return d
}

// fill stores calls, counters and refusals of two customers.
func (d *desk) fill() {
	calls := &record.Received{Node: "sw-one", Epoch: 7, Stream: record.Calls, First: 1}
	tele := &record.Received{Node: "sw-one", Epoch: 7, Stream: record.Telemetry, First: 1}
	for i := range 20 {
		customer, number := "acme", "4930111"
		if i%2 == 1 {
			customer, number = "globex", "4930222"
		}
		ms := noon.Add(-time.Duration(i+1) * time.Minute).UnixMilli()
		pdd := int64(1500)
		calls.Records = append(calls.Records, &record.Record{Call: &record.Call{Node: "sw-one", Kind: "call", CallId: fmt.Sprintf("%s-%d", customer, i), FromTag: "t",
			Customer: customer, Carrier: "carrier-x", Direction: "outbound", Caller: fmt.Sprintf("%s%03d", number, i), Called: "4989" + number, Src: "192.0.2.10:5060",
			Dst: "198.51.100.1:5060", InvitedUnixMs: ms - 60_000, AnsweredUnixMs: ms - 50_000, EndedUnixMs: ms, ClosedUnixMs: ms, CountedUnixMs: ms, PddMs: &pdd,
			DurationMs: 50_000, Answered: true, Outcome: true, Effective: true, SipStatus: 200, Release: "bye_caller", MediaClass: "two_way", MediaVisible: true,
			FromCaller: &record.Side{RtpPackets: 10, Mos: 4.3, DtmfCount: 2}, FromCallee: &record.Side{}, Attempts: []*record.Attempt{{Carrier: "carrier-x",
				Called: "4989" + number, Src: "198.51.100.1:5060", Dst: "203.0.113.7:5060", InvitedUnixMs: ms - 60_000, EndedUnixMs: ms, SipStatus: 200, Release: "bye_caller", Outcome: true, DurationMs: 50_000}}}})
		tele.Records = append(tele.Records, &record.Record{Registration: &record.Registration{AtUnixMs: ms, Verdict: "refused", Reason: "foreign_block", Mode: "monitor",
			Customer: customer, Number: number, Domain: "pbx.example", Src: "192.0.2.10:5060", Transport: "udp", Block: "2000-2999", Holder: "globex"}})
		for _, kind := range []string{query.KindTotal, query.KindCustomer, query.KindCarrier} {
			party := map[string]string{query.KindCustomer: customer, query.KindCarrier: "carrier-x"}[kind]
			tele.Records = append(tele.Records, &record.Record{Minute: &record.Minute{MinuteUnixS: ms / 60_000 * 60, Kind: kind, Party: party, ObservedMs: 60_000,
				Outcomes: 4, Answered: 3}})
		}
	}
	d.must(d.store.Commit(context.Background(), []*record.Received{calls, tele}))
	d.must(d.store.PutBalance(context.Background(), &query.Balance{Customer: "globex", AmountMinor: 1, Currency: "EUR"}, nil))
	d.must(d.store.PutBalance(context.Background(), &query.Balance{Customer: "acme", AmountMinor: -1250, Currency: "EUR", PaymentURL: "https://pay.example/acme"}, nil))
}

func (d *desk) live() []Now {
	return []Now{{ID: "sw-one", LiveAt: d.now(), State: &record.State{Node: "sw-one", State: record.StateUp, Ready: true},
		Live: &record.Live{Node: "sw-one", LiveSetup: 3, LiveAnswered: 5, CallsPerSecond: 2,
			Customers: []record.LiveParty{{ID: "acme", LiveSetup: 1, LiveAnswered: 2, Channels: 10}, {ID: "globex", LiveSetup: 2, LiveAnswered: 3, Channels: 20}},
			Carriers:  []record.LiveParty{{ID: "carrier-x", LiveAnswered: 5}}}},
		{ID: "sw-two", LiveAt: d.now().Add(-time.Hour), Live: &record.Live{Node: "sw-two", LiveAnswered: 99}}}
}

// ask is answered by an older node: it knows no customer.
func ask(_ context.Context, f BindingFilter) ([]NodeBindings, error) {
	more := 4
	if f.Customer != "" {
		more = 0
	}
	return []NodeBindings{{Node: "sw-one", More: more, Bindings: []record.Binding{{Number: "1001", Customer: "acme"}, {Number: "2001", Customer: "globex"}}},
		{Node: "sw-one-b", Error: "no answer within 3 s"}}, nil
}

// person is a browser, a program, or nobody.
type person struct {
	d            *desk
	cookie, csrf string
	bearer       string
	from         string // address; empty: one that all share
	site, origin string // of the page that asks
	noCSRF       bool
}

func (p *person) ask(method, path string, body any) *httptest.ResponseRecorder {
	p.d.t.Helper()
	var b bytes.Buffer
	if body != nil {
		p.d.must(json.NewEncoder(&b).Encode(body))
	}
	r := httptest.NewRequestWithContext(p.d.t.Context(), method, "http://127.0.0.1:8080"+apiPrefix+path, &b)
	r.RemoteAddr = "192.0.2.77:1234"
	if p.from != "" {
		r.RemoteAddr = p.from + ":1234"
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.cookie != "" {
		r.AddCookie(&http.Cookie{Name: p.d.cookie, Value: p.cookie})
	}
	if p.csrf != "" && !p.noCSRF {
		r.Header.Set("X-CSRF", p.csrf)
	}
	if p.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	if p.site != "" {
		r.Header.Set("Sec-Fetch-Site", p.site)
	}
	if p.origin != "" {
		r.Header.Set("Origin", p.origin)
	}
	w := httptest.NewRecorder()
	p.d.ServeHTTP(w, r)
	return w
}

// take keeps the cookie of an answer, as a browser does.
func (p *person) take(w *httptest.ResponseRecorder) session {
	p.d.t.Helper()
	for _, c := range w.Result().Cookies() {
		p.cookie = c.Value
	}
	var s session
	if w.Code >= 300 {
		p.d.t.Fatalf("%d %s", w.Code, w.Body)
	}
	p.d.must(json.Unmarshal(w.Body.Bytes(), &s))
	p.csrf = s.CSRF
	return s
}

func (d *desk) nobody() *person { return &person{d: d} }

// operator makes the first account through the one-time link.
func (d *desk) operator() *person {
	d.t.Helper()
	link, err := d.cfg.Service.Setup(context.Background())
	d.must(err)
	p := d.nobody()
	if s := p.take(p.ask(post, "/setup", map[string]string{"token": link.Token, "name": "Boss", "email": "boss@example.net", "password": pass})); s.State != sessionIn {
		d.t.Fatal(s)
	}
	d.boss, err = d.cfg.Service.Authenticate(context.Background(), p.cookie, netip.Addr{})
	d.must(err)
	return p
}

// person makes an account and logs it in.
func (d *desk) person(r accounts.Role, customer string) *person {
	d.t.Helper()
	email := r.String() + customer + "@example.org"
	_, _, err := d.cfg.Service.Create(context.Background(), d.boss, accounts.NewAccount{Email: email, Role: r, Customer: customer, Password: pass})
	d.must(err)
	p := d.nobody()
	p.take(p.ask(post, "/session", map[string]string{"email": email, "password": pass}))
	return p
}

// program makes a token.
func (d *desk) program(r accounts.Role, customer string) *person {
	d.t.Helper()
	plain, _, err := d.cfg.Service.CreateToken(context.Background(), d.boss, accounts.NewToken{Name: r.String() + customer, Role: r, Customer: customer, Expires: d.now().Add(time.Hour)})
	d.must(err)
	return &person{d: d, bearer: plain}
}

// pathOf fills a route's path.
func pathOf(r *route, value string) string {
	var out []string
	for part := range strings.SplitSeq(r.path, "/") {
		if strings.HasPrefix(part, "{") {
			part = value
		}
		out = append(out, part)
	}
	return strings.Join(out, "/")
}

func newRequest(t *testing.T, path string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), get, "http://127.0.0.1:8080/", nil)
	r.URL.Path = path
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
