package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/test/peers"
)

// What the dashboard shows is what plain SQL over the records of the calls adds up to:
// in each row of the summary, in the graphs, in the lists that a row leads to, and in
// the detail of each call; for the operator and for a customer.
func TestDashboard(t *testing.T) {
	need(t)
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); dashboard(t, false) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); dashboard(t, true) })
}

// twoCustomers is the configuration of the agent; %s are the second one's addresses, and
// those of the first and of the carriers.
const twoCustomers = `
node: e2e
capture:
  interfaces: [any]
  filter: ebpf
customers:
  - id: globex
    addresses: [%s]
  - id: acme
    addresses: [%s]
carriers:
  - id: alpha
    addresses: [%s]
  - id: beta
    addresses: [%s]
`

// What the customers do.
var (
	acmeCalls = []batch{
		{name: "digits", number: "2000", calls: 8, rate: 40, caller: peers.Caller{Play: append(peers.Keys("15#"), peers.Voice(2000)), Hold: 1000},
			a: peers.Callee{Refuse: "503 Service Unavailable"}, b: peers.Callee{Answer: 700, Play: []peers.Clip{peers.Voice(1000)}}},
		{name: "voice", number: "1000", calls: 6, rate: 40, caller: peers.Caller{Play: []peers.Clip{peers.Voice(1500)}, Hold: 300}, a: peers.Callee{Play: []peers.Clip{peers.Voice(500)}}},
		{name: "busy", number: "1486", calls: 5, rate: 20, caller: peers.Caller{Refused: "486"}, a: peers.Callee{Refuse: "486 Busy Here"}},
		{name: "cancel", number: "1487", calls: 4, rate: 20, caller: peers.Caller{Cancel: true, Refused: "487"}, a: peers.Callee{Ring: true}},
	}
	globexCalls = []batch{
		{name: "silent", number: "1001", calls: 7, rate: 40, caller: peers.Caller{Hold: 400}},
		{name: "absent", number: "1404", calls: 3, rate: 20, caller: peers.Caller{Refused: "404"}, a: peers.Callee{Refuse: "404 Not Found"}},
		{name: "second", number: "2001", calls: 2, rate: 20, caller: peers.Caller{Hold: 300}, a: peers.Callee{Refuse: "503 Service Unavailable"}},
	}
)

func dashboard(t *testing.T, postgres bool) {
	o, boss, book := newDesk(t, postgres)
	begun := time.Now().Add(-time.Minute).Truncate(time.Minute)
	sum := tally{w: o.world}
	for i := range acmeCalls {
		sum.add(&acmeCalls[i], o.start(&acmeCalls[i]).finish())
	}
	o.addresses.Customer = globexAddr
	for i := range globexCalls {
		sum.add(&globexCalls[i], o.start(&globexCalls[i]).finish())
	}
	o.settle(sum.started)
	if err := o.agent.Stop(t.Context()); err != nil { // its last minute is written now,
		t.Fatal(err)
	}
	if err := o.agent.Start(t.Context()); err != nil { // and sent
		t.Fatal(err)
	}
	o.delivered(sum.started)

	own := boss.customer("acme")
	d := &shown{office: o, boss: boss, book: book, from: begun.Unix()}
	d.waitForMinutes()
	t.Run("summaries", func(t *testing.T) { d.summaries(t, sum.started) })
	t.Run("graphs", func(t *testing.T) { d.graphs(t) })
	t.Run("calls", func(t *testing.T) { d.calls(t, sum.started) })
	t.Run("customer", func(t *testing.T) { d.customer(t, own) })
}

