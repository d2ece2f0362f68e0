package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits for several sockets at once in the runtime's own poller: an
// epoll descriptor that holds them is itself one that can be polled. A thread
// that blocks in poll(2) every few milliseconds keeps the runtime's monitor
// awake instead, which alone took a fifth of the agent's time at 1,000 calls a
// second.
type waiter struct {
	file   *os.File
	conn   syscall.RawConn
	events [64]unix.EpollEvent
}

func newWaiter() (*waiter, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for os.NewFile to poll it
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	w := &waiter{file: os.NewFile(uintptr(fd), "epoll")}
	if w.conn, err = w.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("polling the capture sockets: %w", err), w.file.Close())
	}
	return w, nil
}

// add includes fd in what is waited for.
func (w *waiter) add(fd int) error {
	var failed error
	err := w.conn.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	return errors.Join(err, os.NewSyscallError("epoll_ctl", failed))
}

// wait returns what is ready, or nothing after the given time or when ctx ends.
// The slice is valid until the next call.
func (w *waiter) wait(ctx context.Context, most time.Duration) ([]unix.EpollEvent, error) {
	if err := w.file.SetReadDeadline(time.Now().Add(most)); err != nil {
		return nil, fmt.Errorf("waiting for the capture sockets: %w", err)
	}
	if ctx.Err() != nil { // it may have ended, and called interrupt, before the deadline was set
		return nil, nil //nolint:nilerr // nothing is ready: the caller looks at ctx
	}
	var n int
	var failed error
	err := w.conn.Read(func(epoll uintptr) bool {
		n, failed = unix.EpollWait(int(epoll), w.events[:], 0)
		return n != 0 // -1 is an error
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), err == nil && errors.Is(failed, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("waiting for the capture sockets: %w", err)
	case failed != nil:
		return nil, os.NewSyscallError("epoll_wait", failed)
	}
	return w.events[:n], nil
}

// interrupt ends a wait that is under way. It is safe for concurrent use.
func (w *waiter) interrupt() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }

func (w *waiter) close() error { return w.file.Close() }
