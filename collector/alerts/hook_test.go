package alerts

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/query"
)

func TestAllowed(t *testing.T) {
	for _, v := range []struct {
		address                   string
		public, plain, private, w bool // over https; over http; both with AllowPrivate
	}{
		{"192.0.2.1", true, false, true, false},
		{"2001:db8::1", true, false, true, false},
		{"127.0.0.1", false, false, true, true},
		{"::1", false, false, true, true},
		{"10.1.2.3", false, false, true, true},
		{"172.16.0.1", false, false, true, true},
		{"192.168.0.1", false, false, true, true},
		{"100.64.0.1", false, false, true, true},
		{"fd00::1", false, false, true, true},
		{"::ffff:10.0.0.1", false, false, true, true},
		{"64:ff9b::a00:1", false, false, true, true}, // 10.0.0.1
		{"169.254.169.254", false, false, false, false},
		{"::ffff:169.254.169.254", false, false, false, false},
		{"64:ff9b::a9fe:a9fe", false, false, false, false},
		{"fd00:ec2::254", false, false, false, false}, // clouds' secrets
		{"100.100.100.200", false, false, false, false},
		{"fe80::1%eth0", false, false, false, false},
		{"0.0.0.0", false, false, false, false},
		{"0.1.2.3", false, false, false, false},
		{"::", false, false, false, false},
		{"224.0.0.1", false, false, false, false},
		{"ff02::1", false, false, false, false},
		{"255.255.255.255", false, false, false, false},
	} {
		a := netip.MustParseAddr(v.address)
		deny, allow := &Hook{}, &Hook{AllowPrivate: true}
		got := [4]bool{deny.allowed(a, false) == nil, deny.allowed(a, true) == nil, allow.allowed(a, false) == nil, allow.allowed(a, true) == nil}
		if want := [4]bool{v.public, v.plain, v.private, v.w}; got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestHook(t *testing.T) {
	var got *http.Request
	var body []byte
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	cas := x509.NewCertPool()
	cas.AddCert(s.Certificate())
	h := Hook{Secret: []byte("key"), AllowPrivate: true, RootCAs: cas}
	n := &Notice{Change: Raised, At: noon, Area: AreaASR, Operator: Below, Event: query.Event{ID: "e", Rule: "r", RuleName: "Ünal", Level: LevelCritical, Kind: query.KindCarrier, Party: "c",
		RaisedUnixMs: 5, Num: 1, Den: 3, Value: ptr(33.3), Threshold: 50, Text: "ASR"}}
	if err := h.send(t.Context(), n, s.URL+"/x?y=z", "id", noon); err != nil {
		t.Fatal(err)
	}

	if sig := got.Header.Get(headerSignature); sig != sign([]byte("key"), noon, body) || !strings.HasPrefix(sig, "t=1772366400,v1=") || len(sig) != len("t=1772366400,v1=")+64 {
		t.Errorf("signed %q", sig)
	}
	if got.Method != http.MethodPost || got.URL.String() != "/x?y=z" || got.Header.Get(headerDelivery) != "id" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
	var sent, want map[string]any
	if err := errors.Join(json.Unmarshal(body, &sent), json.Unmarshal([]byte(`{"change":"raised","id":"e","rule":"r","name":"Ünal","area":"asr","level":"critical","kind":"carrier","party":"c","node":"",
		"value":33.3,"num":1,"den":3,"operator":"below","threshold":50,"raised_unix_ms":5,"cleared_unix_ms":0,"at_unix_ms":1772366400000,"text":"ASR"}`), &want)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

// TestSign holds the signature to one that openssl made.
func TestSign(t *testing.T) {
	const want = "t=1772366400,v1=90a64f88ebf606de162bfece044c01c80129bba6361c091018f52b4b50366e6b"
	if got := sign([]byte("key"), noon, []byte(`{"a":1}`)); got != want {
		t.Error(got)
	}
}

func TestHookAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	for _, v := range []struct {
		status int
		header map[string]string
		final  bool
		after  time.Duration
		says   string
	}{
		{200, nil, false, 0, ""}, {204, nil, false, 0, ""},
		{302, map[string]string{"Location": elsewhere.URL}, true, 0, "redirects are not followed"},
		{307, map[string]string{"Location": elsewhere.URL}, true, 0, "redirects are not followed"},
		{404, nil, true, 0, "answered 404 Not Found"},
		{410, nil, true, 0, "answered 410"},
		{429, map[string]string{"Retry-After": "30"}, false, 30 * time.Second, "answered 429"},
		{503, map[string]string{"Retry-After": "99999"}, false, time.Hour, "answered 503"},
		{500, nil, false, 0, "answered 500"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, x := range v.header {
				w.Header().Set(k, x)
			}
			w.WriteHeader(v.status)
		}))
		err := (&Hook{AllowPrivate: true}).send(t.Context(), &Notice{}, s.URL+"/hidden", "id", noon)
		s.Close()
		var end final
		var pause later
		switch {
		case v.says == "" && err != nil, v.says != "" && (err == nil || !strings.Contains(err.Error(), v.says) || strings.Contains(err.Error(), "hidden")):
			t.Errorf("%d: %v", v.status, err)
		case errors.As(err, &end) != v.final, errors.As(err, &pause) != (v.after > 0), pause.after != v.after:
			t.Errorf("%d: final %v, later %v", v.status, end, pause.after)
		}
	}
}

func TestHookRefuses(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	defer s.Close()
	d := NewDispatcher(DispatcherConfig{})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, url := range []string{s.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://2130706433" + port} { // the last one is 127.0.0.1 to some
		if err := d.Test(t.Context(), ByWebhook, url); err == nil || strings.Contains(url, "127") && !strings.Contains(err.Error(), "private addresses are not allowed") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if s := d.Stats().Webhook; s != (ChannelStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestHookTimeout(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	err := (&Hook{AllowPrivate: true, Timeout: 50 * time.Millisecond}).send(t.Context(), &Notice{}, s.URL, "id", noon)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