// newDesk starts a switch with a watching agent, and a collector with a dashboard.
func newDesk(t *testing.T, postgres bool) (*office, *browser, *ledger) {
	t.Helper()
	ctx := t.Context()
	db := &peers.Postgres{}
	t.Cleanup(func() { // after the site, and with it the database, has ended
		if err := db.Remove(); err != nil {
			t.Error(err)
		}
	})
	o := &office{world: newSwitch(t, peers.V4, false)}
	if err := o.Customer.Run(ctx, "ip", "addr", "add", globexAddr.String()+"/24", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
	o.collector = &peers.Collector{Web: "127.0.0.1:8080"}
	book := &ledger{}
	attach(t, o.Site, o.collector, func() {
		if !postgres {
			return
		}
		db.Host = o.collector.Host
		if err := db.Start(ctx); errors.Is(err, peers.ErrNotInstalled) {
			t.Skipf("%v: run make deps", err)
		} else if err != nil {
			t.Fatal(err)
		}
		o.collector.Database, book.url = db.URL(), db.URL()+"&search_path=sipward"
	})
	book.sqlite = o.collector.Store()
	uplink, err := o.collector.AddNode(ctx, "e2e")
	if err != nil {
		t.Fatal(err)
	}
	program, err := peers.BuildAgent(ctx, o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	a := o.addresses
	o.agent = &peers.Agent{Host: o.Switch, Program: program, Config: fmt.Sprintf(twoCustomers, quoted(globexAddr), quoted(a.Customer), quoted(a.CarrierA), quoted(a.CarrierB)) + uplink}
	if err := o.agent.Start(ctx); err != nil {
		t.Fatal(err)
	}
	boss := newBrowser(t, o.collector)
	token, err := o.collector.SetupToken()
	if err != nil {
		t.Fatal(err)
	}
	boss.enter("/setup", map[string]string{"token": token, "name": "Boss", "email": "boss@example.net", "password": password})
	return o, boss, book
}

const password = "a quiet river in may"

// browser is somebody who is logged in to the dashboard.
type browser struct {
	t      *testing.T
	c      *peers.Collector
	client *http.Client
	csrf   string
	cookie string
}

func newBrowser(t *testing.T, c *peers.Collector) *browser {
	transport := &http.Transport{DialContext: c.Host.DialTCP}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, c: c, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// do asks, and reads an answer of 2xx; it returns the status.
func (b *browser) do(method, path string, body, to any) int {
	b.t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			b.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.c.Web+"/api/v1"+path, &in)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-CSRF", b.csrf)
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "sipward", Value: b.cookie})
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		b.cookie = c.Value
	}
	if res.StatusCode/100 != 2 {
		return res.StatusCode
	}
	if err := json.Unmarshal(out, to); err != nil {
		b.t.Fatalf("%s %s: %v: %s", method, path, err, out)
	}
	return res.StatusCode
}

// get asks for what must be there.
func (b *browser) get(path string, args url.Values, to any) {
	b.t.Helper()
	if code := b.do(http.MethodGet, path+"?"+args.Encode(), nil, to); code != http.StatusOK {
		b.t.Fatalf("%s?%s: %d", path, args.Encode(), code)
	}
}

// enter comes in, by a link or by password.
func (b *browser) enter(path string, form map[string]string) {
	b.t.Helper()
	var s struct{ CSRF string }
	if code := b.do(http.MethodPost, path, form, &s); code != http.StatusOK {
		b.t.Fatalf("%s: %d", path, code)
	}
	b.csrf = s.CSRF
}

// customer makes an account for a customer, and logs it in.
func (b *browser) customer(id string) *browser {
	b.t.Helper()
	var made struct{ Link string }
	email := id + "@example.org"
	if code := b.do(http.MethodPost, "/accounts", map[string]string{"email": email, "role": "customer", "customer": id}, &made); code != http.StatusCreated {
		b.t.Fatalf("making an account: %d", code)
	}
	_, token, _ := strings.Cut(made.Link, "/#/setup/")
	c := newBrowser(b.t, b.c)
	c.enter("/setup", map[string]string{"token": token, "email": email, "password": password})
	c.enter("/session", map[string]string{"email": email, "password": password})
	return c
}

// shown is a dashboard and what its figures must be.
type shown struct {
	*office
	boss *browser
	book *ledger
	from int64 // Unix seconds of a minute before all calls
}

type ratio struct {
	Num   float64
	Den   int64
	Value *float64
}

type summaryRow struct {
	From         int64 `json:"from_unix_s"`
	To           int64 `json:"to_unix_s"`
	Kind, Party  string
	Attempts     int64
	Connected    int64
	DurationMs   int64 `json:"duration_ms"`
	ASR          ratio
	ACD          ratio
	DTMF         ratio
	NER          ratio
	PDD          ratio
	Completeness struct{ State string }
}

