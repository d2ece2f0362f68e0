package program

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
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

// Build is what a binary was built from.
type Build struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`   // git's, of the source
	Date     string `json:"date,omitempty"`     // of the commit, RFC 3339
	Modified bool   `json:"modified,omitempty"` // the source had changes beside the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// commit and date are set by the linker, where the Go command may not look for
// itself: a binary is the same then wherever it is built.
var commit, date string

func buildOf(name, version string) Build {
	b := Build{Name: name, Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Commit: commit, Date: date}
	if commit != "" {
		return b
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is one line for people.
func (b Build) String() string {
	var parts []string
	if b.Commit != "" {
		parts = append(parts, "commit "+b.Commit[:min(len(b.Commit), 12)])
	}
	if b.Modified {
		parts = append(parts, "modified")
	}
	if b.Date != "" {
		parts = append(parts, b.Date)
	}
	parts = append(parts, b.Go, b.Platform)
	return fmt.Sprintf("%s %s (%s)", b.Name, b.Version, strings.Join(parts, ", "))
}

// VersionCmd is a command that prints the version.
type VersionCmd struct {
	JSON bool `help:"Print JSON for programs: name, version, commit, date, go, platform."`
}

// Run prints what the flag --version does.
func (c VersionCmd) Run(b Build) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(b)
	}
	fmt.Fprintln(os.Stdout, b)
	return nil
}
