package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// version is set by the linker.
var version = ""

// theVersion returns the version that the binary was built from.
func theVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Fprintln(os.Stdout, versionLine())
	return nil
}

func versionLine() string {
	return fmt.Sprintf("sipward-collector %s (%s, %s/%s)", theVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
