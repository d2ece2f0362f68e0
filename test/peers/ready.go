package peers

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// listening is the state of a listening TCP socket in /proc/net/tcp.
const listening = "0A"

// WaitSocket waits until a socket of the program's namespace is bound to the
// port: network is "udp" or "tcp" (listening), of either IP version.
func (p *Proc) WaitSocket(ctx context.Context, network string, port uint16) error {
	what := fmt.Sprintf("%s on %s port %d", p.Name, network, port)
	return Poll(ctx, readyTimeout, what, func() (bool, error) {
		if p.Ended() {
			return false, fmt.Errorf("it ended: %v: %s", p.err, tail(p.Log, 3000))
		}
		for _, version := range []string{"", "6"} {
			table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s%s", p.PID(), network, version))
			if errors.Is(err, os.ErrNotExist) {
				continue // just ended, or no IPv6 here
			}
			if err != nil {
				return false, err
			}
			if bound(table, network, port) {
				return true, nil
			}
		}
		return false, nil
	})
}

// bound looks a port up in the text of /proc/net/udp or tcp.
func bound(table []byte, network string, port uint16) bool {
	want := strings.ToUpper(hex.EncodeToString([]byte{byte(port >> 8), byte(port)}))
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		_, local, _ := strings.Cut(f[1], ":")
		if local == want && (network == "udp" || f[3] == listening) {
			return true
		}
	}
	return false
}

// WaitLog waits until the program has printed text.
func (p *Proc) WaitLog(ctx context.Context, text string) error {
	return Poll(ctx, readyTimeout, p.Name+" to print "+strconv.Quote(text), func() (bool, error) {
		b, err := os.ReadFile(p.Log)
		if err != nil {
			return false, err
		}
		if bytes.Contains(b, []byte(text)) {
			return true, nil
		}
		if p.Ended() {
			return false, fmt.Errorf("it ended: %v: %s", p.err, tail(p.Log, 3000))
		}
		return false, nil
	})
}
