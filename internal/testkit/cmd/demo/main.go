// Command demo shows Sipward at work: it starts sipward-collector with its
// embedded broker and database, and sipward-agent with credentials for it, plays
// made-up calls, key presses and registrations, shows the agent's live figures,
// and at the end compares what was played with what the agent counted and what
// the collector stored. Its exit status is 1 when they differ.
//
// As root the agent captures on loopback, where the generator sends from real
// sockets. Otherwise the generator reports its packets over HEPv3, as a switch
// does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/sipward/sipward/internal/testkit"
)

type options struct {
	agent, collector string

	seconds int
	rate    float64
	seed    uint64
	hep     bool
	keep    bool
}

func main() {
	var o options
	flag.StringVar(&o.agent, "agent", "bin/sipward-agent", "the agent's `program`")
	flag.StringVar(&o.collector, "collector", "bin/sipward-collector", "the collector's `program`")
	flag.IntVar(&o.seconds, "seconds", 40, "about how long to play, at least 10")
	flag.Float64Var(&o.rate, "rate", 4, "new calls a second, 0.5 to 200")
	flag.Uint64Var(&o.seed, "seed", 1, "which calls; the same seed plays the same ones")
	flag.BoolVar(&o.hep, "hep", os.Geteuid() != 0, "feed the agent over HEPv3 instead of letting it capture")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with the agent's config and log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.seconds < 10 || o.rate < 0.5 || o.rate > 200 || flag.NArg() > 0 {
		return errors.New("-seconds must be at least 10 and -rate between 0.5 and 200; see -help")
	}
	for _, program := range []*string{&o.agent, &o.collector} {
		if _, err := os.Stat(*program); err != nil {
			return fmt.Errorf("%s is not there, run make build: %w", *program, err)
		}
		if *program, err = filepath.Abs(*program); err != nil {
			return err
		}
	}
	length := time.Duration(o.seconds) * time.Second
	plan, err := planFor(length, o.rate, o.seed)
	if err != nil {
		return err
	}
	s, err := prepare(ctx, &plan, o.hep)
	if err != nil {
		return err
	}
	if o.keep {
		defer fmt.Println("kept:", s.dir)
	} else {
		defer os.RemoveAll(s.dir)
	}
	rows, err := perform(ctx, o, s, plan, length)
	if err != nil {
		return err
	}
	if !same(rows) {
		return errors.New("something else was counted or stored than was played")
	}
	return nil
}

// perform starts the programs, plays, compares, and ends the programs.
func perform(ctx context.Context, o options, s *site, plan testkit.Plan, length time.Duration) (rows []row, err error) {
	c, err := startCollector(ctx, o.collector, s)
	if err != nil {
		return nil, err
	}
	url, err := dashboard(c)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	fmt.Printf("The dashboard, where this link makes the first account: %s\n\n", url)
	a, err := start(ctx, "agent", o.agent, s.config())
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	defer func() {
		if err = errors.Join(err, a.stop(), c.stop()); err != nil {
			err = errors.Join(err, a.complaint(), c.complaint())
		}
	}()
	rows, want, err := show(ctx, s, a, plan, length)
	if err != nil {
		return nil, err
	}
	got, err := delivered(context.WithoutCancel(ctx), c, want.Calls.Total)
	if err != nil {
		return nil, err
	}
	rows = append(rows,
		row{"calls in the collector", want.Calls.Total, got.calls},
		row{"answered in the collector", want.Calls.Answered, got.answered})
	summary(os.Stdout, rows)
	if same(rows) {
		fmt.Println("\nThe agent counted what was played, and the collector has every call.")
		linger(ctx, url)
	}
	return rows, nil
}

// linger leaves everything running for whoever looks at it.
func linger(ctx context.Context, url string) {
	if ctx.Err() != nil || !term.IsTerminal(int(os.Stdout.Fd())) {
		return
	}
	fmt.Printf("The dashboard goes on until Ctrl-C: %s\n", url)
	<-ctx.Done()
}

// prepare makes a folder with the agent's config.
func prepare(ctx context.Context, plan *testkit.Plan, hep bool) (*site, error) {
	dir, err := os.MkdirTemp("", "sipward-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the agent: %w", err)
	}
	s := &site{dir: dir}
	if s.broker, err = freeAddress(ctx, "tcp"); err != nil {
		return nil, err
	}
	if hep {
		if s.hep, err = freeAddress(ctx, "udp"); err != nil {
			return nil, err
		}
	}
	return s, s.write(plan)
}

// freeAddress finds a port that nobody has.
func freeAddress(ctx context.Context, network string) (string, error) {
	var listen net.ListenConfig
	const loopback = "127.0.0.1:0"
	if network == "udp" {
		conn, err := listen.ListenPacket(ctx, network, loopback)
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		return conn.LocalAddr().String(), conn.Close()
	}
	l, err := listen.Listen(ctx, network, loopback)
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// show plays the plan and draws the agent's figures once a second. Its rows are
// the comparison at the end.
func show(ctx context.Context, s *site, a *child, plan testkit.Plan, length time.Duration) ([]row, *testkit.Expected, error) {
	sink, closeSink, err := s.sink(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer closeSink()
	sc := &screen{w: os.Stdout, terminal: term.IsTerminal(int(os.Stdout.Fd())), source: "capture on loopback"}
	if s.hep != "" {
		sc.source = "HEPv3 over UDP"
	}
	progress := &testkit.Progress{}
	done := make(chan played, 1)
	go func() {
		// Calls that began are played to their end, whatever ctx says.
		want, err := testkit.Play(plan, &testkit.Pace{Context: context.WithoutCancel(ctx), To: sink}, progress)
		done <- played{want, err}
	}()
	begin := time.Now()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	interrupt := ctx.Done()
	for {
		select {
		case <-second.C:
			var got status
			if a.status(context.WithoutCancel(ctx), &got) == nil {
				sc.draw(time.Since(begin), length, progress, &got)
			}
		case <-a.ended:
			return nil, nil, errors.New("the agent ended while calls were played")
		case <-interrupt:
			fmt.Println("\nNo new calls; those in progress come to their end.")
			progress.Stop()
			interrupt, sc.drawn = nil, 0
		case p := <-done:
			if p.err != nil {
				return nil, nil, p.err
			}
			rows, err := settle(context.WithoutCancel(ctx), a, p.want)
			return rows, p.want, err
		}
	}
}

type played struct {
	want *testkit.Expected
	err  error
}

// settleWait is how long the agent may take to publish its last figures: it
// keeps a call for some seconds after its end, for what may still come.
const settleWait = 10 * time.Second

// settle reads the agent's figures until they are those expected, or do not
// become so.
func settle(ctx context.Context, a *child, want *testkit.Expected) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var rows []row
	for {
		var got status
		err := a.status(ctx, &got)
		if err == nil {
			if rows = compare(want, &got); same(rows) {
				return rows, nil
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			if rows == nil {
				return nil, err
			}
			return rows, nil
		}
	}
}

// sink is where the generator's packets go.
func (s *site) sink(ctx context.Context) (testkit.Sink, func(), error) {
	if s.hep == "" {
		live := testkit.NewLive()
		return live, func() { _ = live.Close() }, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", s.hep)
	if err != nil {
		return nil, nil, fmt.Errorf("reach the agent's HEP listener: %w", err)
	}
	return &testkit.HEP{W: conn, Node: 1, Media: true}, func() { _ = conn.Close() }, nil
}
