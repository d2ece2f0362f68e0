// Package peers runs the real programs that Sipward is tested against - sipp,
// Kamailio, rtpengine, baresip, sngrep, sipgrep, dumpcap - each on a host of
// its own: a network namespace with its interfaces, addresses and routes.
// Nothing in it waits a fixed time: it polls for what has to be there, up to a
// deadline.
//
// Everything needs root. A Lab is not safe for concurrent use; several beside each
// other are.
package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// readyTimeout is how long anything that was started may take to be of use.
// Generous: two cores shared with a race-detector build are slow.
const readyTimeout = 30 * time.Second

// namespacePrefix begins the name of every namespace of ours, the id of the
// process that made it follows: what a killed test left behind is found by it.
// The number of the lab comes next.
const namespacePrefix = "sipward-"

// How many labs and cables this process has made: their names are unique.
var labs, links atomic.Int64

// Lab is a set of hosts and of the programs on them. Close ends all of it.
type Lab struct {
	Dir   string // logs, configs, scenarios; the caller's to remove
	id    int64
	hosts []*Host
	procs []*Proc
}

// NewLab returns an empty lab that writes its files to dir. Namespaces that a
// killed run left are removed first.
func NewLab(ctx context.Context, dir string) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need root: run as root")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := sweep(ctx); err != nil {
		return nil, err
	}
	return &Lab{Dir: dir, id: labs.Add(1)}, nil
}

// sweep removes our namespaces whose maker lives no more.
func sweep(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("list network namespaces: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, namespacePrefix)
		pid, _, _ := strings.Cut(rest, "-")
		if _, err := strconv.Atoi(pid); !ours || err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			err := run(ctx, "ip", "netns", "del", name)
			if _, there := os.Stat("/run/netns/" + name); err != nil && !errors.Is(there, os.ErrNotExist) { // another lab may be faster
				return err
			}
		}
	}
	return nil
}

// Close ends the programs, last started first, and removes the hosts. It may
// be called twice.
func (l *Lab) Close() error {
	var errs []error
	for i := len(l.procs) - 1; i >= 0; i-- {
		if err := l.procs[i].kill(); err != nil {
			errs = append(errs, err)
		}
	}
	l.procs = nil
	// The lab ends also when its context has: cleaning up must not.
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	for _, h := range l.hosts {
		errs = append(errs, run(ctx, "ip", "netns", "del", h.ns))
	}
	l.hosts = nil
	return errors.Join(errs...)
}

// WriteLogs copies the last 4 KiB of every log in the lab's folder to w.
func (l *Lab) WriteLogs(w io.Writer) {
	logs, _ := filepath.Glob(filepath.Join(l.Dir, "*.log")) // the pattern is ours and right
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			continue
		}
		const most = 4096
		fmt.Fprintf(w, "--- %s\n%s\n", filepath.Base(name), b[max(0, len(b)-most):])
	}
}

// run executes a command that is expected to end at once.
func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// Poll calls done every 20 ms until it reports true, fails, or the context
// ends or timeout passes; what names the thing that was waited for.
func Poll(ctx context.Context, timeout time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v: %w", what, timeout, ctx.Err())
		case <-tick.C:
		}
	}
}
