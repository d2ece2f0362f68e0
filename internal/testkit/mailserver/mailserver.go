// Package mailserver runs a mail server that others wrote, for tests of what sends mail.
package mailserver

import (
	"bufio"
	"encoding/base64"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// python is Debian's own, which has its packages.
const python = "/usr/bin/python3"

// script takes every message, and writes each as a line.
const script = `
import asyncio, base64, sys
from aiosmtpd.smtp import SMTP
class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"
    async def handle_DATA(self, server, session, envelope):
        print(base64.b64encode(envelope.content).decode(), flush=True)
        return "250 kept"
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Keep(), hostname="mail.test"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
`

// Server is a running mail server on loopback, without TLS. It refuses recipients whose
// name is nobody.
type Server struct {
	Host string
	Port int

	messages chan string
}

// Start runs a server until the test ends. Without aiosmtpd it skips the test.
func Start(t *testing.T) *Server {
	t.Helper()
	if exec.CommandContext(t.Context(), python, "-c", "import aiosmtpd").Run() != nil {
		t.Skip("aiosmtpd is not installed (Debian: python3-aiosmtpd)")
	}
	cmd := exec.Command(python, "-c", script) //nolint:noctx // it ends with its input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	s := &Server{Host: "127.0.0.1", messages: make(chan string, 1000)}
	if lines.Scan() {
		s.Port, err = strconv.Atoi(lines.Text())
	}
	if err != nil || s.Port == 0 {
		t.Fatalf("the mail server does not start: %v, %v", err, lines.Err())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines.Scan() {
			if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(lines.Text())); err == nil {
				s.messages <- string(b)
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the mail server: %v", err)
		}
	})
	return s
}

// Next waits for the next message, and returns it as it came.
func (s *Server) Next(t *testing.T) string {
	t.Helper()
	select {
	case m := <-s.messages:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
		return ""
	}
}

// Waiting counts messages that nobody took by Next.
func (s *Server) Waiting() int { return len(s.messages) }
