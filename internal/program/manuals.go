package program

import (
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/sipward/sipward/internal/manual"
)

// Manuals are the commands that write what a package has beside the program.
type Manuals struct {
	Completion completionCmd `cmd:"" help:"Print the script by which a shell completes commands and flags."`
	Manual     manualCmd     `cmd:"" hidden:"" help:"Print the manual page, as man -l - shows it."`
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script.
func (c completionCmd) Run(ctx *kong.Context) error {
	script, err := manual.Completion(ctx.Model, c.Shell)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(script)
	return err
}

type manualCmd struct{}

// Run prints the page.
func (manualCmd) Run(ctx *kong.Context, b Build, vars kong.Vars) error {
	date, _, _ := strings.Cut(b.Date, "T")
	_, err := os.Stdout.WriteString(manual.Page(ctx.Model, manual.About{
		Version: b.Version, Date: date, Config: vars["config"],
		SeeAlso: []string{b.Name + ".yaml(5)", "journalctl(1)", "systemctl(1)"},
	}))
	return err
}
