package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"github.com/sipward/sipward/internal/socket"
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

// openSocket listens on the status socket, and says what to do when it cannot.
func (p Program) openSocket(ctx context.Context, path string) (net.Listener, error) {
	l, err := socket.Listen(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("opening the status socket: %w; make its folder (systemd: RuntimeDirectory=%s), or set admin.socket", err, p.RuntimeDir)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("opening the status socket: %w; is another %s running? Set admin.socket to another path, or off", err, p.Name)
	case err != nil:
		return nil, fmt.Errorf("opening the status socket: %w; set admin.socket to another path, or off", err)
	}
	return l, nil
}
