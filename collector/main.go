// Command sipward-collector takes what agents send, stores it, and acks what is
// stored. This package wires the parts together and holds the command line; it
// does nothing else.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/sipward/sipward/internal/program"
)

// defaultConfig is where the packages put the configuration.
const defaultConfig = "/etc/sipward/collector.yaml"

const description = `Takes call records and counters from agents by MQTT, and stores each of them exactly
once. Nothing else is needed: it has a broker and a database of its own.

  sipward-collector run                            broker and SQLite, ready at once
  sipward-collector node add switch-1              credentials for the agent of switch-1
  sipward-collector status                         nodes, hours, losses
  sipward-collector blocks assign acme --new       a number block for a new customer
  sipward-collector export calls --from 2026-01-01 calls as CSV`

type cli struct {
	Run     runCmd             `cmd:"" help:"Take and store what agents send until stopped."`
	Check   checkCmd           `cmd:"" help:"Read a configuration file, name every problem in it with its line, and list what is odd."`
	Status  statusCmd          `cmd:"" help:"Print what the running collector knows of its nodes, their hours and losses."`
	Export  exportCmd          `cmd:"" help:"Write calls, attempts or summaries as CSV or JSON lines."`
	Backup  backupCmd          `cmd:"" help:"Copy SQLite and the credentials into a new folder, while the collector runs."`
	Node    nodeCmd            `cmd:"" help:"Add, list and remove the nodes that may connect."`
	Blocks  blocksCmd          `cmd:"" help:"Hand out number blocks, and send the table of customers and blocks to the nodes."`
	Account accountCmd         `cmd:"" help:"List the accounts of the dashboard, and let back in who cannot log in."`
	Version program.VersionCmd `cmd:"" help:"Print the version."`
	program.Manuals

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// version is set by the linker.
var version = ""

// theVersion returns the version that the binary was built from.
func theVersion() string { return program.Version(version) }

func main() {
	program.Main("sipward-collector", theVersion(), description, &cli{}, kong.Vars{"config": defaultConfig})
}

func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "sipward-collector: "+format+"\n", args...)
}
