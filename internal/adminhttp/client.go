package adminhttp

import (
	"bytes"
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

// maxStatus bounds what Fetch reads: ten thousand parties or nodes are about
// 20 MB.
const maxStatus = 256 << 20

// Fetch asks a running program for its status, which is a T. where is the path
// of its socket, or http://address:port. It returns the JSON as well, as it came.
func Fetch[T any](ctx context.Context, p Program, where string) (*T, []byte, error) {
	status := new(T)
	raw, err := p.Ask(ctx, where, http.MethodGet, "/status", status)
	if err != nil {
		return nil, nil, err
	}
	return status, raw, nil
}

// Show writes what Fetch returns: as it came, or as the table that write makes
// of it.
func Show[T any](ctx context.Context, p Program, where string, asJSON bool, to io.Writer, write func(io.Writer, *T) error) error {
	status, raw, err := Fetch[T](ctx, p, where)
	switch {
	case err != nil:
		return err
	case asJSON:
		_, err := to.Write(raw)
		return err
	}
	return write(to, status)
}

// Ask asks for any page of a program and decodes it into what to points at; path
// may hold a query. It returns the page as well, as it came.
func (p Program) Ask(ctx context.Context, where, method, path string, to any) ([]byte, error) {
	url := strings.TrimSuffix(where, "/") + path
	client := &http.Client{Timeout: 10 * time.Second}
	if !strings.HasPrefix(where, "http://") {
		url = "http://" + p.Name + path
		client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", where)
		}}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", where, err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, p.explain(where, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxStatus))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", where, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s: %s", where, res.Status, bytes.TrimSpace(b))
	}
	if err := json.Unmarshal(b, to); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", where, err)
	}
	return b, nil
}

// explain says what to do about a program that cannot be reached.
func (p Program) explain(where string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no %s answers at %s: %w; is it running (systemctl status %s)? Another place is named with --socket", p.Name, where, err, p.Unit)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("asking %s: %w; use sudo, or join the group of the socket", where, err)
	}
	return fmt.Errorf("asking %s: %w", where, err)
}

// Named returns the place that the flags --socket and --url name, for Fetch;
// "" when neither was given.
func (p Program) Named(socket, url string) (string, error) {
	switch {
	case socket != "" && url != "":
		return "", errors.New("--socket and --url name two places: give one")
	case url != "" && !strings.Contains(url, "://"):
		return "http://" + url, nil
	case url != "" && !strings.HasPrefix(url, "http://"):
		return "", fmt.Errorf("--url %s: the %s speaks plain HTTP; give http://address:port", url, p.Name)
	}
	return socket + url, nil
}

// Served returns the place that a configuration names, for Fetch. "" stands for
// a listener that is off.
func (p Program) Served(listen, socket string) (string, error) {
	switch {
	case socket != "":
		return socket, nil
	case listen != "":
		return "http://" + listen, nil
	}
	return "", fmt.Errorf("admin.socket and admin.listen are off: this %s cannot be asked; turn one on", p.Name)
}
