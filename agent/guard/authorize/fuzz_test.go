package authorize

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzJSON: whatever the strict reader takes, encoding/json reads the same way.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		question1, `{}`, ` { "user" : "1\u00e9\ud83d\ude00\ud800x\n\"\\\/" , "contacts" : [ ] , "port" : -0 } `,
		`{"contacts":["*","a,b"],"expires":4294967295,"cseq":-12}`, `{"user":"\ud800\ud800\udc00\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) {
			t.Skip("encoding/json replaces what is no UTF-8")
		}
		var q question
		if q.decode(bytes.Clone(body)) != nil {
			return
		}
		var want struct {
			User        string   `json:"user"`
			Domain      string   `json:"domain"`
			RequestHost string   `json:"request_host"`
			Source      string   `json:"source"`
			Port        int64    `json:"port"`
			Transport   string   `json:"transport"`
			Username    string   `json:"username"`
			Contacts    []string `json:"contacts"`
			Expires     int64    `json:"expires"`
			CallID      string   `json:"call_id"`
			CSeq        int64    `json:"cseq"`
			UserAgent   string   `json:"user_agent"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, x := range []struct {
			got  []byte
			want string
		}{
			{q.User, want.User}, {q.Domain, want.Domain}, {q.RequestHost, want.RequestHost}, {q.Source, want.Source}, {q.Transport, want.Transport},
			{q.Username, want.Username}, {q.CallID, want.CallID}, {q.UserAgent, want.UserAgent},
		} {
			if string(x.got) != x.want {
				t.Errorf("%q, encoding/json reads %q", x.got, x.want)
			}
		}
		if q.Port != want.Port || q.Expires != want.Expires || q.CSeq != want.CSeq || len(q.Contacts) != len(want.Contacts) {
			t.Errorf("%+v, encoding/json reads %+v", q, want)
		}
		for i, c := range q.Contacts {
			if string(c) != want.Contacts[i] {
				t.Errorf("%q, encoding/json reads %q", c, want.Contacts[i])
			}
		}
	})
}

// FuzzQuestion: a question that describes a REGISTER gives one of that very
// user and no more contacts than it has, or a broken one: no text can become
// something else in the message that is made of it.
func FuzzQuestion(f *testing.F) {
	f.Add("1005", "pbx.example", "<sip:1005@192.0.2.7>", "1005", "c1", "Phone")
	f.Add("1005>\r\nTo: <sip:2005", "a", "*", `x"y\`, "a b", "\t")
	f.Add("%31;x=y", "[2001:db8::1]:5060", `"A, B" <sip:1@h>`, "", "", "")
	f.Fuzz(func(t *testing.T, user, domain, contact, username, callID, userAgent string) {
		for _, s := range []string{user, domain, contact, username, callID, userAgent} {
			if !utf8.ValidString(s) || len(s) > 200 {
				t.Skip("texts are UTF-8, and cut by the parser when they are long")
			}
		}
		body, err := json.Marshal(map[string]any{"user": user, "domain": domain, "source": "192.0.2.7", "contacts": []string{contact},
			"username": username, "call_id": callID, "cseq": 1, "user_agent": userAgent})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{verdict: allowed}
		if w := ask(newServer(t, d), "/v1/authorize", json1, string(body)); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		got := d.last(t)
		q := got.Request
		if q.Broken {
			return
		}
		if len(q.Contacts) > strings.Count(contact, ",")+1 {
			t.Errorf("%d contacts in %q", len(q.Contacts), contact)
		}
		if plain := strings.Trim(user, "0123456789abcdefghijklmnopqrstuvwxyz+-._") == ""; plain && q.To.User != user {
			t.Errorf("user %q, want %q", q.To.User, user)
		}
		if plain := strings.Trim(username, "0123456789abcdefghijklmnopqrstuvwxyz+-._ \"\\@:;=,<>") == ""; plain && q.Username != username {
			t.Errorf("username %q, want %q", q.Username, username)
		}
		if q.Expires != -1 {
			t.Errorf("expires %d came from nowhere", q.Expires)
		}
	})
}

// FuzzForm: no form of a registration passes that names its source twice, and
// every refusal is a document for the domain that was asked for.
func FuzzForm(f *testing.F) {
	f.Add(lookup("pbx.example"))
	f.Add(lookup("a&ip=192.0.2.8"))
	f.Add("section=directory&action=sip_auth&sip_auth_method=REGISTER&ip=%31.2.3.4&sip_to_user=%zz")
	f.Fuzz(func(t *testing.T, form string) {
		d := &desk{verdict: foreign}
		w := ask(newServer(t, d), "/v1/freeswitch", formType, form)
		switch {
		case w.Code != http.StatusOK && w.Code != http.StatusBadRequest:
			t.Errorf("%d", w.Code)
		case w.Code == http.StatusOK && (w.Body.String() == notFound) != (len(d.asked) == 0):
			t.Errorf("%d verdicts, all refused, and the answer is %s", len(d.asked), w.Body)
		}
	})
}
