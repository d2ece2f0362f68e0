package authorize

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

const formType = "application/x-www-form-urlencoded"

// lookup is the form of a REGISTER with credentials, in FreeSWITCH's order: the
// realm first, as the phone wrote it, then what is escaped.
func lookup(realm string, more ...string) string {
	form := "hostname=pbx&section=directory&tag_name=domain&key_name=name&key_value=" + realm
	for _, p := range [][2]string{
		{"action", "sip_auth"}, {"sip_profile", "internal"}, {"sip_user_agent", "Phone 1"}, {"sip_auth_username", "1005"},
		{"sip_auth_realm", realm}, {"sip_auth_nonce", "n"}, {"sip_auth_uri", "sip:pbx.example"},
		{"sip_contact_user", "1005"}, {"sip_contact_host", "192.0.2.7"}, {"sip_to_user", "1005"}, {"sip_to_host", "pbx.example"},
		{"sip_via_protocol", "tcp"}, {"sip_from_user", "1005"}, {"sip_from_host", "pbx.example"}, {"sip_call_id", "c1"},
		{"sip_request_host", "pbx.example"},
	} {
		form += "&" + p[0] + "=" + url.QueryEscape(p[1])
	}
	for _, m := range more {
		form += "&" + m
	}
	return form + "&sip_auth_response=00&sip_auth_method=REGISTER&client_port=5070&key=id&user=1005&domain=" + url.QueryEscape(realm) + "&ip=192.0.2.7"
}

