package authorize

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/sip/register"
)

// pass lets every REGISTER pass, at no cost.
type pass struct{}

func (pass) Judge(*register.Request, About) register.Verdict { return allowed }

const (
	question1 = `{"user":"1005","domain":"pbx.example","request_host":"pbx.example","source":"192.0.2.7","port":5070,"transport":"udp",` +
		`"contacts":["<sip:1005@192.0.2.7:5070>"],"expires":3600,"call_id":"a84b4c76e66710@192.0.2.7","cseq":314159,"user_agent":"Phone 1.0"}`
)

func register1() string {
	return message("Contact: <sip:1005@192.0.2.7:5070>", "Expires: 3600", "User-Agent: Phone 1.0", "Max-Forwards: 70",
		`Authorization: Digest username="1005", realm="pbx.example", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:pbx.example", response="6629fae49393a05397450978507c4ef1"`, "Content-Length: 0")
}

var bodies = []struct{ name, kind, target, body string }{
	{"sip", sipType, from, register1()},
	{"json", json1, "/v1/authorize", question1},
	{"freeswitch", formType, "/v1/freeswitch", lookup("pbx.example")},
}

// sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// again is a body that can be read again.
type again struct{ bytes.Reader }

func (*again) Close() error { return nil }

// once returns a function that asks s one question, without sockets.
func once(s *Server, kind, target, body string) func() {
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Header.Set("Content-Type", kind)
	b := new(again)
	r.Body = b
	w := &sink{http.Header{}}
	return func() {
		b.Reset([]byte(body))
		s.ServeHTTP(w, r)
	}
}

// TestAllocations: a question costs the texts of its message, in one piece, and
// little else.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes a pool forget at random")
	}
	for kind, most := range map[string]float64{"sip": 3, "json": 4, "freeswitch": 26} {
		i := slices.IndexFunc(bodies, func(b struct{ name, kind, target, body string }) bool { return b.name == kind })
		b := bodies[i]
		if got := testing.AllocsPerRun(1000, once(newServer(t, pass{}), b.kind, b.target, b.body)); got > most {
			t.Errorf("%s: %v allocations, want at most %v", kind, got, most)
		}
	}
}

// BenchmarkHandler is a question without sockets and without its verdict.
func BenchmarkHandler(b *testing.B) {
	for _, x := range bodies {
		b.Run(x.name, func(b *testing.B) {
			f := once(newServer(b, pass{}), x.kind, x.target, x.body)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// BenchmarkServer is a question over one connection that is kept open.
func BenchmarkServer(b *testing.B) {
	for _, x := range bodies {
		b.Run(x.name, func(b *testing.B) {
			s := newServer(b, pass{})
			run(b, s)
			c := dial(b, s.Addr().String(), x.kind, x.target, x.body)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var (
	loadRate = flag.Int("load", 0, "questions a second for TestLoad; 0: skip it")
	loadAt   = flag.String("load-at", "", "address of an agent for TestLoad to ask, that lets 1005 register from 192.0.2.7; else a server of its own")
	loadTime = flag.Duration("load-time", 10*time.Second, "how long TestLoad asks")
)

// TestLoad asks at a fixed rate over connections that are kept open, as the
// worker processes of a switch do, and prints how long answers took: from the
// moment at which each question was due, so that a server that falls behind is
// not spared, and from when it was sent, without the pauses of the client.
func TestLoad(t *testing.T) {
	if *loadRate == 0 {
		t.Skip("go test -run TestLoad -v -load 5000")
	}
	const workers = 16
	for _, x := range bodies {
		s := newServer(t, pass{})
		address := *loadAt
		if address == "" {
			run(t, s)
			address = s.Addr().String()
		}
		each := time.Second * workers / time.Duration(*loadRate)
		var all sync.WaitGroup
		due, sent := make([][]time.Duration, workers), make([][]time.Duration, workers)
		start := time.Now().Add(100 * time.Millisecond)
		for i := range workers {
			c := dial(t, address, x.kind, x.target, x.body)
			all.Go(func() {
				next := start.Add(each * time.Duration(i) / workers)
				for ; next.Sub(start) < *loadTime; next = next.Add(each) {
					time.Sleep(time.Until(next))
					began := time.Now()
					if err := c.ask(); err != nil {
						t.Error(err)
						return
					}
					now := time.Now()
					due[i], sent[i] = append(due[i], now.Sub(next)), append(sent[i], now.Sub(began))
				}
			})
		}
		all.Wait()
		fmt.Printf("%-10s %d questions at %d/s; due: %s; sent: %s; slow in the server %d\n",
			x.name, len(slices.Concat(due...)), *loadRate, spread(due), spread(sent), s.Stats().Slow)
	}
}

func spread(took [][]time.Duration) string {
	d := slices.Concat(took...)
	slices.Sort(d)
	at := func(share float64) time.Duration { return d[int(share*float64(len(d)-1))].Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, most %v", at(.5), at(.99), at(.999), at(1))
}

// conn asks the same question again and again. It does no more than a switch
// has to: net/http's client takes longer than the server.
type conn struct {
	net.Conn
	question []byte
	answer   []byte
}

func dial(t testing.TB, address, kind, target, body string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &conn{c, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", target, kind, len(body), body), make([]byte, 4096)}
}

// ask asks once and reads the whole answer.
func (c *conn) ask() error {
	if _, err := c.Write(c.question); err != nil {
		return err
	}
	n := 0
	for {
		more, err := c.Read(c.answer[n:])
		if err != nil {
			return err
		}
		n += more
		head, body, whole := bytes.Cut(c.answer[:n], []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		_, length, _ := bytes.Cut(head, []byte("Content-Length: "))
		length, _, _ = bytes.Cut(length, []byte("\r\n"))
		want, err := strconv.Atoi(string(length))
		if err != nil || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 OK\r\n")) {
			return fmt.Errorf("%s", c.answer[:n])
		}
		if len(body) == want {
			return nil
		}
	}
}
