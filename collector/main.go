// Command sipward-collector takes what agents send, stores it, and acks what is
// stored. This package wires the parts together and holds the command line; it
// does nothing else.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// defaultConfig is where the packages put the configuration.
const defaultConfig = "/etc/sipward/collector.yaml"

const description = `Takes call records and counters from agents by MQTT, and stores each of them exactly
once. Nothing else is needed: it has a broker and a database of its own.

  sipward-collector run                            broker and SQLite, ready at once
  sipward-collector node add switch-1              credentials for the agent of switch-1
  sipward-collector status                         nodes, hours, losses
  sipward-collector export calls --from 2026-01-01 calls as CSV`

type cli struct {
	Run     runCmd     `cmd:"" help:"Take and store what agents send until stopped."`
	Check   checkCmd   `cmd:"" help:"Read a configuration file, name every problem in it with its line, and list what is odd."`
	Status  statusCmd  `cmd:"" help:"Print what the running collector knows of its nodes, their hours and losses."`
	Export  exportCmd  `cmd:"" help:"Write calls, attempts or summaries as CSV or JSON lines."`
	Backup  backupCmd  `cmd:"" help:"Copy SQLite and the credentials into a new folder, while the collector runs."`
	Node    nodeCmd    `cmd:"" help:"Add, list and remove the nodes that may connect."`
	Version versionCmd `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("sipward-collector"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Vars{"config": defaultConfig, "version": versionLine()})
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sipward-collector: %v; see %s --help\n", err, command(err))
		os.Exit(2)
	}
	if err := ctx.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "sipward-collector: %v\n", err)
		os.Exit(1)
	}
}

// command returns the part of the command line that a mistake is in.
func command(err error) string {
	var e *kong.ParseError
	if errors.As(err, &e) && e.Context != nil && e.Context.Selected() != nil {
		words := e.Context.Selected().FullPath()
		if i := strings.IndexAny(words, "<["); i >= 0 { // its arguments
			words = strings.TrimSpace(words[:i])
		}
		return words
	}
	return "sipward-collector"
}

func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "sipward-collector: "+format+"\n", args...)
}