func TestFreeSWITCHAsks(t *testing.T) {
	d := &desk{verdict: allowed}
	w := ask(newServer(t, d), "/v1/freeswitch", formType, lookup("pbx.example"))
	if w.Code != http.StatusOK || w.Body.String() != notFound || w.Header().Get("Content-Type") != "text/xml" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	want := asked{
		register.Request{To: parse.URI{User: "1005", Host: "pbx.example"}, RequestHost: "pbx.example", Username: "1005", Source: netip.MustParseAddr("192.0.2.7"), Expires: -1},
		About{Port: 5070, Transport: "tcp", UserAgent: "Phone 1"},
	}
	if diff := cmp.Diff(want, d.last(t), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

// directory is what FreeSWITCH reads of an answer.
type directory struct {
	Section struct {
		Name   string `xml:"name,attr"`
		Result struct {
			Status string `xml:"status,attr"`
		} `xml:"result"`
		Domain struct {
			Name string `xml:"name,attr"`
			User struct {
				ID     string `xml:"id,attr"`
				Params []struct {
					Name  string `xml:"name,attr"`
					Value string `xml:"value,attr"`
				} `xml:"params>param"`
			} `xml:"user"`
		} `xml:"domain"`
	} `xml:"section"`
}

// TestFreeSWITCHRefuses: the domain must be the very one that was asked for, or
// FreeSWITCH goes on to its own directory, where the password fits.
func TestFreeSWITCHRefuses(t *testing.T) {
	for _, realm := range []string{"pbx.example", `a"><user id="1005"/>`, "a'b\tc", "$${domain}", "ä"} {
		s := newServer(t, &desk{verdict: foreign})
		w := ask(s, "/v1/freeswitch", formType, strings.Replace(lookup(url.QueryEscape(realm)), "domain="+url.QueryEscape(url.QueryEscape(realm)), "domain="+url.QueryEscape(realm), 1))
		var got directory
		if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		domain := got.Section.Domain
		if w.Code != http.StatusOK || got.Section.Name != "directory" || domain.Name != realm || domain.User.ID != "1005" {
			t.Errorf("%s: %d %s", realm, w.Code, w.Body)
		}
		params := map[string]string{}
		for _, p := range domain.User.Params {
			params[p.Name] = p.Value
		}
		if params["sip-forbid-register"] != "true" || len(params["a1-hash"]) != 32 || params["password"] != "" {
			t.Errorf("%s: %v", realm, params)
		}
		if strings.Contains(w.Body.String(), "$${") {
			t.Errorf("%s: FreeSWITCH would replace a variable: %s", realm, w.Body)
		}
		if st := s.Stats(); st.Refused != 1 || st.Asked != 1 {
			t.Errorf("%+v", st)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	if a, b := newServer(t, &desk{}).key, newServer(t, &desk{}).key; a == b || len(a) != 32 {
		t.Errorf("%s, %s", a, b)
	}
}

// TestFreeSWITCHElsewhere: FreeSWITCH's directory is asked for many things that
// are no registration.
func TestFreeSWITCHElsewhere(t *testing.T) {
	for _, form := range []string{
		"", "section=dialplan", "section=configuration&tag_name=configuration&key_name=name&key_value=sofia.conf",
		"section=directory&tag_name=domain&key_name=name&key_value=pbx.example&purpose=gateways&profile=external",
		"section=directory&key_value=pbx.example&action=user_call&user=1005&domain=pbx.example",
		strings.Replace(lookup("pbx.example"), "sip_auth_method=REGISTER", "sip_auth_method=INVITE", 1),
		"section=directory&key_value=pbx.example&user=1005&user=1006&domain=a&domain=b",
		"=&&=x&section",
	} {
		d := &desk{verdict: foreign}
		s := newServer(t, d)
		w := ask(s, "/v1/freeswitch", formType, form)
		if w.Code != http.StatusOK || w.Body.String() != notFound || len(d.asked) != 0 || s.Stats().Elsewhere != 1 {
			t.Errorf("%s: %d %s, %d verdicts", form, w.Code, w.Body, len(d.asked))
		}
	}
}

// TestFreeSWITCHForged: a phone writes key_value, and with it any field.
func TestFreeSWITCHForged(t *testing.T) {
	for _, x := range []struct{ name, form string }{
		{"another source", lookup("pbx.example&ip=198.51.100.2")},
		{"another number", lookup("pbx.example&sip_to_user=2005")},
		{"no registration", lookup("pbx.example&sip_auth_method=INVITE")},
		{"another section", lookup("pbx.example&section=dialplan")},
		{"another action", lookup("pbx.example&action=user_call")},
		{"another user", lookup("pbx.example&user=x")},
		{"by a header", lookup("pbx.example", "ip=198.51.100.2")},
		{"broken escape", lookup("pbx.example", "sip_to_user=%zz")},
		{"too long", lookup("pbx.example", "X-Big="+strings.Repeat("x", maxBody))},
		{"no number", strings.Replace(lookup("pbx.example"), "sip_to_user=1005", "", 1)},
	} {
		d := &desk{verdict: register.Verdict{Reason: register.Malformed}}
		w := ask(newServer(t, d), "/v1/freeswitch", formType, x.form)
		if x.name == "too long" { // the source is cut off: nothing can be judged
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "sip-forbid-register") {
				t.Errorf("%s: %d %s", x.name, w.Code, w.Body)
			}
			continue
		}
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "sip-forbid-register") || !d.last(t).Request.Broken {
			t.Errorf("%s: %d %s", x.name, w.Code, w.Body)
		}
	}
}

func TestFreeSWITCHBad(t *testing.T) {
	for _, x := range []struct {
		kind, form string
		status     int
		says       string
	}{
		{json1, "{}", http.StatusUnsupportedMediaType, "mod_xml_curl"},
		{formType, strings.Replace(lookup("pbx.example"), "&ip=192.0.2.7", "", 1), http.StatusBadRequest, "enable-post-var"},
	} {
		s := newServer(t, &desk{verdict: allowed})
		if w := ask(s, "/v1/freeswitch", x.kind, x.form); w.Code != x.status || !strings.Contains(w.Body.String(), x.says) || s.Stats().Bad != 1 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// TestFreeSWITCHConfig: the reference file has FreeSWITCH send what is read, and
// nothing else.
func TestFreeSWITCHConfig(t *testing.T) {
	text, err := os.ReadFile("../../../configs/freeswitch/xml_curl.conf.xml")
	if err != nil {
		t.Fatal(err)
	}
	var conf struct {
		Params []struct {
			Name     string `xml:"name,attr"`
			Value    string `xml:"value,attr"`
			Bindings string `xml:"bindings,attr"`
		} `xml:"bindings>binding>param"`
	}
	if err := xml.Unmarshal(text, &conf); err != nil {
		t.Fatal(err)
	}
	// These FreeSWITCH always sends.
	have := []string{"section", "key_value"}
	for _, p := range conf.Params {
		switch p.Name {
		case "enable-post-var":
			have = append(have, p.Value)
		case "gateway-url":
			if p.Value != "http://"+defaultListen+"/v1/freeswitch" || p.Bindings != "directory" {
				t.Errorf("%+v", p)
			}
		}
	}
	slices.Sort(have)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(formNames)), have); diff != "" {
		t.Error(diff)
	}
}
