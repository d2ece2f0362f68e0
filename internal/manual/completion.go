package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that Completion knows.
var Shells = []string{"bash", "zsh", "fish"}

// Completion returns the script by which a shell completes the command line.
func Completion(app *kong.Application, shell string) (string, error) {
	switch shell {
	case "bash":
		return bash(app), nil
	case "zsh":
		return zsh(app), nil
	case "fish":
		return fish(app), nil
	}
	return "", fmt.Errorf("no completion for the shell %q: there is %s", shell, strings.Join(Shells, ", "))
}

// walk calls f for the program and each of its visible commands, outer ones first.
func walk(n *kong.Node, f func(*kong.Node)) {
	f(n)
	for _, c := range n.Children {
		if !c.Hidden {
			walk(c, f)
		}
	}
}

// below are the names of the commands directly below n.
func below(n *kong.Node) (out []string) {
	for _, c := range n.Children {
		if !c.Hidden {
			out = append(out, c.Name)
		}
	}
	return out
}

// allFlags are the flags that may follow n: its own, and those of the program.
func allFlags(app *kong.Application, n *kong.Node) []*kong.Flag {
	return append(ownFlags(n), visible(app.Flags)...)
}

// spellings are the ways to write a flag.
func spellings(f *kong.Flag) []string {
	out := []string{"--" + f.Name}
	if f.Short != 0 {
		out = append(out, "-"+string(f.Short))
	}
	return out
}

// choices are the values that a flag or argument may have, if they are known.
func choices(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(v.EnumSlice(), func(s string) bool { return s == "" })
}

// bash completes with one function: it finds the command that the words name,
// and offers what may follow it. Where a file may stand, files are offered.
func bash(app *kong.Application) string {
	var b strings.Builder
	function := "_" + strings.ReplaceAll(app.Name, "-", "_")
	fmt.Fprintf(&b, "# bash completion of %s, written by `%s completion bash`\n%s() {\n", app.Name, app.Name, function)
	b.WriteString(`  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at="" word i
  local commands flags values
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$at $word" in
`)
	walk(app.Node, func(n *kong.Node) {
		if n.Parent != nil {
			fmt.Fprintf(&b, "    '%s') at='%s' ;;\n", path(n), path(n))
		}
	})
	b.WriteString("    esac\n  done\n  case $at in\n")
	walk(app.Node, func(n *kong.Node) {
		var flags []string
		for _, f := range allFlags(app, n) {
			flags = append(flags, spellings(f)...)
		}
		fmt.Fprintf(&b, "  '%s')\n    commands='%s'\n    flags='%s'\n", path(n), strings.Join(below(n), " "), strings.Join(flags, " "))
		for _, p := range n.Positional {
			if c := choices(p); c != nil {
				fmt.Fprintf(&b, "    values='%s'\n", strings.Join(c, " "))
			}
		}
		b.WriteString("    case $prev in\n")
		for _, f := range allFlags(app, n) {
			switch c := choices(f.Value); {
			case c != nil:
				fmt.Fprintf(&b, "    %s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n", strings.Join(spellings(f), "|"), strings.Join(c, " "))
			case takesValue(f):
				fmt.Fprintf(&b, "    %s) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n", strings.Join(spellings(f), "|"))
			}
		}
		b.WriteString("    esac\n    ;;\n")
	})
	fmt.Fprintf(&b, `  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif [[ -n $commands$values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands $values" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}
complete -o filenames -F %s %s
`, function, app.Name)
	return b.String()
}

// path is how the scripts name a command: each of its words after a blank.
func path(n *kong.Node) string {
	if n.Parent == nil {
		return ""
	}
	return path(n.Parent) + " " + n.Name
}
