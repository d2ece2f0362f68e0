package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// maxReport bounds what Fetch reads: ten thousand nodes are about 20 MB.
const maxReport = 256 << 20

// Fetch asks a running collector for its status. where is the path of its
// socket, or http://address:port. It returns the JSON as well, as it came.
func Fetch(ctx context.Context, where string) (*Status, []byte, error) {
	url := strings.TrimSuffix(where, "/") + "/status"
	client := &http.Client{Timeout: 10 * time.Second}
	if !strings.HasPrefix(where, "http://") {
		url = "http://collector/status"
		client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", where)
		}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s: %w", where, err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, explain(where, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxReport))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the status of %s: %w", where, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered %s: %s", where, res.Status, b)
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, nil, fmt.Errorf("reading the status of %s: %w", where, err)
	}
	return &s, b, nil
}

// explain says what to do about a collector that cannot be reached.
func explain(where string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no collector answers at %s: %w; is it running (systemctl status sipward-collector)? Another place is named with --socket", where, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("asking %s: %w; use sudo, or join the group of the socket", where, err)
	}
	return fmt.Errorf("asking %s: %w", where, err)
}
