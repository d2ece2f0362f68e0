package adminhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var program = Program{Name: "switch", Unit: "sipward-switch", RuntimeDir: "sipward-run"}

type state struct {
	Calls int `json:"calls"`
}

// config is a program that does its work.
func config() Config {
	return Config{
		Program:  program,
		Metrics:  prometheus.NewCounter(prometheus.CounterOpts{Name: "sipward_calls_total", Help: "Calls."}),
		Status:   func() any { return state{7} },
		Health:   func() error { return nil },
		NotReady: func() []string { return nil },
	}
}

func get(t *testing.T, cfg Config, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(cfg).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestPages(t *testing.T) {
	well, ill := config(), config()
	ill.Health = func() error { return errors.New("stuck for 1m") }
	ill.NotReady = func() []string { return []string{"a: missing", "b: starting"} }
	ill.Status = func() any { return func() {} }
	for _, tt := range []struct {
		cfg  Config
		path string
		code int
		want string
	}{
		{well, "/metrics", http.StatusOK, "\nsipward_calls_total 0\n"},
		{well, "/metrics", http.StatusOK, "\ngo_goroutines "},
		{well, "/healthz", http.StatusOK, "ok\n"},
		{well, "/readyz", http.StatusOK, "ready\n"},
		{well, "/status", http.StatusOK, "{\n \"calls\": 7\n}\n"},
		{well, "/", http.StatusOK, "sipward-switch\n/metrics"},
		{well, "/nothing", http.StatusNotFound, ""},
		{ill, "/healthz", http.StatusServiceUnavailable, "stuck for 1m\n"},
		{ill, "/readyz", http.StatusServiceUnavailable, "a: missing\nb: starting\n"},
		{ill, "/status", http.StatusInternalServerError, "unsupported type"},
	} {
		if code, body := get(t, tt.cfg, tt.path); code != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.path, code, body, tt.code, tt.want)
		}
	}
}

// folder is a new one with a short name: a socket's path has at most 107 bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sipward")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// at is config with listeners.
func at(listen, socket string) Config {
	cfg := config()
	cfg.Listen, cfg.Socket = listen, socket
	return cfg
}

