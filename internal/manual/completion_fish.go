package manual

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// fish has a line for each command and flag, with the commands after which it is
// offered.
func fish(app *kong.Application) string {
	var b strings.Builder
	at := "__" + strings.ReplaceAll(app.Name, "-", "_") + "_at"
	fmt.Fprintf(&b, "# fish completion of %s, written by `%s completion fish`\n", app.Name, app.Name)
	fmt.Fprintf(&b, `
# Whether the words that are there, but for flags, begin with exactly these commands.
function %s
    set -l words (commandline -opc)[2..-1]
    set -l found
    for word in $words
        string match -q -- '-*' $word; and continue
        contains -- (string join ' ' -- $found $word) $%s_commands; and set -a found $word
    end
    test "$found" = "$argv"
end
set -g %s_commands`, at, at, at)
	walk(app.Node, func(n *kong.Node) {
		if n.Parent != nil {
			b.WriteString(" " + quote(strings.TrimSpace(path(n))))
		}
	})
	b.WriteString("\n\n")
	walk(app.Node, func(n *kong.Node) {
		line := fmt.Sprintf("complete -c %s -n %s", app.Name, quote(strings.TrimSpace(at+path(n))))
		for _, c := range n.Children {
			if !c.Hidden {
				fmt.Fprintf(&b, "%s -f -a %s -d %s\n", line, c.Name, quote(oneLine(c.Help)))
			}
		}
		for _, p := range n.Positional {
			if c := choices(p); c != nil {
				fmt.Fprintf(&b, "%s -f -a %s -d %s\n", line, quote(strings.Join(c, " ")), quote(oneLine(p.Help)))
			}
		}
		for _, f := range allFlags(app, n) {
			fishFlag(&b, line, f)
		}
	})
	return b.String()
}

func fishFlag(b *strings.Builder, line string, f *kong.Flag) {
	short := ""
	if f.Short != 0 {
		short = " -s " + string(f.Short)
	}
	value := ""
	switch c := choices(f.Value); {
	case c != nil:
		value = " -x -a " + quote(strings.Join(c, " "))
	case takesValue(f):
		value = " -r"
	}
	fmt.Fprintf(b, "%s -l %s%s%s -d %s\n", line, f.Name, short, value, quote(oneLine(f.Help)))
}
