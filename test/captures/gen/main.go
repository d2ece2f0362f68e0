// Command gen takes the captures in test/captures: real programs talk to each
// other in network namespaces, and dumpcap listens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// mostBytes is the size that a capture in the repository may have.
const mostBytes = 200 << 10

// takeTimeout is for one capture; the longest take some 15 s.
const takeTimeout = 2 * time.Minute

// take is one capture: where to listen, and what happens meanwhile.
type take struct {
	name       string // of the file, with .pcap or .pcapng
	interfaces []string
	link       string // link type for dumpcap, "" for the interface's own
	play       func(ctx context.Context, s *stage) error
}

func main() {
	out := flag.String("out", ".", "folder for the captures")
	keep := flag.String("keep", "", "folder to keep logs and configs in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *keep, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		stop()
		os.Exit(1)
	}
}

// run takes the named captures, or all.
func run(ctx context.Context, out, keep string, names []string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !slices.ContainsFunc(takes, func(t take) bool { return t.name == n }) {
			return fmt.Errorf("no capture is called %q", n)
		}
	}
	for _, t := range takes {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		begin := time.Now()
		if err := t.record(ctx, out, keep); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		i, err := os.Stat(filepath.Join(out, t.name))
		if err != nil {
			return err
		}
		if i.Size() > mostBytes {
			return fmt.Errorf("%s has %d bytes, more than %d", t.name, i.Size(), mostBytes)
		}
		fmt.Printf("%-28s %7d bytes %5.1f s\n", t.name, i.Size(), time.Since(begin).Seconds())
	}
	return nil
}

// record takes one capture on a site of its own.
func (t *take) record(ctx context.Context, out, keep string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "sipward-take-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if keep != "" {
		dir = filepath.Join(keep, t.name)
	}
	site, err := peers.NewSite(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			site.WriteLogs(os.Stderr)
		}
		err = errors.Join(err, site.Close())
	}()
	s := &stage{Site: site, dir: dir, file: filepath.Join(dir, t.name), take: t}
	if err := t.play(ctx, s); err != nil {
		return err
	}
	if s.capture == nil {
		return errors.New("nothing was recorded")
	}
	if err := s.capture.End(ctx); err != nil {
		return err
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, t.name), b, 0o644)
}
