// Package socket opens the unix sockets on which programs of this host ask.
package socket

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

// Listen listens on a unix socket that owner and group may use. One that was
// left by a dead program is replaced; one that is alive is not. The socket's
// own folder is made when it is missing, as /run/sipward is after every boot;
// its parent is not: that would be a slip of the pen.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil && stale(ctx, path) {
		if err = os.Remove(path); err == nil {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("guarding the socket: %w", err), l.Close())
	}
	return l, nil
}

// makeFolder leaves it to the socket to say that the folder's parent is missing
// or closed: the folder itself may be there all the same.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o750)
	for _, harmless := range []error{fs.ErrExist, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, harmless) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("making the socket's folder: %w", err)
	}
	return nil
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