// run starts a server and stops it with the test.
func run(t *testing.T, cfg Config) *Server {
	t.Helper()
	s := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServeAndFetch(t *testing.T) {
	dir := folder(t)
	socket := filepath.Join(dir, "made", "s") // as /run/sipward after a boot
	s := run(t, at("127.0.0.1:0", socket))
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	for _, where := range []string{socket, "http://" + s.Addr().String(), "http://" + s.Addr().String() + "/"} {
		got, raw, err := Fetch[state](t.Context(), program, where)
		if err != nil || got.Calls != 7 || !json.Valid(raw) {
			t.Errorf("%s: %+v, %s, %v", where, got, raw, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for want, cfg := range map[string]Config{
		"another switch":                     at("", socket),
		"set admin.listen to a free address": at(s.Addr().String(), ""),
		"RuntimeDirectory=sipward-run":       at("", filepath.Join(dir, "no", "no", "s")),
		"making the socket's folder":         at("", filepath.Join(socket, "s", "s")),
	} {
		if err := New(cfg).Open(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	free := filepath.Join(dir, "free") // what was opened before the mistake is closed
	if err := New(at("127.0.0.1:0", filepath.Join(dir, "no", "no", "s"))).Run(t.Context()); err == nil {
		t.Error("a server without its socket runs")
	}
	run(t, at("", free))
}

// TestLocalPages: what may change something is served on the socket alone.
func TestLocalPages(t *testing.T) {
	cfg := at("127.0.0.1:0", filepath.Join(folder(t), "sock"))
	cfg.Local = map[string]http.Handler{"DELETE /calls": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"calls": `+r.URL.Query().Get("left")+`}`)
	})}
	s := run(t, cfg)
	var got state
	if _, err := program.Ask(t.Context(), cfg.Socket, http.MethodDelete, "/calls?left=3", &got); err != nil || got.Calls != 3 {
		t.Errorf("%+v %v", got, err)
	}
	if seen, _, err := Fetch[state](t.Context(), program, cfg.Socket); err != nil || seen.Calls != 7 {
		t.Errorf("%+v %v", seen, err)
	}
	if _, err := program.Ask(t.Context(), "http://"+s.Addr().String(), http.MethodDelete, "/calls?left=3", &got); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("over TCP: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestOwnerOnly: the kernel says who asks on the socket; whom it does not name is refused.
func TestOwnerOnly(t *testing.T) {
	cfg := at("", filepath.Join(folder(t), "sock"))
	page := OwnerOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"calls": 3}`) }))
	cfg.Local = map[string]http.Handler{"GET /calls": page}
	run(t, cfg)
	var got state
	if _, err := program.Ask(t.Context(), cfg.Socket, http.MethodGet, "/calls", &got); err != nil || got.Calls != 3 {
		t.Errorf("%+v %v", got, err)
	}
	for who, uid := range map[string]any{"nobody is named": nil, "somebody else": uint32(os.Geteuid()) + 1} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/calls", nil).WithContext(context.WithValue(t.Context(), peerKey{}, uid)))
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "use sudo") {
			t.Errorf("%s: %d %s", who, w.Code, w.Body)
		}
	}
	for _, tt := range []struct {
		uid  uint32
		own  int
		want bool
	}{{0, 0, true}, {0, 990, true}, {990, 990, true}, {1000, 990, false}, {990, 0, false}, {1<<32 - 1, -1, false}} {
		if got := owns(tt.uid, tt.own); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestShow(t *testing.T) {
	socket := filepath.Join(folder(t), "s")
	run(t, at("", socket))
	table := func(to io.Writer, s *state) error {
		_, err := fmt.Fprintf(to, "%d calls\n", s.Calls)
		return err
	}
	for asJSON, want := range map[bool]string{true: `"calls": 7`, false: "7 calls\n"} {
		var out strings.Builder
		if err := Show(t.Context(), program, socket, asJSON, &out, table); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v: %q, %v", asJSON, out.String(), err)
		}
	}
	var out strings.Builder
	if err := Show(t.Context(), program, socket+"2", false, &out, table); err == nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestFetchErrors(t *testing.T) {
	missing := filepath.Join(folder(t), "s")
	_, _, err := Fetch[state](t.Context(), program, missing)
	if err == nil || !strings.Contains(err.Error(), "no switch answers at "+missing) || !strings.Contains(err.Error(), "systemctl status sipward-switch") {
		t.Errorf("%v", err)
	}
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	} {
		srv := httptest.NewServer(answer)
		if _, _, err := Fetch[state](t.Context(), program, srv.URL); err == nil {
			t.Error("what is something else was taken for the program")
		}
		srv.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Fetch[state](ctx, program, missing); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ socket, url, where, fault string }{
		{"", "", "", ""},
		{"/s", "", "/s", ""},
		{"", "127.0.0.1:1", "http://127.0.0.1:1", ""},
		{"", "http://127.0.0.1:1/", "http://127.0.0.1:1/", ""},
		{"", "https://127.0.0.1:1", "", "the switch speaks plain HTTP"},
		{"/s", "127.0.0.1:1", "", "two places"},
	} {
		where, err := program.Named(tt.socket, tt.url)
		if where != tt.where || (err != nil) != (tt.fault != "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%+v: %q, %v", tt, where, err)
		}
	}
	for _, tt := range []struct{ listen, socket, where, fault string }{
		{"a:1", "/s", "/s", ""},
		{"a:1", "", "http://a:1", ""},
		{"", "", "", "this switch cannot be asked"},
	} {
		where, err := program.Served(tt.listen, tt.socket)
		if where != tt.where || (err != nil) != (tt.fault != "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%+v: %q, %v", tt, where, err)
		}
	}
}
