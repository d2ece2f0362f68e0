// Command compare plays the same calls to sipward-agent and to whatever other
// SIP tools this machine has, and prints what each took of the processor and of
// memory and how much it found: once from capture files, and live over a cable
// between two network namespaces. Tools take turns, round by round, so that what
// else the machine does meets all of them; a figure is the median of the rounds.
// Root; Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sipward/sipward/test/peers"
)

type options struct {
	agent      string
	calls      int
	mediaCalls int
	seed       uint64
	rounds     int
	pps        int
	sipPPS     int
	limit      time.Duration
	dir        string
	noFiles    bool
	noLive     bool
}

func flags(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.agent, "agent", "bin/sipward-agent", "the agent's `program`")
	f.IntVar(&o.calls, "calls", 10_000, "calls of the capture without media")
	f.IntVar(&o.mediaCalls, "media-calls", 1_000, "calls of the capture with media")
	f.Uint64Var(&o.seed, "seed", 1, "which calls; the same seed plays the same ones")
	f.IntVar(&o.rounds, "rounds", 3, "rounds; figures are their median")
	f.IntVar(&o.pps, "pps", 50_000, "packets a second of the live part with media; at most those of its calls in progress")
	f.IntVar(&o.sipPPS, "sip-pps", 17_000, "packets a second of the live part without media; a call has 17")
	f.DurationVar(&o.limit, "limit", 60*time.Second, "how long a tool may take with a file, and to be done after the live part")
	f.StringVar(&o.dir, "dir", "", "`folder` for the captures, which take some 220 MB; default: one that is removed at the end")
	f.BoolVar(&o.noFiles, "no-files", false, "leave out the part that reads files")
	f.BoolVar(&o.noLive, "no-live", false, "leave out the part that captures live")
	if err := f.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // it was printed
	}
	if f.NArg() > 0 || o.calls < 1 || o.mediaCalls < 1 || o.rounds < 1 || o.pps < 1 || o.sipPPS < 1 || o.limit <= 0 {
		return o, errors.New("counts must be positive, and there are no further arguments; see -help")
	}
	return o, nil
}

func main() {
	o, err := flags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = run(ctx, &o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options, out io.Writer) (err error) {
	if o.agent, err = filepath.Abs(o.agent); err != nil {
		return fmt.Errorf("find the agent: %w", err)
	}
	if _, err := os.Stat(o.agent); err != nil {
		return fmt.Errorf("find the agent: %w; run make build", err)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "sipward-compare-"); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer os.RemoveAll(o.dir)
	}
	machine(out)
	versions(ctx, out, o)
	sip, err := o.plain().write(o.dir)
	if err != nil {
		return err
	}
	media, err := o.withMedia().write(o.dir)
	if err != nil {
		return err
	}
	if !o.noFiles {
		for _, c := range []*load{sip, media} {
			if err := compareFiles(ctx, o, c, out); err != nil {
				return err
			}
		}
	}
	if o.noLive {
		return nil
	}
	lab, err := peers.NewLab(ctx, filepath.Join(o.dir, "lab"))
	if err != nil {
		return err
	}
	return errors.Join(compareLive(ctx, o, lab, sip, media, out), lab.Close())
}

func compareLive(ctx context.Context, o *options, lab *peers.Lab, sip, media *load, out io.Writer) error {
	r, err := newRoad(ctx, o, lab)
	if err != nil {
		return err
	}
	if err := r.compare(ctx, sip, o.sipPPS, out); err != nil {
		return err
	}
	// Faster than the calls were, RTP would come before anybody has read its answer.
	const perCall = 100 // packets a second
	return r.compare(ctx, media, min(o.pps, perCall*media.want.Calls.MaxLive), out)
}
