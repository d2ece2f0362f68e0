// Package manual writes what a command line looks like for others than people who
// run --help: manual pages, and completions for shells. All come from the model
// of the command line itself, so they cannot differ from it.
package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// About is what a manual page says beside the command line.
type About struct {
	Version string
	Date    string // of the version, as 2006-01-02
	Config  string // the configuration file, if there is one
	SeeAlso []string
}

// Page returns the manual page (section 1) of a program with all its commands.
func Page(app *kong.Application, about About) string {
	r := &roff{}
	r.macro("TH", strings.ToUpper(app.Name), "1", about.Date, app.Name+" "+about.Version, "User Commands")
	short, _, _ := strings.Cut(app.Help, ". ")
	r.macro("SH", "NAME")
	r.text(app.Name + " \\- " + escape(lowerFirst(strings.ReplaceAll(strings.TrimSuffix(short, "."), "\n", " "))))
	r.macro("SH", "SYNOPSIS")
	r.text("\\fB" + escape(app.Name) + "\\fR \\fIcommand\\fR [\\fIflags\\fR]")
	r.macro("SH", "DESCRIPTION")
	r.prose(app.Help)
	r.macro("SH", "COMMANDS")
	commands(app.Node, func(n *kong.Node) { r.command(app, n) })
	r.macro("SH", "FLAGS OF ALL COMMANDS")
	r.flags(app.Flags)
	r.macro("SH", "EXIT STATUS")
	r.text("0 when all is well, 1 when the command failed, 2 when there is no such command or flag, 78 when run needs a configuration, or files, that somebody has to mend first.")
	if about.Config != "" {
		r.macro("SH", "FILES")
		r.macro("TP")
		r.text("\\fI" + escape(about.Config) + "\\fR")
		r.text("The configuration, unless a flag names another one.")
	}
	r.seeAlso(about.SeeAlso)
	return r.String()
}

// commands calls f for the commands below n that do something, in their order.
func commands(n *kong.Node, f func(*kong.Node)) {
	for _, c := range n.Children {
		switch {
		case c.Hidden:
		case c.Leaf():
			f(c)
		default:
			commands(c, f)
		}
	}
}

// words are the names of a command, from below the program down.
func words(n *kong.Node) []string {
	if n.Parent == nil {
		return nil
	}
	return append(words(n.Parent), n.Name)
}

// ownFlags are the flags of a command and of those that it is below, but for
// those of the program.
func ownFlags(n *kong.Node) (out []*kong.Flag) {
	for ; n.Parent != nil; n = n.Parent {
		out = append(visible(n.Flags), out...)
	}
	return out
}

func visible(flags []*kong.Flag) (out []*kong.Flag) {
	for _, f := range flags {
		if !f.Hidden {
			out = append(out, f)
		}
	}
	return out
}

// command writes one command: how it is called, and what everything in that is.
func (r *roff) command(app *kong.Application, n *kong.Node) {
	r.macro("SS", strings.Join(words(n), " "))
	line := "\\fB" + escape(app.Name+" "+strings.Join(words(n), " ")) + "\\fR"
	for _, p := range n.Positional {
		line += " \\fI" + escape(p.Summary()) + "\\fR"
	}
	if len(ownFlags(n)) > 0 {
		line += " [\\fIflags\\fR]"
	}
	r.text(line)
	r.macro("PP")
	r.prose(n.Help)
	if n.Detail != "" {
		r.macro("PP")
		r.prose(n.Detail)
	}
	for _, p := range n.Positional {
		r.macro("TP")
		r.text("\\fI" + escape(p.Summary()) + "\\fR")
		r.prose(p.Help)
	}
	r.flags(ownFlags(n))
}

func (r *roff) flags(flags []*kong.Flag) {
	for _, f := range visible(flags) {
		r.macro("TP")
		head := "\\fB" + escape("--"+f.Name) + "\\fR"
		if f.Short != 0 {
			head = "\\fB" + escape("-"+string(f.Short)) + "\\fR, " + head
		}
		if takesValue(f) {
			head += "=\\fI" + escape(strings.Trim(f.FormatPlaceHolder(), `"`)) + "\\fR"
		}
		r.text(head)
		r.prose(f.Help)
		if f.Enum != "" {
			r.text(escape("One of: " + strings.Join(f.EnumSlice(), ", ") + "."))
		}
	}
}

// takesValue reports whether something has to follow a flag.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func (r *roff) seeAlso(pages []string) {
	if len(pages) == 0 {
		return
	}
	r.macro("SH", "SEE ALSO")
	for i, p := range pages {
		name, section, _ := strings.Cut(p, "(")
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		r.line(fmt.Sprintf(".BR %s (%s%s", escape(name), section, comma))
	}
}
