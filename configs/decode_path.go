package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// at reports a problem with the value at path, or the nearest above it that the
// file has.
func (d *decoder) at(path, format string, args ...any) {
	d.fail(d.lineOf(path), format, args...)
}

// lineOf returns the line of the value at path, as customers[1].addresses[0], or
// of the nearest above it that the file has.
func (d *decoder) lineOf(path string) int {
	n, at := &d.root, 1
	for path != "" {
		var step string
		i := strings.IndexAny(path[1:], ".[") + 1
		if i == 0 {
			i = len(path)
		}
		step, path = path[:i], path[i:]
		below, line := n.step(strings.TrimPrefix(step, "."))
		if below == nil {
			break
		}
		n, at = below, line
	}
	return at
}

// step returns what is at a key, or at an index as [1], and its line; nil when
// there is nothing.
func (n *node) step(to string) (below *node, line int) {
	if digits, ok := strings.CutPrefix(to, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
		if err != nil || i >= len(n.items) {
			return nil, 0
		}
		return &n.items[i], n.items[i].line
	}
	for i := range n.pairs {
		if n.pairs[i].key == to {
			return &n.pairs[i].value, n.pairs[i].line
		}
	}
	return nil, 0
}

// trail is the way to a value. It becomes a text when somebody has to be told.
type trail struct {
	up    *trail
	key   string // "": an index
	index int
}

// String returns the way as in customers[1].addresses[0]; nil is the file itself.
func (t *trail) String() string {
	switch {
	case t == nil:
		return ""
	case t.key == "":
		return fmt.Sprintf("%s[%d]", t.up, t.index)
	}
	return join(t.up.String(), t.key)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
