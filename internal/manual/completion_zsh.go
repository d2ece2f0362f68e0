package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// zsh has a function for the program and for each command, which say to
// _arguments what may follow.
func zsh(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n# zsh completion of %s, written by `%s completion zsh`\n", app.Name, app.Name, app.Name)
	walk(app.Node, func(n *kong.Node) {
		fmt.Fprintf(&b, "\n%s() {\n", zshFunction(app, n))
		if n.Leaf() {
			b.WriteString("  _arguments -s" + zshArguments(app, n) + "\n}\n")
			return
		}
		b.WriteString("  local line state\n  _arguments -C" + zshArguments(app, n) + ` \
    '1: :->command' '*::argument:->rest'
  case $state in
  command)
    local -a commands=(
`)
		for _, c := range n.Children {
			if !c.Hidden {
				fmt.Fprintf(&b, "      %s\n", quote(c.Name+":"+oneLine(c.Help)))
			}
		}
		b.WriteString("    )\n    _describe command commands\n    ;;\n  rest)\n    case $line[1] in\n")
		for _, c := range n.Children {
			if !c.Hidden {
				fmt.Fprintf(&b, "    %s) %s ;;\n", c.Name, zshFunction(app, c))
			}
		}
		b.WriteString("    esac\n    ;;\n  esac\n}\n")
	})
	fmt.Fprintf(&b, "\n%s \"$@\"\n", zshFunction(app, app.Node))
	return b.String()
}

func zshFunction(app *kong.Application, n *kong.Node) string {
	return "_" + app.Name + strings.ReplaceAll(path(n), " ", "_")
}

func zshArguments(app *kong.Application, n *kong.Node) string {
	var b strings.Builder
	for _, f := range allFlags(app, n) {
		for _, s := range spellings(f) {
			spec, value := s, ""
			if takesValue(f) {
				value = ":" + f.Name + ":" + zshValues(f.Value)
				if strings.HasPrefix(s, "--") {
					spec += "="
				}
			}
			repeat := ""
			if f.IsCumulative() {
				repeat = "*"
			}
			fmt.Fprintf(&b, " \\\n    %s", quote(repeat+spec+"["+zshText(f.Help)+"]"+value))
		}
	}
	for i, p := range n.Positional {
		place := fmt.Sprint(i + 1)
		if !p.Required {
			place += ":"
		}
		if p.IsCumulative() {
			place = "*"
		}
		fmt.Fprintf(&b, " \\\n    %s", quote(place+":"+p.Name+":"+zshValues(p)))
	}
	return b.String()
}

func zshValues(v *kong.Value) string {
	if c := choices(v); c != nil {
		return "(" + strings.Join(c, " ") + ")"
	}
	return "_files"
}

// zshText keeps a text from ending the brackets it is in.
func zshText(s string) string {
	return strings.NewReplacer("[", "(", "]", ")", ":", `\:`).Replace(oneLine(s))
}

// oneLine is the first sentence of a text.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.Join(strings.Fields(s), " "), ". ")
	return strings.TrimSuffix(s, ".")
}

// quote makes one word of s, for all shells.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
