package alerts

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// Ways to protect the connection to a mail server.
const (
	StartTLS = "starttls" // required, RFC 3207
	TLS      = "tls"      // from the first byte, RFC 8314
	Plain    = "none"     // for a server on this host or in its network; without a password
)

// Mail is how to reach a mail server.
type Mail struct {
	Host     string
	Port     int    // 0: 587, of TLS 465, of Plain 25
	Security string // StartTLS, TLS or Plain; empty: StartTLS
	Username string // empty: no authentication
	Password string
	From     string         // address
	Hello    string         // name in EHLO; empty: this host's
	Timeout  time.Duration  // of each step; 0: 15 s
	RootCAs  *x509.CertPool // nil: those of the system
}

// Check says what is wrong.
func (m *Mail) Check() error {
	switch {
	case m.Host == "" || strings.ContainsAny(m.Host, " \t\r\n/:[]") && !strings.Contains(m.Host, "::"):
		return fmt.Errorf("%.80q is no mail server: a name or address without port", m.Host)
	case m.Port < 0 || m.Port > 65_535:
		return fmt.Errorf("%d is no port", m.Port)
	case m.Security != "" && m.Security != StartTLS && m.Security != TLS && m.Security != Plain:
		return fmt.Errorf("%.20q is neither starttls nor tls nor none", m.Security)
	case m.Security == Plain && m.Username != "":
		return errors.New("a password is not sent without TLS: use starttls or tls, or no user name")
	}
	if err := checkMail(m.From); err != nil {
		return fmt.Errorf("the sender: %w", err)
	}
	return nil
}

func (m *Mail) port() int {
	if m.Port != 0 {
		return m.Port
	}
	return map[string]int{TLS: 465, Plain: 25}[m.Security] | map[bool]int{true: 587}[m.Security == "" || m.Security == StartTLS]
}

// dial connects. The library leaves a connection open when a server does not offer
// what it must, so that ctx closes it.
func (m *Mail) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: m.timeout()}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

func (m *Mail) timeout() time.Duration { return cmp.Or(m.Timeout, 15*time.Second) }

func (m *Mail) tls() *tls.Config {
	return &tls.Config{ServerName: m.Host, RootCAs: m.RootCAs, MinVersion: tls.VersionTLS12}
}

// client makes a client whose connection ends with ctx.
func (m *Mail) client(ctx context.Context) (*mail.Client, error) {
	o := []mail.Option{mail.WithPort(m.port()), mail.WithTimeout(m.timeout()), mail.WithTLSConfig(m.tls()), mail.WithoutNoop()}
	if m.Security != TLS { // the library takes a connection that it is given for one without TLS
		o = append(o, mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return m.dial(ctx, network, address)
		}))
	}
	switch m.Security {
	case TLS:
		o = append(o, mail.WithSSL())
	case Plain:
		o = append(o, mail.WithTLSPolicy(mail.NoTLS))
	default:
		o = append(o, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.Username != "" {
		o = append(o, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.Username), mail.WithPassword(m.Password))
	}
	if m.Hello != "" {
		o = append(o, mail.WithHELO(m.Hello))
	}
	return mail.NewClient(m.Host, o...)
}

// message writes a notice. Sent twice, it has the same Message-ID, and what follows an
// alert names the message that raised it, so that they stand together.
func (m *Mail) message(n *Notice, to, id string) (*mail.Msg, error) {
	x := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := x.FromFormat("Sipward", m.From); err != nil {
		return nil, fmt.Errorf("the sender %q: %w", m.From, err)
	}
	if err := x.To(to); err != nil {
		return nil, fmt.Errorf("the recipient %q: %w", to, err)
	}
	_, domain, _ := strings.Cut(m.From, "@")
	x.Subject(n.subject())
	x.SetDateWithValue(n.At)
	x.SetMessageIDWithValue(id + "@" + domain)
	if n.Event.ID != "" {
		x.SetGenHeader(mail.HeaderReferences, "<alert."+n.Event.ID+"@"+domain+">")
	}
	x.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday notice answers it
	if n.Event.Level == LevelCritical && n.Change != Cleared {
		x.SetImportance(mail.ImportanceHigh)
	}
	x.SetBodyString(mail.TypeTextPlain, n.body())
	return x, nil
}

// plain is an error of the library without what its reader knows: recipient and message.
type plain struct{ error }

func (p plain) Unwrap() error { return p.error }

func (p plain) Error() string {
	text, _, _ := strings.Cut(p.error.Error(), ", affected recipient(s):")
	text, _, _ = strings.Cut(text, ", affected message ID:")
	return strings.TrimPrefix(text, "send failed: ")
}

// send hands a notice to the mail server. An error that is permanent is a final.
func (m *Mail) send(ctx context.Context, n *Notice, to, id string) error {
	x, err := m.message(n, to, id)
	if err != nil {
		return final{err}
	}
	ctx, cancel := context.WithTimeout(ctx, 4*m.timeout())
	defer cancel()
	c, err := m.client(ctx)
	if err != nil {
		return final{fmt.Errorf("setting up mail: %w", err)}
	}
	err = c.DialAndSendWithContext(ctx, x)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sending to %s by %s:%d (%s): %w", to, m.Host, m.port(), cmp.Or(m.Security, StartTLS), plain{err})
	var refused *mail.SendError
	if errors.As(err, &refused) && refused.ErrorCode() >= 500 {
		return final{err}
	}
	return err
}
