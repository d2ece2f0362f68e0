package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
)

// What tools count.
const (
	calls    = "calls"
	messages = "SIP messages"
	rtp      = "RTP packets"
	digits   = "digits"
)

// found is what a tool says that it saw.
type found struct {
	unit string
	n    int
}

// tool is one way to run a program. Its work is not the same as another's: does
// says what it does with the packets.
type tool struct {
	program string
	does    string
	args    []string                    // FILE and DEVICE are put in, and LIMIT: more calls than are played
	found   func(output []byte) []found // nil: it does not say
	filter  string                      // of our agent, live
	rtp     bool                        // our agent counts RTP
	hep     bool                        // it sends HEP: what arrives is what it found
}

// sipOnly makes the kernel, or libpcap, hold media back.
const sipOnly = "port 5060"

// hepPort is where the receiver of HEP listens, next to the tool.
const hepPort = 9060

// files are the tools that read a capture; ours is first. media says that they
// have RTP to read.
func files(o *options, media bool) []tool {
	list := []tool{
		{program: o.agent, does: "calls, SIP and RTP figures, digits", args: []string{"replay", "--json", "FILE"}, found: replayed},
		{program: "sngrep", does: "dialogs, keeps the messages", args: []string{"-F", "-N", "-l", "LIMIT", "-I", "FILE", "", sipOnly}, found: dialogs},
	}
	if media {
		list[1].does += "; a filter holds RTP back"
		list = append(list,
			tool{program: "sngrep", does: "dialogs, keeps the messages; RTP streams", args: []string{"-F", "-N", "-l", "LIMIT", "-I", "FILE"}, found: dialogs},
			tool{program: "tshark", does: "SIP and RTP statistics", args: []string{"-n", "-q", "-r", "FILE", "-z", "sip,stat", "-z", "rtp,streams"}, found: statistics})
	} else {
		list = append(list, tool{program: "tshark", does: "SIP statistics", args: []string{"-n", "-q", "-r", "FILE", "-z", "sip,stat"}, found: statistics})
	}
	return append(list,
		tool{program: "sipgrep", does: "prints the messages", args: []string{"-R", "-C", "-I", "FILE"}},
		tool{program: "tcpdump", does: "copies SIP packets, decodes nothing: the floor", args: []string{"-w", "/dev/null", "-r", "FILE", sipOnly}})
}

// live are the tools that capture; ours is first. media says that RTP goes past
// them as well.
func live(o *options, media bool) []tool {
	hep := fmt.Sprintf("127.0.0.1:%d", hepPort)
	held := ""
	list := []tool{{program: o.agent, does: "calls, figures, records (eBPF)", filter: "ebpf"}}
	if media {
		held = "; a filter holds RTP back"
		list = []tool{
			{program: o.agent, does: "calls, figures, records; RTP figures in the kernel; digits (eBPF)", filter: "ebpf", rtp: true},
			{program: o.agent, does: "calls, figures, records; digits; no RTP figures (classic)", filter: "classic"},
			{program: "sngrep", does: "dialogs, keeps the messages; RTP streams", args: []string{"-F", "-N", "-B", "16", "-l", "LIMIT", "-d", "DEVICE"}, found: dialogs},
		}
	}
	return append(list,
		tool{program: "sngrep", does: "dialogs, keeps the messages" + held, args: []string{"-F", "-N", "-B", "16", "-l", "LIMIT", "-d", "DEVICE", "", sipOnly}, found: dialogs},
		tool{program: "sngrep", does: "the same, and the messages as HEP" + held, args: []string{"-F", "-N", "-q", "-B", "16", "-l", "LIMIT", "-d", "DEVICE", "-H", "udp:" + hep, "", sipOnly}, hep: true},
		tool{program: "sipgrep", does: "the messages as HEP, and prints them" + held, args: []string{"-R", "-C", "-d", "DEVICE", "-H", "udp:" + hep}, hep: true},
		tool{program: "heplify", does: "the messages as HEP", args: []string{"-e", "-m", "SIP", "-i", "DEVICE", "-hs", hep}, hep: true},
		tool{program: "tshark", does: "SIP statistics" + held, args: []string{"-n", "-q", "-B", "16", "-i", "DEVICE", "-f", sipOnly, "-z", "sip,stat"}, found: statistics},
		tool{program: "tcpdump", does: "copies SIP packets, decodes nothing: the floor", args: []string{"-B", "16384", "-w", "/dev/null", "-i", "DEVICE", sipOnly}})
}

// elsewhere are tools that no command line here can stand for.
var elsewhere = map[string]string{
	"voipmonitor":  "it needs a MySQL server and a configuration",
	"sip-exporter": "it is run as a container",
	"captagent":    "it needs a configuration",
}

// fill puts the values of this run into the arguments.
func (t *tool) fill(values map[string]string) []string {
	out := make([]string, len(t.args))
	for i, a := range t.args {
		if v, is := values[a]; is {
			a = v
		}
		out[i] = a
	}
	return out
}

// replayed reads what `sipward-agent replay --json` prints.
func replayed(output []byte) []found {
	var r struct {
		SIP   struct{ Messages int }
		Calls struct{ Answered int }
		RTP   struct{ Packets int }
		DTMF  []struct{ Count int }
	}
	if err := json.Unmarshal(output, &r); err != nil {
		return nil // it is shown as nothing found
	}
	out := []found{{calls, r.Calls.Answered}}
	if r.RTP.Packets > 0 {
		n := 0
		for _, d := range r.DTMF {
			n += d.Count
		}
		out = append(out, found{rtp, r.RTP.Packets}, found{digits, n})
	}
	return out
}

var dialogCount = regexp.MustCompile(`Dialog count: ([0-9]+)`)

// dialogs reads the last of the counts that sngrep prints.
func dialogs(output []byte) []found {
	all := dialogCount.FindAllSubmatch(output, -1)
	if len(all) == 0 {
		return nil
	}
	return number(calls, all[len(all)-1][1])
}

var messageCount = regexp.MustCompile(`Number of SIP messages: ([0-9]+)`)

// statistics reads what tshark's sip,stat prints.
func statistics(output []byte) []found {
	m := messageCount.FindSubmatch(output)
	if m == nil {
		return nil
	}
	return number(messages, m[1])
}

func number(unit string, text []byte) []found {
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return nil // more digits than a count can have
	}
	return []found{{unit, n}}
}
