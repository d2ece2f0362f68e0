package alerts

import (
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/mailserver"
)

// decode returns a message's text as its encoding says.
func decode(x *mail.Message) (string, error) {
	r := x.Body
	switch strings.ToLower(x.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	return string(b), err
}

// TestRealServer hands a message to a mail server that others wrote, and another one to
// nobody there.
func TestRealServer(t *testing.T) {
	server := mailserver.Start(t)
	m := &Mail{Host: server.Host, Port: server.Port, Security: Plain, From: "sipward@example.org", Timeout: 5 * time.Second}
	if err := m.send(t.Context(), notice(), "noc@example.org", "id-1"); err != nil {
		t.Fatal(err)
	}
	checkMessage(t, server.Next(t))
	err := m.send(t.Context(), notice(), "nobody@example.org", "id-2")
	var end final
	if !errors.As(err, &end) || !strings.HasSuffix(err.Error(), `550 "5.1.1 there is no such mailbox"`) {
		t.Errorf("to nobody: %v", err)
	}
}
