// Command demo shows Sipward at work: it starts sipward-collector with its embedded
// broker, database and dashboard, and two agents with credentials for it, each on a switch
// of its own; lays a made-up month into their spools, which they send as their backlog;
// plays calls, key presses and registrations over both switches; and compares what was
// played with what the agents counted and what the collector stored. Its exit status is 1
// when they differ. At the end it says how to log in to the dashboard, and on a terminal it
// goes on playing until Ctrl-C.
//
// As root the agents capture on loopback, where the generator sends from real
// sockets. Otherwise the generator reports its packets over HEPv3, as a switch
// does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"
)

type options struct {
	agent, collector string

	seconds     int
	limited     bool // seconds were given
	rate        float64
	seed        uint64
	hep         bool
	keep        bool
	days        int
	perHour     float64
	web         string
	link        bool
	facts       string
	untilSignal bool
}

func flags(args []string) (o options, err error) {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.StringVar(&o.agent, "agent", "bin/sipward-agent", "the agent's `program`")
	f.StringVar(&o.collector, "collector", "bin/sipward-collector", "the collector's `program`")
	f.IntVar(&o.seconds, "seconds", 40, "about how long to play before the comparison, at least 10; with -until-signal: how long to live")
	f.Float64Var(&o.rate, "rate", 4, "new calls a second, of both switches, before the comparison; 0.5 to 200")
	f.Uint64Var(&o.seed, "seed", 1, "which calls; the same seed plays the same ones")
	f.BoolVar(&o.hep, "hep", os.Geteuid() != 0, "feed the agents over HEPv3 instead of letting them capture")
	f.BoolVar(&o.keep, "keep", false, "keep the folder with configs, logs and data")
	f.IntVar(&o.days, "days", 30, "days of made-up history, 0 to 90")
	f.Float64Var(&o.perHour, "history-calls", 200, "calls an hour of the history, on average")
	f.StringVar(&o.web, "web", "127.0.0.1:0", "`address` of the dashboard, on loopback; port 0 takes a free one")
	f.BoolVar(&o.link, "link", false, "make no accounts, and print the one-time link that makes the first one")
	f.StringVar(&o.facts, "facts", "", "write to this `file`, once all runs, how to log in and what the history should come to, as JSON")
	f.BoolVar(&o.untilSignal, "until-signal", false, "compare nothing and keep playing, until SIGTERM or SIGINT, until a pipe at standard input closes, or for -seconds where they are given")
	if err := f.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // it was printed
	}
	f.Visit(func(x *flag.Flag) { o.limited = o.limited || x.Name == "seconds" })
	switch {
	case f.NArg() > 0, o.seconds < 10, o.rate < 0.5, o.rate > 200:
		return o, errors.New("-seconds must be at least 10 and -rate between 0.5 and 200; see -help")
	case o.days < 0, o.days > 90, o.perHour < 1, o.perHour > 2000:
		return o, errors.New("-days must be between 0 and 90 and -history-calls between 1 and 2000; see -help")
	}
	return o, nil
}

func main() {
	o, err := flags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	for _, program := range []*string{&o.agent, &o.collector} {
		if _, err := os.Stat(*program); err != nil {
			return fmt.Errorf("%s is not there, run make build: %w", *program, err)
		}
		if *program, err = filepath.Abs(*program); err != nil {
			return err
		}
	}
	s, err := prepare(ctx, &o)
	if err != nil {
		return err
	}
	defer s.close(o.keep)
	d := &demo{options: o, site: s}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was told to end
		}
		return err
	}
	if o.untilSignal {
		return d.live(ctx)
	}
	if err := d.perform(ctx); err != nil || ctx.Err() != nil || !term.IsTerminal(int(os.Stdout.Fd())) {
		return err
	}
	fmt.Println("New calls are played until Ctrl-C.")
	return d.playOn(ctx)
}

// demo is everything that runs.
type demo struct {
	options
	site      *site
	collector *child
	agents    []*child
	past      *past // nil without
	access    access
}

// start starts the programs, with the past behind them and people who may log in.
func (d *demo) start(ctx context.Context) (err error) {
	begin := time.Now()
	if d.collector, err = startCollector(ctx, d.options.collector, d.site); err != nil {
		return err
	}
	if d.days > 0 {
		if d.past, err = makePast(ctx, d.site, &d.options); err != nil {
			return err
		}
		fmt.Printf("A past of %d days with %d calls is made up, and two agents send it as their backlog.\n", d.days, d.past.calls())
	}
	for _, w := range d.site.switches {
		a, err := start(ctx, w.name, d.options.agent, w.config)
		if err != nil {
			return err
		}
		d.agents = append(d.agents, a)
	}
	if err := d.tabled(ctx); err != nil {
		return err
	}
	if d.past != nil {
		if err := d.past.arrived(ctx, d); err != nil {
			return err
		}
		fmt.Printf("The collector has all of it, %.0f s after the start.\n", time.Since(begin).Seconds())
	}
	return d.admit(ctx)
}

// live plays on until it is told to end.
func (d *demo) live(ctx context.Context) error {
	ctx, stop := untilClosed(ctx, os.Stdin)
	defer stop()
	if d.limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(d.seconds)*time.Second)
		defer cancel()
	}
	if err := d.writeFacts(); err != nil {
		return err
	}
	d.access.say(os.Stdout)
	return d.playOn(ctx)
}

// untilClosed ends the context when in is a pipe whose other end is closed: whoever
// started the demo is gone.
func untilClosed(ctx context.Context, in *os.File) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	if info, err := in.Stat(); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() {
			defer stop()
			var b [512]byte
			for {
				if _, err := in.Read(b[:]); err != nil {
					return
				}
			}
		}()
	}
	return ctx, stop
}

// stop ends the programs, and shows the logs of those that did not end well.
func (d *demo) stop() (err error) {
	for _, c := range append(d.agents, d.collector) {
		if c == nil {
			continue
		}
		if bad := c.stop(); bad != nil {
			err = errors.Join(err, bad, c.complaint())
		}
	}
	return err
}
