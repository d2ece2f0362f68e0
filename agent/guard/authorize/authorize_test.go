package authorize

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/party"
	"github.com/sipward/sipward/sip/register"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk records what it is asked, and gives one verdict.
type desk struct {
	mu      sync.Mutex // guards all below
	verdict register.Verdict
	asked   []asked
	hold    chan struct{} // a verdict waits for it, if there is one
}

type asked struct {
	Request register.Request
	About   About
}

func (d *desk) Judge(q *register.Request, about About) register.Verdict {
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := *q
	r.Contacts = slices.Clone(q.Contacts)
	d.asked = append(d.asked, asked{r, about})
	return d.verdict
}

func (d *desk) last(t *testing.T) asked {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 {
		t.Fatal("nobody asked for a verdict")
	}
	return d.asked[len(d.asked)-1]
}

func newServer(t testing.TB, d Judge) *Server {
	t.Helper()
	s, err := New(Config{Listen: "127.0.0.1:0", Judge: d, Name: func(id party.ID) string {
		return map[party.ID]string{party.Unknown: party.UnknownName, 1: "acme", 2: "globex"}[id]
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	allowed = register.Verdict{Reason: register.Allowed, Customer: 1, Block: party.Block{First: "1000", Last: "1999"}}
	foreign = register.Verdict{Reason: register.ForeignBlock, Customer: 1, Block: party.Block{First: "2000", Last: "2999"}, Holder: 2}
)

func ask(s *Server, target, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const (
	sipType = "message/sip"
	json1   = "application/json"
	from    = "/v1/authorize?source=192.0.2.7&port=5070&transport=tls"
)

// message is a REGISTER with some lines more, or in the place of its own.
func message(lines ...string) string {
	return "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n" +
		"From: <sip:1005@pbx.example>;tag=a\r\nTo: <sip:1005@pbx.example>\r\nCall-ID: c1\r\nCSeq: 7 REGISTER\r\n" +
		strings.Join(append(lines, "\r\n"), "\r\n")
}

// TestWhatIsAsked: a REGISTER in both forms comes to the same question.
func TestWhatIsAsked(t *testing.T) {
	contact := parse.Contact{URI: parse.URI{User: "1005", Host: "192.0.2.7"}, Port: 5070, Expires: 60, Instance: "urn:uuid:1", RegID: 1}
	star := parse.Contact{Star: true, Expires: -1}
	source := netip.MustParseAddr("192.0.2.7")
	to := parse.URI{User: "1005", Host: "pbx.example"}
	about := About{Port: 5070, Transport: "tls", CallID: "c1", CSeq: 7}
	const where = `"source":"192.0.2.7","port":5070,"transport":"tls","call_id":"c1","cseq":7,"user":"1005","domain":"pbx.example"`
	for _, x := range []struct {
		name      string
		sip, json string
		want      register.Request
		about     func(*About)
	}{
		{"contact", message(`Contact: <sip:1005@192.0.2.7:5070>;expires=60;reg-id=1;+sip.instance="<urn:uuid:1>"`, "Expires: 90"),
			`{` + where + `,"expires":90,"contacts":["<sip:1005@192.0.2.7:5070>;expires=60;reg-id=1;+sip.instance=\"<urn:uuid:1>\""]}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Expires: 90, Contacts: []parse.Contact{contact}}, nil},
		{"no expires", message(), `{` + where + `}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Expires: -1}, nil},
		{"everything leaves", message("Contact: *", "Expires: 0"), `{` + where + `,"contacts":["*"],"expires":0}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Contacts: []parse.Contact{star}}, nil},
		{"user agent", message("User-Agent: Phone \"x\""), `{` + where + `,"user_agent":"Phone \"x\""}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Expires: -1}, func(a *About) { a.UserAgent = `Phone "x"` }},
		{"digest", message(`Authorization: Digest realm="x", username="20\"05", response="00"`), `{` + where + `,"username":"20\"05"}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Expires: -1, Username: `20"05`}, nil},
		{"several contacts", message("Contact: <sip:1005@192.0.2.7:5070>, *"), `{` + where + `,"contacts":["<sip:1005@192.0.2.7:5070>","*"]}`,
			register.Request{To: to, RequestHost: "pbx.example", Source: source, Expires: -1,
				Contacts: []parse.Contact{{URI: contact.URI, Port: 5070, Expires: -1}, star}}, nil},
	} {
		for _, form := range []struct{ name, kind, target, body string }{
			{"sip", sipType, from, x.sip}, {"json", json1, "/v1/authorize", x.json},
		} {
			t.Run(x.name+"/"+form.name, func(t *testing.T) {
				d := &desk{verdict: allowed}
				if w := ask(newServer(t, d), form.target, form.kind, form.body); w.Code != http.StatusOK {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				want := asked{x.want, about}
				if x.about != nil {
					x.about(&want.About)
				}
				if diff := cmp.Diff(want, d.last(t), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestWhoAsks: how a switch writes where a REGISTER came from.
func TestWhoAsks(t *testing.T) {
	for _, x := range []struct {
		query, json string
		addr        string
		about       About
	}{
		{"source=2001:db8::7", `"source":"2001:db8::7"`, "2001:db8::7", About{Transport: "udp"}},
		{"source=%5B2001:db8::7%5D&port=1", `"source":"[2001:db8::7]","port":1`, "2001:db8::7", About{Port: 1, Transport: "udp"}},
		{"source=fe80::1%25eth0&transport=WSS", `"source":"fe80::1%eth0","transport":"WSS"`, "fe80::1", About{Transport: "wss"}},
		{"transport=TCP&source=::ffff:192.0.2.7&port=65535", `"source":"::ffff:192.0.2.7","transport":"tcp","port":65535`, "192.0.2.7", About{Port: 65535, Transport: "tcp"}},
		{"source=192.0.2.7&port=&transport=", `"source":"192.0.2.7"`, "192.0.2.7", About{Transport: "udp"}},
	} {
		for _, form := range []struct {
			kind, target, body string
			callID             string
			cseq               uint32
		}{
			{sipType, "/v1/authorize?" + x.query, message(), "c1", 7},
			{json1, "/v1/authorize", `{"user":"1005","domain":"pbx.example",` + x.json + `}`, "", 0},
		} {
			d := &desk{verdict: allowed}
			if w := ask(newServer(t, d), form.target, form.kind, form.body); w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", x.query, w.Code, w.Body)
			}
			got := d.last(t)
			if got.Request.Source != netip.MustParseAddr(x.addr) {
				t.Errorf("%s, %s: source %v, want %v", form.kind, x.query, got.Request.Source, x.addr)
			}
			want := x.about
			want.CallID, want.CSeq = form.callID, form.cseq
			if got.About != want {
				t.Errorf("%s, %s: %+v, want %+v", form.kind, x.query, got.About, want)
			}
		}
	}
}

// TestTransactionNeedsBoth: a phone keeps its Call-ID for all its REGISTERs, so
// without CSeq they must not seem to be one that is sent again.
func TestTransactionNeedsBoth(t *testing.T) {
	for body, want := range map[string]string{
		`{"user":"1","domain":"d","source":"192.0.2.7","call_id":"c"}`:            "",
		`{"user":"1","domain":"d","source":"192.0.2.7","cseq":3}`:                 "",
		`{"user":"1","domain":"d","source":"192.0.2.7","call_id":"c","cseq":0}`:   "c",
		`{"user":"1","domain":"d","source":"192.0.2.7","call_id":"  ","cseq":0}`:  "-",
		`{"user":"1","domain":"d","source":"192.0.2.7","call_id":"","cseq":9}`:    "-",
		`{"user":"1","domain":"d","source":"192.0.2.7","call_id":"ä c","cseq":9}`: "ä c",
	} {
		d := &desk{verdict: allowed}
		ask(newServer(t, d), "/v1/authorize", json1, body)
		if got := d.last(t).About.CallID; got != want {
			t.Errorf("%s: Call-ID %q, want %q", body, got, want)
		}
	}
}

// TestHosts: switches write hosts with brackets, ports and final dots, or not.
func TestHosts(t *testing.T) {
	for given, want := range map[string]string{
		"PBX.example": "pbx.example", "pbx.example.": "pbx.example", "pbx.example:5062": "pbx.example",
		"2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "[2001:db8::1]:5062": "2001:db8::1", "192.0.2.1": "192.0.2.1",
	} {
		d := &desk{verdict: allowed}
		ask(newServer(t, d), "/v1/authorize", json1, `{"user":"1","domain":"`+given+`","request_host":"`+given+`","source":"192.0.2.7"}`)
		if q := d.last(t).Request; q.Broken || q.To.Host != want || q.RequestHost != want {
			t.Errorf("%s: %+v, want %s", given, q, want)
		}
	}
}

// TestBroken: what a phone can send and no registrar may take is a verdict, and
// not a question that was not understood: it must never depend on what the
// switch makes of errors.
func TestBroken(t *testing.T) {
	const where = `"source":"192.0.2.7","domain":"pbx.example"`
	for name, x := range map[string]struct{ kind, target, body string }{
		"no SIP":          {sipType, from, "hello"},
		"no Call-ID":      {sipType, from, strings.Replace(message(), "Call-ID: c1\r\n", "", 1)},
		"no From":         {sipType, from, strings.Replace(message(), "From:", "X:", 1)},
		"CSeq":            {sipType, from, strings.Replace(message(), "CSeq: 7", "CSeq: seven", 1)},
		"other CSeq":      {sipType, from, strings.Replace(message(), "CSeq: 7 REGISTER", "CSeq: 7 INVITE", 1)},
		"no To":           {sipType, from, strings.Replace(message(), "To:", "X:", 1)},
		"two To":          {sipType, from, message("To: <sip:2005@pbx.example>")},
		"two Call-ID":     {sipType, from, message("Call-ID: c2")},
		"@ in the user":   {json1, "/v1/authorize", `{"user":"1005@2005",` + where + `}`},
		"colon":           {json1, "/v1/authorize", `{"user":"1005:x",` + where + `}`},
		"> in the user":   {json1, "/v1/authorize", `{"user":"1005>",` + where + `}`},
		"blank":           {json1, "/v1/authorize", `{"user":"1005 ",` + where + `}`},
		"new line":        {json1, "/v1/authorize", `{"user":"1005","username":"x\r\nContact: *",` + where + `}`},
		"in a contact":    {json1, "/v1/authorize", `{"user":"1005","contacts":["*\nExpires: 0"],` + where + `}`},
		"in Call-ID":      {json1, "/v1/authorize", `{"user":"1005","call_id":"a\nb",` + where + `}`},
		"in User-Agent":   {json1, "/v1/authorize", `{"user":"1005","user_agent":"a\u0000b",` + where + `}`},
		"> in the host":   {json1, "/v1/authorize", `{"user":"1005","domain":"a>;x","source":"192.0.2.7"}`},
		"in request_host": {json1, "/v1/authorize", `{"user":"1005","request_host":"a SIP/2.0",` + where + `}`},
	} {
		d := &desk{verdict: register.Verdict{Reason: register.Malformed}}
		w := ask(newServer(t, d), x.target, x.kind, x.body)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		q := d.last(t).Request
		if !q.Broken {
			t.Errorf("%s: not broken: %+v", name, q)
		}
		if x.kind == json1 && !strings.HasPrefix(q.To.User, "1005") {
			t.Errorf("%s: the report will not name the user: %+v", name, q)
		}
	}
}

// TestOddButWhole: these are no reason to refuse by themselves.
func TestOddButWhole(t *testing.T) {
	const where = `"source":"192.0.2.7","domain":"pbx.example"`
	for body, want := range map[string]string{
		`{"user":"",` + where + `}`:                                               "",
		`{"user":"%31005",` + where + `}`:                                         "1005",
		`{"user":"1005;phone-context=x",` + where + `}`:                           "1005",
		`{"user":"+4930123",` + where + `}`:                                       "+4930123",
		`{"user":"jos\u00e9",` + where + `}`:                                      "josé",
		`{"user":"1005","contacts":["\"A, B\" <sip:1@192.0.2.7>"],` + where + `}`: "1005",
	} {
		d := &desk{verdict: allowed}
		ask(newServer(t, d), "/v1/authorize", json1, body)
		if q := d.last(t).Request; q.Broken || q.To.User != want {
			t.Errorf("%s: %+v, want user %q", body, q, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, x := range []struct {
		verdict register.Verdict
		status  int
		want    string
	}{
		{allowed, 200, `{"allow":true,"reason":"allowed","customer":"acme","block":"1000-1999"}`},
		{register.Verdict{Reason: register.Deregistration}, 200, `{"allow":true,"reason":"deregistration","customer":"unknown"}`},
		{foreign, 403, `{"allow":false,"reason":"foreign_block","customer":"acme","block":"2000-2999","holder":"globex"}`},
		{register.Verdict{Reason: register.InUse, Customer: 1, Holder: 2}, 403, `{"allow":false,"reason":"in_use","customer":"acme","holder":"globex"}`},
		{register.Verdict{Reason: register.InUse, Customer: 1}, 403, `{"allow":false,"reason":"in_use","customer":"acme","holder":"unknown"}`},
		{register.Verdict{Reason: register.Malformed}, 403, `{"allow":false,"reason":"malformed","customer":"unknown"}`},
	} {
		w := ask(newServer(t, &desk{verdict: x.verdict}), from, sipType, message())
		if w.Code != x.status || w.Body.String() != x.want || w.Header().Get("Content-Type") != json1 {
			t.Errorf("%d %s %s, want %d %s", w.Code, w.Header().Get("Content-Type"), w.Body, x.status, x.want)
		}
	}
}

// TestBadQuestions: what the switch got wrong is told in words, as problem
// details.
func TestBadQuestions(t *testing.T) {
	const whole = `"user":"1","domain":"d","source":"192.0.2.7"`
	for _, x := range []struct {
		target, kind, body string
		status             int
		says               string
	}{
		{"/", "", "", 404, "/v1/authorize"},
		{"/v1/authorize/", "", "", 404, "/v1/authorize"},
		{from, "", message(), 415, `Content-Type ""`},
		{from, "text/plain", message(), 415, `Content-Type "text/plain"`},
		{from, sipType, "", 400, "there is no body"},
		{from, sipType, strings.Replace(message(), "REGISTER sip", "OPTIONS sip", 1), 400, "no REGISTER"},
		{from, sipType, "SIP/2.0 200 OK\r\n" + message()[len("REGISTER sip:pbx.example SIP/2.0\r\n"):], 400, "no REGISTER"},
		{"/v1/authorize", sipType, message(), 400, "where did the REGISTER come from?"},
		{"/v1/authorize?source=pbx.example", sipType, message(), 400, `source "pbx.example" is no IP address`},
		{"/v1/authorize?source=", sipType, message(), 400, `source "" is no IP address`},
		{"/v1/authorize?source=%5B::1", sipType, message(), 400, `is no IP address`},
		{"/v1/authorize?source=192.0.2.7&port=70000", sipType, message(), 400, `port "70000"`},
		{"/v1/authorize?source=192.0.2.7&port=-1", sipType, message(), 400, `port "-1"`},
		{"/v1/authorize?source=192.0.2.7&transport=quic", sipType, message(), 400, `transport "quic"`},
		{"/v1/authorize?source=192.0.2.7&transport=invalid", sipType, message(), 400, `transport "invalid"`},
		{"/v1/authorize?source=192.0.2.7&source=192.0.2.8", sipType, message(), 400, `parameter "source"`},
		{"/v1/authorize?source=192.0.2.7&user=x", sipType, message(), 400, `parameter "user"`},
		{"/v1/authorize?source=%zz", sipType, message(), 400, "parameter source"},
		{from, json1, `{` + whole + `}`, 400, "leave the query out"},
		{"/v1/authorize", json1, ``, 400, "must be a JSON object"},
		{"/v1/authorize", json1, `[]`, 400, "byte 1: the body must be a JSON object"},
		{"/v1/authorize", json1, `{}`, 400, "user and domain"},
		{"/v1/authorize", json1, `{"user":"1","domain":"d"}`, 400, "user and domain"},
		{"/v1/authorize", json1, `{` + whole + `,"User":"2"}`, 400, `byte 47: unknown key "User"`},
		{"/v1/authorize", json1, `{` + whole + `,"user":"2"}`, 400, `byte 47: key "user" comes twice`},
		{"/v1/authorize", json1, `{` + whole + `,"port":"5060"}`, 400, "port must be a whole number"},
		{"/v1/authorize", json1, `{` + whole + `,"port":5060.0}`, 400, "port must be a whole number"},
		{"/v1/authorize", json1, `{` + whole + `,"port":1e3}`, 400, "port must be a whole number"},
		{"/v1/authorize", json1, `{` + whole + `,"port":05060}`, 400, "port must be a whole number"},
		{"/v1/authorize", json1, `{` + whole + `,"port":70000}`, 400, "port 70000"},
		{"/v1/authorize", json1, `{` + whole + `,"expires":-1}`, 400, "expires -1"},
		{"/v1/authorize", json1, `{` + whole + `,"expires":4294967296}`, 400, "expires 4294967296"},
		{"/v1/authorize", json1, `{` + whole + `,"expires":99999999999999999999}`, 400, "expires is out of range"},
		{"/v1/authorize", json1, `{` + whole + `,"cseq":4294967295}`, 400, "cseq 4294967295"},
		{"/v1/authorize", json1, `{` + whole + `,"username":null}`, 400, "username must be a text"},
		{"/v1/authorize", json1, `{` + whole + `,"contacts":"*"}`, 400, "contacts must be a list"},
		{"/v1/authorize", json1, `{` + whole + `,"contacts":[1]}`, 400, "contacts must be a list"},
		{"/v1/authorize", json1, `{` + whole + `,"contacts":["*",]}`, 400, "contacts must be a list"},
		{"/v1/authorize", json1, `{` + whole + `,"contacts":[` + strings.Repeat(`"*",`, maxTexts) + `"*"]}`, 400, "more than 256"},
		{"/v1/authorize", json1, `{` + whole, 400, "expected , or }"},
		{"/v1/authorize", json1, `{` + whole + `,}`, 400, "expected a key"},
		{"/v1/authorize", json1, `{` + whole + `}x`, 400, "something follows"},
		{"/v1/authorize", json1, `{"user":"a` + "\n" + `"}`, 400, "control character"},
		{"/v1/authorize", json1, `{"user":"a\x"}`, 400, "unknown escape"},
		{"/v1/authorize", json1, `{"user":"a`, 400, "ends within a text"},
		{"/v1/authorize", json1, `{"user":"a\`, 400, "ends within a text"},
		{from, sipType, message("X: " + strings.Repeat("x", maxBody)), 413, "128 KiB"},
	} {
		d := &desk{verdict: allowed}
		s := newServer(t, d)
		w := ask(s, x.target, x.kind, x.body)
		var p struct {
			Type, Title, Detail string
			Status              int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s %.80s: %v: %s", x.target, x.body, err, w.Body)
		}
		if w.Code != x.status || p.Status != x.status || !strings.Contains(p.Detail, x.says) || p.Title != http.StatusText(x.status) || p.Type != "about:blank" ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %.80s: %d %v %+v, want %d %q", x.target, x.body, w.Code, w.Header(), p, x.status, x.says)
		}
		if got, want := s.Stats(), (Stats{Asked: 1, Bad: 1}); len(d.asked) > 0 || got.Bad != want.Bad || got.Asked != want.Asked {
			t.Errorf("%s %.80s: %d verdicts, %+v", x.target, x.body, len(d.asked), got)
		}
	}
}

func TestMethod(t *testing.T) {
	for _, path := range []string{"/v1/authorize", "/v1/freeswitch"} {
		w := httptest.NewRecorder()
		newServer(t, &desk{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
