package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// open opens both listeners, or neither.
func (s *Server) open(ctx context.Context) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			listeners = nil
		}
	}()
	var lc net.ListenConfig
	if s.cfg.Listen != "" {
		l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
		if err != nil {
			return listeners, fmt.Errorf("serving figures: %w; set admin.listen to a free address, or off", err)
		}
		s.addr = l.Addr()
		listeners = append(listeners, l)
	}
	if s.cfg.Socket != "" {
		l, err := s.cfg.Program.openSocket(ctx, s.cfg.Socket)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// openSocket listens on a unix socket that owner and group may use. One that
// was left by a dead program is replaced; one that is alive is not. The
// socket's own folder is made when it is missing, as /run/sipward is after
// every boot; its parent is not: that would be a slip of the pen.
func (p Program) openSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("making the folder of the status socket: %w; make it, or set admin.socket", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil && stale(ctx, path) {
		if err = os.Remove(path); err == nil {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("opening the status socket: %w; make its folder (systemd: RuntimeDirectory=%s), or set admin.socket", err, p.RuntimeDir)
	case err != nil:
		return nil, fmt.Errorf("opening the status socket: %w; is another %s running? Set admin.socket to another path, or off", err, p.Name)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("guarding the status socket: %w", err), l.Close())
	}
	return l, nil
}

// stale reports whether path is a socket that nobody listens on.
func stale(ctx context.Context, path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED) // any other error says nothing about who listens
}
