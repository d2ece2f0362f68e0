package alerts

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// server speaks enough SMTP to take one message after the other.
type server struct {
	answers map[string]string // by command, in place of the usual one
	noTLS   bool
	direct  bool // TLS from the first byte
	tls     *tls.Config
	cas     *x509.CertPool
	port    int
	wg      sync.WaitGroup

	mu       sync.Mutex // guards all below
	messages []string
	from, to []string
	auth     string
	secure   bool // the last message came over TLS
	commands []string
}

func serve(t *testing.T, s *server) *Mail {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	s.tls, s.cas = &tls.Config{Certificates: h.TLS.Certificates, MinVersion: tls.VersionTLS12}, x509.NewCertPool()
	s.cas.AddCert(h.Certificate())
	h.Close()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		s.wg.Wait()
	})
	return &Mail{Host: "127.0.0.1", Port: s.port, From: "sipward@example.org", RootCAs: s.cas, Timeout: 5 * time.Second}
}

func (s *server) talk(c net.Conn) {
	secure := s.direct
	if s.direct {
		c = tls.Server(c, s.tls)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	say := func(line string) bool { _, err := io.WriteString(c, line+"\r\n"); return err == nil }
	if !say("220 test ESMTP") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		word, rest, _ := strings.Cut(line, " ")
		word = strings.ToUpper(word)
		s.mu.Lock()
		s.commands = append(s.commands, word)
		own, has := s.answers[word]
		s.mu.Unlock()
		if has {
			if say(own); word != "EHLO" {
				continue
			}
			return
		}
		switch word {
		case "EHLO":
			say("250-test")
			if !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250-AUTH PLAIN")
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			x := tls.Server(c, s.tls)
			if x.Handshake() != nil {
				return
			}
			c, r, secure = x, bufio.NewReader(x), true
		case "AUTH":
			_, raw, _ := strings.Cut(rest, " ")
			b, _ := base64.StdEncoding.DecodeString(raw)
			s.mu.Lock()
			s.auth = strings.ReplaceAll(string(b), "\x00", "|")
			s.mu.Unlock()
			say("235 welcome")
		case "MAIL", "RCPT":
			s.mu.Lock()
			if word == "MAIL" {
				s.from = append(s.from, rest)
			} else {
				s.to = append(s.to, rest)
			}
			s.mu.Unlock()
			say("250 fine")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(l, "."))
			}
			s.mu.Lock()
			s.messages, s.secure = append(s.messages, b.String()), secure
			s.mu.Unlock()
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func notice() *Notice {
	return &Notice{Change: Raised, At: noon, Area: AreaASR, Operator: Below, Dashboard: "https://sipward.example.org/#/alerts", Mail: []string{"noc@example.org"},
		Event: query.Event{ID: "0123", Rule: "r1", RuleName: "Träger überlastet 日本", Level: LevelCritical, Kind: query.KindCarrier, Party: "alpha", RaisedUnixMs: noon.UnixMilli(),
			Text: "ASR of carrier alpha: 33.3% (1 of 3)\n.\na dot alone is no end"}}
}

func TestMail(t *testing.T) {
	for _, v := range []struct {
		name     string
		server   *server
		security string
		user     string
	}{
		{"starttls", &server{}, StartTLS, "ann"}, {"the default", &server{}, "", ""}, {"tls", &server{direct: true}, TLS, "ann"}, {"none", &server{noTLS: true}, Plain, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := v.server
			m := serve(t, s)
			m.Security, m.Username, m.Password, m.Hello = v.security, v.user, "pass", "collector.example.org"
			if m.Username == "" {
				m.Password = ""
			}
			if err := errors.Join(m.Check(), m.send(t.Context(), notice(), "noc@example.org", "id-1")); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if want := map[string]string{"": "", "ann": "|ann|pass"}[v.user]; s.auth != want || s.secure != (v.security != Plain) || len(s.messages) != 1 {
				t.Fatalf("as %q, secure %v, %d messages, %v", s.auth, s.secure, len(s.messages), s.commands)
			}
			if s.from[0] != "FROM:<sipward@example.org> BODY=8BITMIME" && s.from[0] != "FROM:<sipward@example.org>" || s.to[0] != "TO:<noc@example.org>" {
				t.Errorf("from %q to %q", s.from, s.to)
			}
			checkMessage(t, s.messages[0])
		})
	}
}

