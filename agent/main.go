// Command sipward-agent watches the calls that pass a SIP switch: live, or in
// capture files. This package wires the parts together and holds the command
// line; it does nothing else.
package main

import (
	"github.com/alecthomas/kong"

	"github.com/sipward/sipward/internal/program"
)

// defaultConfig is where the packages put the configuration.
const defaultConfig = "/etc/sipward/agent.yaml"

const description = `Watches a SIP switch from the side: live channels, call figures, media and DTMF
digits, per customer, per carrier and in total. It stands in the path of no call.

  sipward-agent check agent.yaml           is the configuration right?
  sipward-agent run --config agent.yaml    watch this host
  sipward-agent status                     the figures of the running agent
  sipward-agent top                        the same, live in the terminal
  sipward-agent replay call.pcap           the same figures from capture files`

type cli struct {
	Run     runCmd             `cmd:"" help:"Watch this host until stopped: capture, count, and serve the figures."`
	Replay  replayCmd          `cmd:"" help:"Read capture files (pcap, pcapng, gzip of both, - for standard input) and print what they hold."`
	Check   checkCmd           `cmd:"" help:"Read a configuration file, name every problem in it with its line, and list what is odd."`
	Status  statusCmd          `cmd:"" help:"Print the figures of the running agent."`
	Top     topCmd             `cmd:"" help:"Watch the running agent in the terminal: channels, calls and figures of customers and carriers, once a second."`
	Guard   guardCmd           `cmd:"" help:"Number blocks: explain a verdict, list bindings, strays and bans, print the firewall rules."`
	Spool   spoolCmd           `cmd:"" help:"Look at the records on disk that wait for a collector: list, dump, verify."`
	Version program.VersionCmd `cmd:"" help:"Print the version."`
	program.Manuals

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// version is set by the linker.
var version = ""

// theVersion returns the version that the binary was built from.
func theVersion() string { return program.Version(version) }

func main() {
	program.Main("sipward-agent", theVersion(), description, &cli{}, kong.Vars{"config": defaultConfig})
}