func (r *summaryRow) figures() figures {
	return figures{Attempts: r.Attempts, Connected: r.Connected, Outcomes: r.ASR.Den, Effective: int64(r.NER.Num), Ended: r.ACD.Den,
		DurationMs: r.DurationMs, DigitCalls: int64(r.DTMF.Num), MediaSeen: r.DTMF.Den, PDDSumMs: int64(r.PDD.Num), PDDs: r.PDD.Den}
}

// sound says whether the ratios of a row are of its figures.
func (r *summaryRow) sound() error {
	f := r.figures()
	if r.NER.Den != f.Outcomes || int64(r.ASR.Num) != f.Connected || r.ACD.Num != float64(f.DurationMs)/1000 {
		return fmt.Errorf("its ratios are not of its figures: %+v", r)
	}
	for _, x := range []ratio{r.ASR, r.ACD, r.DTMF, r.NER, r.PDD} {
		if (x.Value != nil) != (x.Den > 0) || x.Value != nil && *x.Value != x.Num/float64(x.Den) {
			return fmt.Errorf("a ratio does not divide: %+v", x)
		}
	}
	return nil
}

type page[T any] struct {
	Items []T
	Next  string
}

// all reads a list to its end, in small pages.
func all[T any](b *browser, path string, args url.Values) (out []T) {
	b.t.Helper()
	args.Set("limit", "7")
	for {
		var p page[T]
		b.get(path, args, &p)
		out = append(out, p.Items...)
		if p.Next == "" {
			return out
		}
		args.Set("after", p.Next)
	}
}

