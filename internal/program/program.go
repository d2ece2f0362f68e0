// Package program is what a program is to those who start it: a command line
// for people, and a service for systemd.
package program

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Main runs the command of cli, a struct as kong reads it, that the command
// line names, and ends the program: with 2 when there is no such command, with
// 1 when it failed, with 78 when Start says that it will fail again. Without a command it prints the help. vars are for the
// texts of cli, which may have a VersionCmd and a kong.VersionFlag.
func Main(name, version, description string, cli any, vars kong.Vars) {
	built := buildOf(name, version)
	parser := kong.Must(cli, kong.Name(name), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		vars, kong.Vars{"version": built.String()}, kong.Bind(built))
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v; see %s --help\n", name, err, command(name, err))
		os.Exit(2)
	}
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, lastWords(name, err, toJournal(os.Stderr, os.Getenv("JOURNAL_STREAM"))))
		os.Exit(exitCode(err))
	}
}

// lastWords says why the program ends: to the journal in one line, as an error.
func lastWords(name string, err error, journal bool) string {
	text := fmt.Sprintf("%s: %v", name, err)
	if journal {
		text = priorities[3] + OneLine(text)
	}
	return text
}

// command returns the part of the command line that a mistake is in.
func command(name string, err error) string {
	var e *kong.ParseError
	if !errors.As(err, &e) || e.Context == nil || e.Context.Selected() == nil {
		return name
	}
	words := e.Context.Selected().FullPath()
	if i := strings.IndexAny(words, "<["); i >= 0 { // its arguments
		words = strings.TrimSpace(words[:i])
	}
	return words
}
