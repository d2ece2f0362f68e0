package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check returns what is wrong with the tree, one line a finding, sorted.
func Check(t Tree) []string {
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(t)) {
		p := t[dir]
		if dir == "sync" {
			out = append(out, "sync: no Go file may stand in sync/ itself: the package would shadow the standard library's sync")
			continue
		}
		out = append(out, checkLayer(dir, p)...)
		out = append(out, checkLibraries(dir, p)...)
		out = append(out, checkTests(dir, p)...)
		if matchAny(pure, dir) {
			out = append(out, checkPure(t, dir)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func checkLayer(dir string, p *Package) []string {
	i := slices.IndexFunc(layers, func(l Layer) bool { return match(l.From, dir) })
	if i < 0 {
		return []string{fmt.Sprintf("%s: the package has no row in the table of layers: say there what it may import, and why", dir)}
	}
	var out []string
	for target, at := range p.Imports {
		local, ok := strings.CutPrefix(target, "./")
		if !ok || matchAny(layers[i].May, local) {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s must not import %s: %s", at, dir, local, layers[i].Reason))
	}
	return out
}

func checkLibraries(dir string, p *Package) []string {
	var out []string
	for target, at := range p.Imports {
		if l, msg := library(target); msg != "" {
			out = append(out, fmt.Sprintf("%s: %s", at, msg))
		} else if l != nil && !matchAny(l.In, dir) {
			out = append(out, fmt.Sprintf("%s: %s must not import %s: %s", at, dir, target, l.Reason))
		}
	}
	for target, at := range p.TestImports {
		if _, msg := library(target); msg != "" {
			out = append(out, fmt.Sprintf("%s: %s", at, msg))
		}
	}
	return out
}

// library finds target's row; nil without message for what is no library.
func library(target string) (*Library, string) {
	first, _, _ := strings.Cut(target, "/")
	if !strings.Contains(first, ".") || first == "." {
		return nil, ""
	}
	var best *Library
	for i := range libraries {
		l := &libraries[i]
		if (target == l.Path || strings.HasPrefix(target, l.Path+"/")) && (best == nil || len(l.Path) > len(best.Path)) {
			best = l
		}
	}
	if best == nil {
		return nil, target + " has no row in the table of libraries: say there where it may be used, and why"
	}
	return best, ""
}

// checkTests holds the two programs apart in tests too, and testkit out of them.
func checkTests(dir string, p *Package) []string {
	var out []string
	for target, at := range p.TestImports {
		local, ok := strings.CutPrefix(target, "./")
		if ok && (match("agent/...", dir) && match("collector/...", local) ||
			match("collector/...", dir) && match("agent/...", local)) {
			out = append(out, fmt.Sprintf("%s: %s must not import %s: agent and collector meet on the wire only", at, dir, local))
		}
	}
	if matchAny(testkitUsers, dir) {
		return out
	}
	for target, at := range p.Imports {
		if local, ok := strings.CutPrefix(target, "./"); ok && match("internal/testkit/...", local) {
			out = append(out, fmt.Sprintf("%s: %s must not import %s: the call generator is for tests and the demo", at, dir, local))
		}
	}
	return out
}

// checkPure follows the imports of dir through the module and reports what any
// package on the way does that a pure one must not.
func checkPure(t Tree, dir string) []string {
	var out []string
	via := map[string]string{dir: dir}
	for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		p := t[at]
		if p == nil {
			continue
		}
		for _, target := range slices.Sorted(maps.Keys(p.Imports)) {
			if local, ok := strings.CutPrefix(target, "./"); ok {
				if _, seen := via[local]; !seen {
					via[local] = via[at] + " -> " + local
					queue = append(queue, local)
				}
			} else if reason := banned(target); reason != "" {
				out = append(out, fmt.Sprintf("%s: %s is pure and must not import %s: %s", p.Imports[target], via[at], target, reason))
			}
		}
		for _, u := range p.Uses {
			reason := reasonClock
			if u.What == "go statement" {
				reason = reasonGo
			}
			out = append(out, fmt.Sprintf("%s: %s is pure and must not have %s: %s", u.At, via[at], u.What, reason))
		}
	}
	return out
}

func banned(target string) string {
	for _, b := range bans {
		if match(b.Path, target) {
			return b.Reason
		}
	}
	return ""
}

func matchAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, dir) })
}

func match(pattern, dir string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return dir == root || strings.HasPrefix(dir, root+"/")
	}
	return pattern == dir
}