func (d *shown) want(t *testing.T, kind, party string, from, to int64) figures {
	t.Helper()
	f, err := d.book.figures(t.Context(), kind, party, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const forever = 1 << 50 // milliseconds

// everybody is who calls, or is called.
var everybody = []struct{ by, kind, party string }{{"total", "total", ""}, {"customer:acme", "customer", "acme"}, {"customer:globex", "customer", "globex"},
	{"carrier:alpha", "carrier", "alpha"}, {"carrier:beta", "carrier", "beta"}}

// summaries compares each row with the calls of its time, and with what one click on it
// lists; and all rows of a party with all its calls, so that none is in no row.
func (d *shown) summaries(t *testing.T, started int) {
	for _, tab := range []string{"live", "daily", "monthly"} {
		for _, x := range everybody {
			var sum figures
			for _, r := range all[summaryRow](d.boss, "/summaries", url.Values{"tab": {tab}, "by": {x.by}}) {
				d.row(t, &r)
				sum.add(r.figures())
			}
			want := d.want(t, x.kind, x.party, 0, forever)
			if diff := cmp.Diff(want, sum); diff != "" || sum.Attempts == 0 {
				t.Errorf("%s of %s: all rows are not all calls (-SQL +dashboard):\n%s", tab, x.by, diff)
			}
			if x.kind == "total" && sum.Attempts != int64(started) {
				t.Errorf("%s: %d calls, %d were made", tab, sum.Attempts, started)
			}
		}
		for kind, parties := range map[string]int{"customer": 2, "carrier": 2} {
			names := map[string]bool{}
			for _, r := range all[summaryRow](d.boss, "/summaries", url.Values{"tab": {tab}, "by": {kind}}) {
				d.row(t, &r)
				names[r.Party] = true
			}
			if len(names) != parties {
				t.Errorf("%s of each %s: %v", tab, kind, names)
			}
		}
	}
}

func (d *shown) row(t *testing.T, r *summaryRow) {
	t.Helper()
	want := d.want(t, r.Kind, r.Party, r.From*1000, r.To*1000)
	if diff := cmp.Diff(want, r.figures()); diff != "" {
		t.Errorf("%s %s from %d (-SQL +dashboard):\n%s", r.Kind, r.Party, r.From, diff)
	}
	if err := r.sound(); err != nil {
		t.Error(err)
	}
	listed := d.list(t, d.boss, r)
	var sum figures
	for _, f := range listed {
		sum.Attempts++
		sum.DurationMs += f.DurationMs
		if f.Answered {
			sum.Connected++
		}
		if f.PddMs != nil {
			sum.PDDs, sum.PDDSumMs = sum.PDDs+1, sum.PDDSumMs+*f.PddMs
		}
	}
	got := figures{Attempts: r.Attempts, Connected: r.Connected, DurationMs: r.DurationMs, PDDs: r.PDD.Den, PDDSumMs: int64(r.PDD.Num)}
	if sum != got {
		t.Errorf("%s %s from %d says %+v, the list that it leads to %+v", r.Kind, r.Party, r.From, got, sum)
	}
}

// list is what a click on a row shows: exactly the rows of the database.
func (d *shown) list(t *testing.T, b *browser, r *summaryRow) []facts {
	t.Helper()
	args := url.Values{"from": {fmt.Sprint(r.From * 1000)}, "to": {fmt.Sprint(r.To * 1000)}}
	path := "/calls"
	switch r.Kind {
	case "carrier":
		path = "/attempts"
		args.Set("carrier", r.Party)
	case "customer":
		args.Set("customer", r.Party)
		fallthrough
	default:
		args.Set("kind", "call")
	}
	got := all[facts](b, path, args)
	want, err := d.book.rows(t.Context(), r.Kind, r.Party, r.From*1000, r.To*1000)
	if err != nil {
		t.Fatal(err)
	}
	if b != d.boss {
		for i := range want {
			want[i].Carrier = "" // that is not the customer's business
		}
	}
	if diff := differ(want, got); diff != "" {
		t.Errorf("the list of %s %s (-SQL +dashboard):\n%s", r.Kind, r.Party, diff)
	}
	return got
}

// differ compares two lists, whatever their order.
func differ(want, got []facts) string {
	order := func(a, b facts) int { return strings.Compare(a.line(), b.line()) }
	return cmp.Diff(slices.SortedFunc(slices.Values(want), order), slices.SortedFunc(slices.Values(got), order))
}

type series struct {
	Points int
	Lines  []struct {
		Kind, Party string
		Num         []*float64
		Den         []*int64
	}
}

// graph is one line, added up over its points; gaps are left out.
func (d *shown) graph(b *browser, figure, by string) (num float64, den int64, most float64, points int) {
	d.t.Helper()
	var s series
	to := time.Now().Add(time.Minute).Truncate(time.Minute).Unix()
	b.get("/series", url.Values{"figure": {figure}, "by": {by}, "from": {fmt.Sprint(d.from)}, "to": {fmt.Sprint(to)}, "step": {"60"}}, &s)
	if len(s.Lines) != 1 {
		d.t.Fatalf("%s of %s: %d lines", figure, by, len(s.Lines))
	}
	l := s.Lines[0]
	for i, n := range l.Num {
		if n == nil {
			continue
		}
		points++
		num, most = num+*n, max(most, *n)
		if len(l.Den) > i && l.Den[i] != nil {
			den += *l.Den[i]
		}
	}
	return num, den, most, points
}

// waitForMinutes waits until the counters of the last minute are here, and for what the
// collector keeps of its answers to be made anew.
func (d *shown) waitForMinutes() {
	d.t.Helper()
	want := d.want(d.t, "total", "", 0, forever)
	var den int64
	err := peers.Poll(d.t.Context(), 60*time.Second, "the counters of all minutes", func() (bool, error) {
		_, den, _, _ = d.graph(d.boss, "asr", "total")
		return den >= want.Outcomes, nil
	})
	if err != nil {
		d.t.Fatalf("%v: they have %d of %d outcomes", err, den, want.Outcomes)
	}
}

// graphs compares the minute counters, which the graphs are made of, with the calls. A
// call is in the minute in which it was answered, closed and so on, so all minutes
// together have each call once.
func (d *shown) graphs(t *testing.T) {
	for _, x := range everybody {
		want := d.want(t, x.kind, x.party, 0, forever)
		for _, f := range []struct {
			figure string
			num    float64
			den    int64
		}{
			{"asr", float64(want.Connected), want.Outcomes},
			{"acd", float64(want.DurationMs), want.Ended},
			{"dtmf", float64(want.DigitCalls), want.MediaSeen},
		} {
			num, den, _, points := d.graph(d.boss, f.figure, x.by)
			if f.figure == "acd" {
				num = float64(int64(num*1000 + 0.5)) // points are in seconds
			}
			if num != f.num || den != f.den || points == 0 {
				t.Errorf("%s of %s: the graph adds up to %v / %d over %d points, the calls to %v / %d", f.figure, x.by, num, den, points, f.num, f.den)
			}
		}
	}
	most, err := d.book.peak(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, peak, _ := d.graph(d.boss, "channels", "total"); int64(peak) != most || most < int64(acmeCalls[0].calls) {
		t.Errorf("the graph's most channels are %v, %d calls were up at once", peak, most)
	}
}

// calls opens each call.
func (d *shown) calls(t *testing.T, started int) {
	type listed struct {
		facts
		Key string
	}
	type attempt struct {
		Carrier    string
		Called     string
		Invited    int64 `json:"invited_unix_ms"`
		Status     int64
		Release    string
		DurationMs int64  `json:"duration_ms"`
		PddMs      *int64 `json:"pdd_ms"`
	}
	type detail struct {
		facts
		Attempts []attempt
		From     struct {
			Digits int64 `json:"dtmf_count"`
		} `json:"from_caller"`
		To struct {
			Digits int64 `json:"dtmf_count"`
		} `json:"from_callee"`
	}
	every := all[listed](d.boss, "/calls", url.Values{})
	if len(every) != started {
		t.Errorf("%d calls are listed, %d were made", len(every), started)
	}
	var tried []facts
	for _, c := range every {
		var x detail
		d.boss.get("/calls/"+c.Key, nil, &x)
		if diff := cmp.Diff(c.facts, x.facts); diff != "" || x.From.Digits+x.To.Digits != c.Digits {
			t.Errorf("call %s is listed otherwise than shown:\n%s", c.CallID, diff)
		}
		for _, a := range x.Attempts {
			tried = append(tried, facts{Customer: c.Customer, Carrier: a.Carrier, Called: a.Called, Invited: a.Invited, Counted: c.Counted, Status: a.Status, Release: a.Release, DurationMs: a.DurationMs, PddMs: a.PddMs})
		}
	}
	want, err := d.book.rows(t.Context(), "carrier", "alpha", 0, forever)
	if err != nil {
		t.Fatal(err)
	}
	more, err := d.book.rows(t.Context(), "carrier", "beta", 0, forever)
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, more...)
	for i := range want {
		want[i].Answered = false // a detail has the time in its place
	}
	if diff := differ(want, tried); diff != "" {
		t.Errorf("the attempts of all calls (-SQL +dashboard):\n%s", diff)
	}
}

// customer sees its own calls, and no way to those of others.
func (d *shown) customer(t *testing.T, own *browser) {
	own.t = t
	want := d.want(t, "customer", "acme", 0, forever)
	for _, tab := range []string{"live", "daily", "monthly"} {
		for _, by := range []string{"total", "customer", "customer:acme"} {
			var sum figures
			for _, r := range all[summaryRow](own, "/summaries", url.Values{"tab": {tab}, "by": {by}}) {
				if r.Kind != "customer" || r.Party != "acme" {
					t.Errorf("%s by %s shows %s %s", tab, by, r.Kind, r.Party)
				}
				sum.add(r.figures())
				d.list(t, own, &r)
			}
			if diff := cmp.Diff(want, sum); diff != "" {
				t.Errorf("%s by %s (-SQL +dashboard):\n%s", tab, by, diff)
			}
		}
	}
	if _, den, _, _ := d.graph(own, "asr", "total"); den != want.Outcomes {
		t.Errorf("the graph has %d outcomes, the calls %d", den, want.Outcomes)
	}
	for _, path := range []string{"/summaries?by=customer:globex", "/summaries?by=carrier", "/series?by=customer:globex", "/series?by=carrier:alpha",
		"/calls?customer=globex", "/calls?carrier=alpha", "/attempts?customer=globex"} {
		if code := own.do(http.MethodGet, path, nil, nil); code != http.StatusForbidden {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, c := range all[struct{ Key, Customer string }](d.boss, "/calls", url.Values{}) {
		var x struct{ Customer string }
		code := own.do(http.MethodGet, "/calls/"+c.Key, nil, &x)
		if mine := c.Customer == "acme"; mine != (code == http.StatusOK) || !mine && code != http.StatusNotFound {
			t.Errorf("a call of %s: %d", c.Customer, code)
		}
	}
}