// checkMessage reads a message as a mail program does.
func checkMessage(t *testing.T, raw string) {
	t.Helper()
	if i := strings.IndexFunc(raw, func(r rune) bool { return r > 126 }); i >= 0 {
		t.Errorf("not ASCII at %d", i)
	}
	for _, line := range strings.Split(raw, "\r\n") {
		if len(line) > 998 || strings.Contains(line, "\n") {
			t.Errorf("a line of %d bytes, or one that does not end in CR LF", len(line))
		}
	}
	x, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(x.Header.Get("Subject"))
	if want := "[Sipward] CRITICAL: Träger überlastet 日本 (carrier alpha)"; err != nil || subject != want {
		t.Errorf("subject %q, %v", subject, err)
	}
	for header, want := range map[string]string{"Message-ID": "<id-1@example.org>", "From": `"Sipward" <sipward@example.org>`, "To": "<noc@example.org>", "Mime-Version": "1.0",
		"Auto-Submitted": "auto-generated", "References": "<alert.0123@example.org>", "Content-Type": "text/plain; charset=UTF-8", "Importance": "high"} {
		if got := x.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if at, err := x.Header.Date(); err != nil || !at.Equal(noon) {
		t.Errorf("date %v, %v", at, err)
	}
	body, err := decode(x)
	if err != nil || !strings.Contains(body, "1 of 3)\r\n.\r\na dot") && !strings.Contains(body, "1 of 3)\n.\na dot") || !strings.Contains(body, "Rule: Träger überlastet 日本") || !strings.Contains(body, "Raised: 2026-03-01 12:00:00 UTC") {
		t.Errorf("body %q, %v", body, err)
	}
}

func TestMailErrors(t *testing.T) {
	for _, v := range []struct {
		name  string
		s     *server
		edit  func(*Mail)
		final bool
		says  string
	}{
		{"no such recipient", &server{answers: map[string]string{"RCPT": "550 no such user"}}, nil, true, "550"},
		{"greylisted", &server{answers: map[string]string{"RCPT": "451 later"}}, nil, false, "451"},
		{"no TLS offered", &server{noTLS: true}, nil, false, "STARTTLS"},
		{"a stranger's certificate", &server{}, func(m *Mail) { m.RootCAs = x509.NewCertPool() }, false, "certificate"},
		{"a wrong password", &server{answers: map[string]string{"AUTH": "535 no"}}, func(m *Mail) { m.Username, m.Password = "ann", "secret-word" }, false, "535"},
		{"nobody there", &server{}, func(m *Mail) { m.Port = 1 }, false, "connection refused"},
		{"TLS where there is none", &server{}, func(m *Mail) { m.Security = TLS }, false, "tls"},
	} {
		t.Run(v.name, func(t *testing.T) {
			m := serve(t, v.s)
			if v.edit != nil {
				v.edit(m)
			}
			d := NewDispatcher(DispatcherConfig{Mail: m})
			err := d.Test(t.Context(), ByMail, "noc@example.org")
			var end final
			if err == nil || !strings.Contains(err.Error(), v.says) || errors.As(err, &end) != v.final || strings.Contains(err.Error(), "secret-word") {
				t.Errorf("%v, want %q and final %v", err, v.says, v.final)
			}
			if s := d.Stats().Mail; s != (ChannelStats{}) { // no alert was lost
				t.Errorf("%+v", s)
			}
			v.s.mu.Lock()
			defer v.s.mu.Unlock()
			if len(v.s.messages) > 0 || v.name == "no TLS offered" && slices.Contains(v.s.commands, "MAIL") {
				t.Errorf("it was sent: %v", v.s.commands)
			}
		})
	}
}

func TestMailCheck(t *testing.T) {
	ok := Mail{Host: "mail.example.org", From: "a@example.org"}
	for _, v := range []struct {
		says string
		edit func(*Mail)
	}{
		{"", func(*Mail) {}}, {"", func(m *Mail) { m.Host = "2001:db8::1" }}, {"is no mail server", func(m *Mail) { m.Host = "" }}, {"is no mail server", func(m *Mail) { m.Host = "mail:25" }},
		{"is no port", func(m *Mail) { m.Port = 70_000 }}, {"neither starttls", func(m *Mail) { m.Security = "ssl" }},
		{"not sent without TLS", func(m *Mail) { m.Security, m.Username = Plain, "a" }}, {"the sender", func(m *Mail) { m.From = "a" }},
	} {
		m := ok
		v.edit(&m)
		if err := m.Check(); (err == nil) != (v.says == "") || err != nil && !strings.Contains(err.Error(), v.says) {
			t.Errorf("%+v: %v, want %q", m, err, v.says)
		}
	}
	for security, want := range map[string]int{"": 587, StartTLS: 587, TLS: 465, Plain: 25} {
		if got := (&Mail{Security: security}).port(); got != want {
			t.Errorf("%q: port %d", security, got)
		}
	}
	if err := NewDispatcher(DispatcherConfig{}).Test(t.Context(), ByMail, "a@example.org"); !errors.Is(err, errNoMail) {
		t.Error(err)
	}
}
