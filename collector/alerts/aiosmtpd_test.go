package alerts

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os/exec"
	"strings"
	"testing"
	"time"
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

// TestRealServer hands a message to a mail server that others wrote.
func TestRealServer(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's own, which has its packages
	if exec.CommandContext(t.Context(), python, "-c", "import aiosmtpd").Run() != nil {
		t.Skip("needs python3-aiosmtpd")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys
from aiosmtpd.controller import Controller
class Keep:
    async def handle_DATA(self, server, session, envelope):
        sys.stdout.buffer.write(envelope.content + b"\n--end--\n"); sys.stdout.flush()
        return "250 kept"
c = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
c.start(); print("listening", file=sys.stderr, flush=True)
sys.stdin.read(); c.stop()
`
	cmd := exec.CommandContext(t.Context(), python, "-c", script, fmt.Sprint(port))
	var out bytes.Buffer
	cmd.Stdout = &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := ready.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	m := &Mail{Host: "127.0.0.1", Port: port, Security: Plain, From: "sipward@example.org", Timeout: 5 * time.Second}
	sent := m.send(t.Context(), notice(), "noc@example.org", "id-1")
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if sent != nil {
		t.Fatal(sent)
	}
	raw, _, found := strings.Cut(out.String(), "\n--end--\n")
	if !found {
		t.Fatalf("no message in %q", raw)
	}
	checkMessage(t, raw)
}
