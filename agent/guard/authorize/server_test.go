package authorize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

func TestStats(t *testing.T) {
	d := &desk{verdict: allowed}
	s := newServer(t, d)
	ask(s, from, sipType, message())
	ask(s, from, sipType, message())
	d.verdict = foreign
	ask(s, from, sipType, message())
	ask(s, from, sipType, "")
	ask(s, "/v1/freeswitch", formType, "section=dialplan")
	got := s.Stats()
	got.Slow = 0 // on a busy machine any of them can be
	if want := (Stats{Asked: 5, Allowed: 2, Refused: 1, Elsewhere: 1, Bad: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{verdict: allowed, hold: make(chan struct{})}
		s := newServer(t, d)
		time.AfterFunc(2*slowAfter, func() { close(d.hold) })
		ask(s, from, sipType, message())
		if got := s.Stats(); got.Slow != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestConfig(t *testing.T) {
	for _, listen := range []string{
		"0.0.0.0:9466", ":9466", "192.0.2.1:9466", "[::]:9466", "[2001:db8::1]:9466", "127.0.0.1", "example.com:9466",
	} {
		if _, err := New(Config{Listen: listen, Judge: &desk{}}); err == nil || !strings.Contains(err.Error(), listen) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{defaultListen, "127.7.7.7:0", "[::1]:9466", "[::ffff:127.0.0.1]:9466", "localhost:9466"} {
		if _, err := New(Config{Listen: listen, Judge: &desk{}}); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	if _, err := New(Config{Judge: &desk{}}); err == nil {
		t.Error("a server that listens nowhere was made")
	}
	if _, err := New(Config{Listen: defaultListen}); err == nil {
		t.Error("a server without judge was made")
	}
}

// run serves until the test ends, and returns how to reach it.
func run(t testing.TB, s *Server) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	if s.Addr() == nil {
		return ""
	}
	return "http://" + s.Addr().String()
}

func post(t testing.TB, c *http.Client, url, kind, body string) (int, string) {
	t.Helper()
	r, err := c.Post(url, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestOverSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "authorize.sock")
	d := &desk{verdict: foreign}
	s, err := New(Config{Listen: "127.0.0.1:0", Socket: path, Judge: d})
	if err != nil {
		t.Fatal(err)
	}
	url := run(t, s)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	for name, c := range map[string]*http.Client{"tcp": {Transport: &http.Transport{}}, "unix": {Transport: &http.Transport{DialContext: dial}}} {
		for range 3 {
			if status, body := post(t, c, url+from, sipType, message()); status != http.StatusForbidden || body != `{"allow":false,"reason":"foreign_block","block":"2000-2999"}` {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		c.CloseIdleConnections()
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v %v", info, err)
	}
}

// TestSocketInUse: a dead program's socket is replaced, that of a live one not.
func TestSocketInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Socket: path, Judge: &desk{verdict: allowed}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err == nil {
		t.Fatal("the socket of a program that lives was taken over")
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := New(Config{Listen: l.Addr().String(), Judge: &desk{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "guard.authorize.listen") {
		t.Error(err)
	}
}

// TestFault: a fault of ours costs one question, and its first is logged.
func TestFault(t *testing.T) {
	var log bytes.Buffer
	s, err := New(Config{Listen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Judge: judgeFunc(func(*register.Request, About) register.Verdict { panic("oh") })})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, x := range bodies {
			if w := ask(s, x.target, x.kind, x.body); w.Code != http.StatusInternalServerError {
				t.Errorf("%s: %d %s", x.name, w.Code, w.Body)
			}
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "fault=oh") {
		t.Errorf("%d errors logged: %s", n, log.String())
	}
	if got := s.Stats(); got.Bad != 9 || got.Asked != 9 || len(s.places) != 0 {
		t.Errorf("%+v, %d places taken", got, len(s.places))
	}
}

// TestBusy: questions beyond the bound are turned away at once, and counted.
func TestBusy(t *testing.T) {
	synctest.Test(t, testBusy)
}

func testBusy(t *testing.T) {
	d := &desk{verdict: allowed, hold: make(chan struct{})}
	s := newServer(t, d)
	var all sync.WaitGroup
	for range maxConcurrent {
		all.Go(func() { ask(s, from, sipType, message()) })
	}
	synctest.Wait() // all are held
	w := ask(s, from, sipType, message())
	close(d.hold)
	all.Wait()
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := s.Stats(); got.Busy != 1 || got.Allowed != maxConcurrent || got.Asked != maxConcurrent {
		t.Errorf("%+v", got)
	}
}

// TestConnections: those beyond the bound are closed, and there is room again
// when others leave.
func TestConnections(t *testing.T) {
	s := newServer(t, &desk{verdict: allowed})
	url := run(t, s)
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	for range maxConnections {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one connection too many is held: %v", err)
	}
	if got := s.Stats().Shed; got != 1 {
		t.Errorf("%d shed", got)
	}
	for _, c := range all[:10] {
		_ = c.Close()
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := client.Post(url+from, sipType, strings.NewReader(message()))
		if err == nil {
			_ = r.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestSlowSender: who does not finish a question is let go.
func TestSlowSender(t *testing.T) {
	s := newServer(t, &desk{verdict: allowed})
	run(t, s)
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: message/sip\r\nContent-Length: 100\r\n\r\nREGISTER", from)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%s, %v", b, err)
	}
	if got := s.Stats(); got.Bad != 1 || got.Asked != 1 {
		t.Errorf("%+v", got)
	}
}

// TestBigHeader: a header beyond the bound is refused.
func TestBigHeader(t *testing.T) {
	url := run(t, newServer(t, &desk{verdict: allowed}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+from, strings.NewReader(message()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Big", strings.Repeat("x", 2*maxHeader))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(w.Status)
	}
}

// TestNothingIsKept: a big question, or one with many contacts, leaves nothing
// behind in what is used again.
func TestNothingIsKept(t *testing.T) {
	s := newServer(t, &desk{verdict: allowed})
	k := newWork()
	k.body = append(k.body, make([]byte, 2*keep)...)
	k.sip = make([]byte, 2*keep)
	k.message.Contacts = []parse.Contact{{Instance: "x"}}
	contacts := k.message.Contacts
	s.putBack(k)
	if cap(k.body) > keep || cap(k.sip) > keep || contacts[0].Instance != "" || k.request.Contacts != nil {
		t.Errorf("%d, %d, %+v", cap(k.body), cap(k.sip), contacts)
	}
}
