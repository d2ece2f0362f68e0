package peers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// Mosquitto is a broker that lets in whoever comes, in clear.
type Mosquitto struct {
	Host *Host
	At   netip.AddrPort
	proc *Proc
	sent int
}

// Start starts the broker and returns when clients can connect.
func (m *Mosquitto) Start(ctx context.Context) error {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // not in every user's path
	}
	config := filepath.Join(m.Host.lab.Dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %d %s\nallow_anonymous true\npersistence false\n", m.At.Port(), m.At.Addr())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	if m.proc, err = m.Host.Start("mosquitto", program, "-v", "-c", config); err != nil {
		return err
	}
	return m.proc.WaitSocket(ctx, "tcp", m.At.Port())
}

// Retain publishes a message that clients get which come later, too.
func (m *Mosquitto) Retain(ctx context.Context, topic string, payload []byte) error {
	m.sent++
	file := filepath.Join(m.Host.lab.Dir, fmt.Sprintf("message-%d", m.sent))
	if err := os.WriteFile(file, payload, 0o644); err != nil {
		return err
	}
	return m.Host.Run(ctx, "mosquitto_pub", "-h", m.At.Addr().String(), "-p", fmt.Sprint(m.At.Port()), "-q", "1", "-r", "-t", topic, "-f", file)
}
