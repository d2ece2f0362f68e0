package main

import (
	"fmt"
	"os"

	"github.com/sipward/sipward/internal/program"
)

// version is set by the linker.
var version = ""

// theVersion returns the version that the binary was built from.
func theVersion() string { return program.Version(version) }

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Fprintln(os.Stdout, versionLine())
	return nil
}

func versionLine() string { return program.VersionLine("sipward-collector", theVersion()) }
