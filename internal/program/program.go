// Package program is what a program is to those who start it: a command line
// for people, and a service for systemd.
package program

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// Version returns the version that a binary was built from: what the linker
// set, else what the Go command noted.
func Version(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// VersionCmd is a command that prints the version.
type VersionCmd struct{}

// Run prints what the flag --version does.
func (VersionCmd) Run(vars kong.Vars) error {
	fmt.Fprintln(os.Stdout, vars["version"])
	return nil
}

// Main runs the command of cli, a struct as kong reads it, that the command
// line names, and ends the program: with 2 when there is no such command, with
// 1 when it failed. Without a command it prints the help. vars are for the
// texts of cli, which may have a VersionCmd and a kong.VersionFlag.
func Main(name, version, description string, cli any, vars kong.Vars) {
	line := fmt.Sprintf("%s %s (%s, %s/%s)", name, version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	parser := kong.Must(cli, kong.Name(name), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		vars, kong.Vars{"version": line})
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
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
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
